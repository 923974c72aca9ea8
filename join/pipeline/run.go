package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/row"
	"github.com/statelab/statelab/join/sink"
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

	Stdin  io.Reader // for the file "-"
	Stdout io.Writer // for the file "-"

	// Progress is called every 4096 rows, and at the end every 4096 samples;
	// nil is not.
	Progress func(Progress)

	Logger *slog.Logger // for the store
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

	sources [2]*source.Source
	store   statelab.Store
	printer *sink.Printer
	outputs []*sink.Part // the output, and the late events if they are kept
	op      *join.Operator
	note    []byte // its head
	ctx     context.Context
	rows    int64 // read by this run
	emitted int64 // samples or left events, emitted by this run
	commits commits
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
	r := &run{ctx: ctx, def: def, opts: opts, dir: def.State.Dir, resuming: def.State.Dir != ""}
	if !r.resuming {
		r.dir = opts.TempDir
	}
	defer func() {
		if cerr := r.close(); err == nil {
			err = cerr
		}
	}()
	if err := r.open(); err != nil {
		return s, err
	}
	if r.op.Finished() {
		return r.alreadyFinished()
	}
	if err := r.join(); err != nil {
		return s, budgetHint(err)
	}
	s, err = r.finish()
	return s, budgetHint(err)
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
	for i := range r.def.inputs() {
		s, err := source.Open(r.opts.FS, r.opts.Stdin, r.def.Inputs[i])
		if err != nil {
			return inputFault(err)
		}
		r.sources[i] = s
	}
	var schemas [2]*row.Schema
	for i := range r.def.inputs() {
		schemas[i] = r.sources[i].Schema()
	}
	r.printer = sink.NewPrinter(r.def.Spec, len(r.def.Inputs[join.Left].Key), schemas[join.Left], schemas[join.Right])
	if err := r.checkOutputDirs(); err != nil {
		return err
	}
	var err error
	if r.note, err = r.head(); err != nil {
		return err
	}
	r.store, err = r.opts.OpenStore(r.def.State.Backend, r.dir, &statelab.Options{
		Memory: r.def.State.Memory, Durability: r.def.State.Durability,
		Prefix: join.Prefix(), FS: r.opts.FS, Logger: r.opts.Logger,
	})
	if err != nil {
		return err
	}
	r.op, err = join.New(r.store, r.def.Spec, r.hooks())
	if errors.Is(err, join.ErrSpecChanged) {
		return badInput("%s: %w; remove %s to join anew", r.def.Name, err, r.dir)
	}
	if err != nil {
		return err
	}
	r.commits.every = r.def.checkpointEvery()
	return r.openOutputs()
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

func (r *run) outputNames() []string {
	if r.def.Late == "" {
		return []string{r.def.Output}
	}
	return []string{r.def.Output, r.def.Late}
}

func (r *run) checkOutputDirs() error {
	for _, name := range r.outputNames() {
		if name == "-" {
			continue
		}
		info, err := r.opts.FS.Stat(filepath.Dir(name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir {
			return badInput("%s: there is no directory %s", name, filepath.Dir(name))
		}
		if err != nil {
			return err
		}
		if info, err := r.opts.FS.Stat(name); err == nil && info.IsDir {
			return badInput("%s is a directory", name)
		}
	}
	return nil
}

// openOutputs begins the outputs, or goes on with them where the note says.
func (r *run) openOutputs() error {
	note := r.op.Note()
	if note != nil {
		if err := r.compareNote(note, r.note); err != nil {
			return err
		}
		if r.op.Finished() {
			return nil
		}
	}
	for i, name := range r.outputNames() {
		part, err := r.openOutput(name, note, i)
		if err != nil {
			return err
		}
		r.outputs = append(r.outputs, part)
	}
	for i, s := range r.sources[:len(r.def.inputs())] {
		if err := s.Skip(r.op.Position(join.Side(i))); err != nil {
			return inputFault(err)
		}
	}
	return nil
}

func (r *run) openOutput(name string, note []byte, i int) (*sink.Part, error) {
	switch {
	case name == "-":
		return sink.Stream(r.opts.Stdout), nil
	case note == nil:
		return sink.Create(r.opts.FS, name)
	}
	part, err := sink.Resume(r.opts.FS, name, partState(note, i))
	if errors.Is(err, sink.ErrNotResumable) {
		return nil, badInput("%w; remove %s to join anew", err, r.dir)
	}
	return part, err
}

func partState(note []byte, i int) []byte {
	return note[noteStates+i*sink.StateSize:][:sink.StateSize]
}

func (r *run) hooks() join.Hooks {
	h := join.Hooks{Sample: r.emit, Note: r.appendNote}
	if r.def.Late != "" {
		h.Late = r.emitLate
	}
	return h
}

func (r *run) emit(s *join.Sample) error {
	if r.emitted++; r.emitted%progressRows == 0 && r.op.Watermark() == math.MaxInt64 {
		// No more rows are read, so this is the only place to stop at. The
		// input has been committed.
		r.report()
		if r.ctx.Err() != nil {
			return fmt.Errorf("%w while emitting the last samples", ErrStopped)
		}
	}
	buf, err := r.printer.AppendSample(r.outputs[0].Buffer(), s)
	if err != nil {
		return err
	}
	return r.outputs[0].Extend(buf)
}

func (r *run) emitLate(side join.Side, e *join.Event) error {
	buf, err := r.printer.AppendLate(r.outputs[1].Buffer(), side, e)
	if err != nil {
		return err
	}
	return r.outputs[1].Extend(buf)
}

// appendNote notes where the outputs stand. If what is applied with it may be
// where a crash leaves the store, the outputs are made durable up to there first.
func (r *run) appendNote(dst []byte, commit bool) ([]byte, error) {
	dst = append(dst, r.note...)
	for _, p := range r.outputs {
		if r.resuming && (commit || r.def.State.Durability != statelab.DurabilityCheckpoint) {
			if err := p.Sync(); err != nil {
				return nil, err
			}
		}
		dst = p.AppendState(dst)
	}
	return dst, nil
}

// join reads both sources to their ends.
func (r *run) join() error {
	ended := [2]bool{join.Right: len(r.def.inputs()) == 1}
	var event source.Row
	for !ended[join.Left] || !ended[join.Right] {
		side := r.nextSide(ended)
		err := r.sources[side].Next(&event)
		if err == io.EOF {
			ended[side] = true
			if err := r.end(side); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return inputFault(err)
		}
		if err := r.add(side, &event); err != nil {
			return err
		}
		if r.commits.due(r.op.Watermark()) {
			if err := r.op.Commit(); err != nil {
				return err
			}
		}
		if r.rows++; r.rows%progressRows == 0 {
			if err := r.pause(); err != nil {
				return err
			}
		}
	}
	return nil
}

// end ends a side. All that was read is committed first: with unbounded
// disorder the longest part is still to come.
func (r *run) end(side join.Side) error {
	if r.resuming {
		if err := r.op.Commit(); err != nil {
			return err
		}
	}
	r.op.End(side)
	return nil
}

// nextSide is the one whose watermark is behind: its events are what the other
// side's wait for.
func (r *run) nextSide(ended [2]bool) join.Side {
	switch {
	case ended[join.Left]:
		return join.Right
	case ended[join.Right]:
		return join.Left
	case r.op.SideWatermark(join.Right) < r.op.SideWatermark(join.Left):
		return join.Right
	}
	return join.Left
}

func (r *run) add(side join.Side, event *source.Row) error {
	switch event.Class {
	case source.Filtered:
		return r.op.Filter(side, event.Seq)
	case source.NoKey:
		return r.op.Reject(side, event.Seq)
	}
	return r.op.Add(side, join.Event{Key: event.Key, Time: event.Time, Seq: event.Seq, Value: event.Value})
}

// pause reports progress, and commits and stops if the context says so.
func (r *run) pause() error {
	r.report()
	if r.ctx.Err() == nil {
		return nil
	}
	if !r.resuming {
		return fmt.Errorf("%w after %d rows; without a state dir the next run begins anew", ErrStopped, r.rows)
	}
	if err := r.op.Commit(); err != nil {
		return err
	}
	return fmt.Errorf("%w after %d rows; the next run goes on from there", ErrStopped, r.rows)
}

func (r *run) report() {
	if r.opts.Progress != nil {
		r.opts.Progress(Progress{Rows: r.rows, Watermark: r.op.Watermark(), Stats: r.store.Stats})
	}
}

// finish fires what is left and gives the outputs their names. The late events
// come first: the output under its name says that all is done.
func (r *run) finish() (Summary, error) {
	if err := r.op.Finish(); err != nil {
		return Summary{}, err
	}
	for i := len(r.outputs) - 1; i >= 0; i-- {
		if err := r.outputs[i].Publish(); err != nil {
			return Summary{}, err
		}
	}
	return Summary{r.op.Summary(), r.outputs[0].Checksum()}, nil
}

// alreadyFinished completes what a crash may have left between the last commit
// and the naming of the outputs.
func (r *run) alreadyFinished() (Summary, error) {
	names := r.outputNames()
	s := Summary{Summary: r.op.Summary()}
	for i := len(names) - 1; i >= 0; i-- {
		checksum, err := sink.Finish(r.opts.FS, names[i], partState(r.op.Note(), i))
		if errors.Is(err, sink.ErrNotResumable) {
			return Summary{}, badInput("%w, though the state in %s says that it has finished; remove that directory to join anew", err, r.dir)
		}
		if err != nil {
			return Summary{}, err
		}
		s.Checksum = checksum
	}
	return s, nil
}

// close closes everything; the first error wins.
func (r *run) close() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, p := range r.outputs {
		keep(p.Close())
	}
	if r.store != nil {
		keep(r.store.Close())
	}
	for _, s := range r.sources {
		if s != nil {
			keep(s.Close())
		}
	}
	return first
}
