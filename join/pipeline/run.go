package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/row"
	"github.com/statelab/statelab/join/source"
	"github.com/statelab/statelab/vfs"
)

// Options are what a pipeline runs with. OpenStore is required.
type Options struct {
	// OpenStore opens a backend by its spec; backends.Open does.
	OpenStore func(spec, dir string, o *statelab.Options) (statelab.Store, error)

	// FS holds inputs, outputs and state; nil is vfs.OS.
	FS vfs.FS

	// TempDir is where the state lies if the definition names no dir. It does
	// not exist or is empty, and is the caller's to remove.
	TempDir string

	Stdin  io.Reader // for the file "-"; a read that is under way when the run ends may outlast it
	Stdout io.Writer // for the file "-"

	// Progress is called every 4096 rows, and at the end every 4096 samples;
	// nil is not.
	Progress func(Progress)

	// Commit has the join commit for each value received, as it does by itself at intervals and at
	// the end; nil does not.
	Commit <-chan os.Signal

	// HotKeys is called at the end of a run that has joined anything, with the keys
	// that make up a hundredth of its events or more, the most frequent first; nil is not.
	HotKeys func([]HotKey)

	// Monitor tells others how the run is doing; nil is nobody.
	Monitor *Monitor

	// Logger is told when a run begins, goes on from an earlier one, commits (at the
	// level debug), stops and ends, and given to the stores; nil is not.
	Logger *slog.Logger
}

// Progress says how far a run is.
type Progress struct {
	Rows      int64 // of both sides, read by this run
	Watermark int64 // of the join, µs; math.MaxInt64 when the input has ended
	Stats     func() statelab.Stats
}

// progressRows is how many rows, or samples at the end, lie between calls of
// Progress and between looks at the context.
const progressRows = 4096

// A Summary is the join's, and the SHA-256 of the output.
type Summary struct {
	join.Summary
	Checksum string `json:"checksum"`
}

// ErrStopped is found in Run's error if its context was cancelled.
var ErrStopped = errors.New("stopped")

type run struct {
	def      *Definition
	opts     Options
	dir      string // of the state
	resuming bool   // a state dir was given, so commits are worth their cost
	ctx      context.Context
	note     []byte           // the head of every partition's
	schemas  [2][]*row.Schema // by side, of its sources

	inputs     []*input      // those of the left side first
	ready      chan struct{} // told when a live input has something
	count      int           // of partitions
	partitions []*partition
	merger     *merger      // of partitions without commits; nil if there is one, or there are
	rounds     *rounds      // of partitions with commits, if files are followed; nil if there are none
	batch      *batch       // in batch mode, and then there are no partitions
	switching  sync.RWMutex // held while a batch gives way to a partition
	layout     layout
	lock       io.Closer // of the layout

	order     readingOrder
	unflushed int64 // bytes of rows since all partitions were last told to emit what is due
	commits   commits
	to        feed
	hot       *hotKeys // nil if nobody asks

	reporting sync.Mutex
	rows      atomic.Int64 // read by this run
	monitored *monitored   // nil if nobody asks
	opened    atomic.Bool  // partitions can be asked for their status
	log       *slog.Logger
}

// Run runs a pipeline to its end. An error that is an *InputError is the
// input's fault; one that is ErrStopped says that ctx was cancelled, before which all
// was committed if the definition names a state dir. Whatever the error,
// nothing stands under the output's name that was not there before.
func Run(ctx context.Context, def *Definition, opts Options) (s Summary, err error) {
	if err := def.Validate(); err != nil {
		return s, err
	}
	if opts.FS == nil {
		opts.FS = vfs.OS
	}
	r := &run{ctx: ctx, def: def, opts: opts, dir: def.State.Dir, resuming: def.State.Dir != "" && !def.Batch, count: def.partitions(), ready: make(chan struct{}, 1)}
	if r.dir == "" {
		r.dir = opts.TempDir
	}
	r.log = runLogger(opts.Logger, def)
	if opts.Monitor != nil {
		if r.monitored, err = opts.Monitor.begin(r); err != nil {
			return s, err
		}
	}
	defer func() {
		if r.monitored != nil {
			r.monitored.end(errors.Is(err, join.ErrInconsistent))
		}
		if cerr := r.close(); err == nil {
			err = cerr
		}
		r.logEnd(s, err)
	}()
	if err := r.open(); err != nil {
		return s, err
	}
	r.opened.Store(true)
	r.logBegin()
	if opts.HotKeys != nil {
		r.hot = newHotKeys()
	}
	if !r.finished() {
		if err := r.join(); err != nil {
			return s, budgetHint(err)
		}
		if r.hot != nil {
			opts.HotKeys(r.hot.hot(def.keyParts()))
		}
	}
	s, err = r.publish()
	return s, budgetHint(err)
}

// finished says whether all partitions have emitted all.
func (r *run) finished() bool {
	return r.batch == nil && !slices.ContainsFunc(r.partitions, func(p *partition) bool { return !p.op.Finished() })
}

// budgetHint says what to do about a state that does not fit into memory.
func budgetHint(err error) error {
	if errors.Is(err, statelab.ErrBudget) {
		return fmt.Errorf("%w; raise state.memory, or choose a backend that keeps its state on disk", err)
	}
	return err
}

// open opens everything, the inputs first: a mistake in them leaves no trace.
func (r *run) open() error {
	if err := r.openInputs(); err != nil {
		return err
	}
	if err := r.checkSchemas(); err != nil {
		return err
	}
	if err := r.checkOutputDirs(); err != nil {
		return err
	}
	if r.def.Batch {
		return r.openBatch()
	}
	var err error
	if r.note, err = r.head(); err != nil {
		return err
	}
	if r.def.Backlog {
		fresh, err := r.isFresh()
		if err != nil {
			return err
		}
		if fresh {
			r.resuming = false // until it goes on as a stream
			return r.openBatch()
		}
	}
	if err := r.openLayout(); err != nil {
		return err
	}
	if r.partitions, err = r.openPartitions(); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	return r.openMerging()
}

// openPartitions opens all partitions, and returns them even if it fails.
func (r *run) openPartitions() (partitions []*partition, err error) {
	for i := range r.count {
		p := r.newPartition(i, r.count)
		p.printer = r.newPrinter()
		partitions = append(partitions, p)
		if err := p.open(); err != nil {
			return partitions, err
		}
	}
	return partitions, nil
}

// openMerging opens what merges the outputs of partitions while the join runs, if anything does.
func (r *run) openMerging() error {
	switch {
	case r.partitions[0].spooled():
		return r.openMerger()
	case r.inRounds(r.count):
		return r.openRounds()
	}
	return nil
}

// begin goes to the place of the partition that is the furthest behind.
func (r *run) begin() error {
	least := r.partitions[0].place()
	for _, p := range r.partitions[1:] {
		if at := p.place(); at.rows() < least.rows() || at.rows() == least.rows() && at.low() < least.low() {
			least = at
		}
	}
	r.order = newReadingOrder(r.def, least)
	r.commits.every = r.def.checkpointEvery()
	if r.finished() {
		return nil
	}
	for i, in := range r.inputs {
		if in.resume != nil && !in.resumed {
			if err := in.source.Resume(*in.resume); err != nil {
				return inputFault(err)
			}
			in.resumed = true
		}
		if err := in.source.Skip(least[i].position); err != nil {
			return inputFault(err)
		}
	}
	return nil
}

// inputFault makes what is wrong with a source an InputError, but not the
// failure of a disk.
func inputFault(err error) error {
	var fault *source.Error
	if errors.As(err, &fault) {
		return &InputError{fault}
	}
	return err
}

// report calls Progress, which it does for any partition.
func (r *run) report(watermark int64) {
	if r.opts.Progress == nil {
		return
	}
	r.reporting.Lock()
	defer r.reporting.Unlock()
	r.opts.Progress(Progress{Rows: r.rows.Load(), Watermark: watermark, Stats: r.stats})
}

// stats are those of the only store, or the sizes of all.
func (r *run) stats() statelab.Stats {
	r.switching.RLock()
	defer r.switching.RUnlock()
	if r.batch != nil {
		return r.batch.stats()
	}
	stats := r.partitions[0].store.Stats()
	for _, p := range r.partitions[1:] {
		s := p.store.Stats()
		stats = statelab.Stats{Engine: s.Engine, Memory: stats.Memory + s.Memory, Disk: stats.Disk + s.Disk}
	}
	return stats
}

// close closes everything; the first error wins.
func (r *run) close() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, p := range r.partitions {
		keep(p.close())
	}
	if r.merger != nil {
		keep(r.merger.close())
	}
	if r.rounds != nil {
		keep(r.rounds.close())
	}
	if r.batch != nil {
		keep(r.batch.close())
	}
	if r.lock != nil {
		keep(r.lock.Close())
	}
	for _, in := range r.inputs {
		keep(in.close())
	}
	return first
}
