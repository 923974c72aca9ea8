package pipeline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/sink"
	"github.com/statelab/statelab/join/source"
	"github.com/statelab/statelab/vfs"
)

// In batch mode a join of bounded input sorts it (join.Backlog) and keeps no
// state. It has no commits: after a crash it begins anew. What does not fit into
// memory lies in
//
//	DIR/batch/lock         held while the join runs
//	DIR/batch/events-*.run
//	DIR/batch/samples-*.run
//
// and goes with it. What a crash has left there is removed by the next run, in
// either mode.
const (
	batchDir  = "batch"
	batchLock = "lock"
)

// A batch is a feed that joins when it is told to finish.
type batch struct {
	run     *run
	dir     string
	lock    io.Closer
	backlog *join.Backlog
	printer *sink.Printer
	outputs []*sink.Part
	to      sink.Adder // of the samples

	reporter reporter
	delays   delays
	added    int64 // rows
	samples  int64 // joined or emitted
}

// validateBatch refuses what batch mode cannot do.
func (d *Definition) validateBatch() error {
	if !d.Batch {
		return nil
	}
	if err := d.Spec.ForBacklog(); err != nil {
		return fmt.Errorf("mode batch: %w; use mode stream", err)
	}
	return nil
}

// openBatch opens the sorter and the outputs.
func (r *run) openBatch() (err error) {
	if err := r.removeBatch(); err != nil {
		return err
	}
	b := &batch{run: r, dir: filepath.Join(r.dir, batchDir)}
	r.batch = b
	if err := r.refuseState(); err != nil {
		return err
	}
	if err := r.opts.FS.MkdirAll(b.dir); err != nil {
		return err
	}
	if b.lock, err = r.opts.FS.Lock(filepath.Join(b.dir, batchLock)); err != nil {
		return err
	}
	if err := removeRuns(r.opts.FS, b.dir); err != nil {
		return err
	}
	b.printer = r.newPrinter()
	hooks := join.BacklogHooks{Append: b.append, Emit: b.emit}
	if r.def.Late != "" {
		hooks.Late = func(side join.Side, e *join.Event) error {
			late := b.outputs[r.def.lateOutput()]
			text, err := b.printer.AppendLate(late.Buffer(), side, e)
			if err != nil {
				return err
			}
			return late.Extend(text)
		}
	}
	options := join.BacklogOptions{FS: r.opts.FS, Dir: b.dir, Memory: r.def.State.Memory}
	if b.backlog, err = join.NewBacklog(r.def.Spec, hooks, options); err != nil {
		return err
	}
	for _, name := range r.outputNames() {
		part, err := r.createOutput(name)
		if err != nil {
			return err
		}
		b.outputs = append(b.outputs, part)
	}
	b.delays = newDelays(&r.def.Spec)
	b.to = r.newAdder(0, b.outputs[0])
	r.order = newReadingOrder(r.def, beginning(len(r.inputs)))
	return nil
}

// refuseState refuses a state dir with a join in stream mode, whose output would be lost.
func (r *run) refuseState() error {
	names, err := r.opts.FS.List(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != batchDir {
			return badInput("%s: state.dir: %s holds the state of a join in stream mode; go on in that mode, or remove it to join anew",
				r.def.Name, r.dir)
		}
	}
	return nil
}

// removeRuns removes what lies in a directory, but for the lock, which the caller has.
func removeRuns(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == batchLock {
			continue
		}
		if err := fsys.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// removeBatch removes what a batch run has left in a state dir.
func (r *run) removeBatch() error {
	dir := filepath.Join(r.dir, batchDir)
	if _, err := r.opts.FS.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock, err := r.opts.FS.Lock(filepath.Join(dir, batchLock))
	if err != nil {
		return err
	}
	if err := errors.Join(r.removeHalfHanded(), lock.Close()); err != nil {
		return err
	}
	return removeTree(r.opts.FS, dir)
}

func (b *batch) add(in *input, row *source.Row, _ place) error {
	side := in.side
	if b.added++; b.added%progressRows == 0 {
		b.publish()
	}
	switch row.Class {
	case source.Filtered:
		return b.backlog.Filter(side)
	case source.NoKey:
		return b.backlog.Reject(side)
	case source.Bad:
		bad := b.outputs[b.run.def.badOutput()]
		if err := bad.Extend(sink.AppendBad(bad.Buffer(), side, row.Value)); err != nil {
			return err
		}
		return b.backlog.Reject(side)
	}
	return b.backlog.Add(side, in.event(row))
}

func (b *batch) tell(t task, _ place) error {
	if t != taskFinish {
		return nil
	}
	if err := b.backlog.Finish(); err != nil {
		return err
	}
	b.publish()
	return b.to.Close()
}

// publish says how far it is, to whoever asks.
func (b *batch) publish() {
	b.reporter.set(func(s *status) {
		s.Summary, s.watermark, s.delays = b.backlog.Summary(), b.run.sideWatermarks(b.run.order.place), b.delays
		s.held, s.spilled = b.backlog.Held()
	})
}

func (b *batch) finish(err error) error { return err }

func (b *batch) append(dst []byte, s *join.Sample) ([]byte, error) {
	if err := b.pause("joining"); err != nil {
		return dst, err
	}
	b.delays.sample(s)
	return b.run.appendSample(b.printer, dst, s)
}

func (b *batch) emit(sample []byte) error {
	if err := b.pause("emitting"); err != nil {
		return err
	}
	return b.to.Add(sample)
}

// pause reports progress now and then, and stops if the context says so.
func (b *batch) pause(doing string) error {
	if b.samples++; b.samples%progressRows != 0 {
		return nil
	}
	b.run.report(math.MaxInt64)
	b.publish()
	if b.run.ctx.Err() != nil {
		return fmt.Errorf("%w while %s; in batch mode the next run begins anew", ErrStopped, doing)
	}
	return nil
}

func (b *batch) stats() statelab.Stats {
	s := b.reporter.get()
	return statelab.Stats{Engine: "batch", Memory: s.held, Disk: s.spilled}
}

// close closes everything and removes the directory; the first error wins.
func (b *batch) close() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, part := range b.outputs {
		keep(part.Close())
	}
	if b.backlog != nil {
		keep(b.backlog.Close())
	}
	if b.lock != nil {
		keep(b.lock.Close())
		keep(removeTree(b.run.opts.FS, b.dir))
	}
	return first
}
