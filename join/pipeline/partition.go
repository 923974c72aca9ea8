package pipeline

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/sink"
	"github.com/statelab/statelab/join/source"
)

// A partition joins the events of its key groups: it has a store, an operator and
// outputs of its own, and commits by itself. It belongs to one goroutine at a time.
//
// The only partition of a join writes the outputs as they are to be. One of several, and
// the only one if samples are to be parquet or compressed and there are commits, writes records with ranks, to be merged: into
// files, or if there are no commits into spools (epochs.go).
type partition struct {
	run     *run
	dir     string   // of the store
	shares  int      // how many partitions there are
	names   []string // of the outputs
	ranked  bool
	store   statelab.Store
	op      *join.Operator
	printer *sink.Printer
	outputs []*sink.Part  // the output, and the late events if they are kept; nil if they are spooled
	to      []appender    // the outputs or spools
	whole   sink.Adder    // writes the output, if that is parquet or compressed from the beginning
	parquet *sink.Parquet // the same, if it is parquet
	emitted int64         // samples, by this run
	begun   uint64        // rows before the place that it goes on from
	steps   bool          // timers fire in steps, so that samples have arrivals

	handler *handler     // of the spools; nil if there are none
	lengths chan []int64 // of the outputs at the ends of rounds; nil if there are none
	tasking bool         // a task is done that all partitions are told

	reporter reporter
	delays   delays
	added    int64 // rows, by this run
}

// An appender is a file or spool that a partition appends what it emits to.
type appender interface {
	Buffer() []byte
	Extend([]byte) error
}

// sideWatermarks are the smallest of the sources of each side, at a place.
func (r *run) sideWatermarks(at place) [2]int64 {
	low := [2]int64{math.MaxInt64, math.MaxInt64}
	for i, in := range r.inputs {
		low[in.side] = min(low[in.side], at[i].watermark)
	}
	return low
}

// openStore opens the store with its share of the memory.
func (p *partition) openStore() (statelab.Store, error) {
	state, opts := &p.run.def.State, &p.run.opts
	return opts.OpenStore(state.Backend, p.dir, &statelab.Options{
		Memory: state.Memory / int64(p.shares), Durability: state.Durability,
		Prefix: join.Prefix(), FS: opts.FS, Logger: opts.Logger,
	})
}

// open opens the store, and the outputs where the store says that they stood.
func (p *partition) open() (err error) {
	if p.store, err = p.openStore(); err != nil {
		return err
	}
	def := p.run.def
	p.op, err = join.New(p.store, def.Spec, p.hooks())
	if errors.Is(err, join.ErrSpecChanged) {
		return badInput("%s: %w; remove %s to join anew", def.Name, err, p.run.dir)
	}
	if err != nil {
		return err
	}
	if def.State.MiniBatch > 1 {
		if err := p.op.MiniBatch(def.State.MiniBatch); err != nil {
			return err
		}
	}
	p.begun = p.rows()
	_, p.steps = p.op.DueAt(statelab.MinWatermark)
	p.delays = newDelays(&def.Spec)
	p.publish(false)
	return p.openOutputs()
}

// place is where the partition stands.
func (p *partition) place() place {
	at := make(place, len(p.run.inputs))
	for i, in := range p.run.inputs {
		at[i].position, at[i].watermark = p.op.SourceProgress(in.side, in.number)
	}
	return at
}

// rows returns how many rows lie before the place where the partition stands.
func (p *partition) rows() (n uint64) {
	for _, in := range p.run.inputs {
		position, _ := p.op.SourceProgress(in.side, in.number)
		n += position
	}
	return n
}

// openOutputs begins the outputs, or goes on with them where the note says.
func (p *partition) openOutputs() error {
	note := p.op.Note()
	if note != nil {
		if err := p.run.compareNote(note, p.run.note); err != nil {
			return err
		}
		if p.op.Finished() {
			return nil
		}
	}
	if p.spooled() {
		return nil // by whoever merges
	}
	for i, name := range p.names {
		part, err := p.openOutput(name, note, i)
		if err != nil {
			return err
		}
		p.outputs, p.to = append(p.outputs, part), append(p.to, part)
	}
	if p.run.def.writesWhole() && !p.ranked {
		p.encodeOutput()
	}
	return nil
}

// encodeOutput has samples be written as the output is to hold them.
func (p *partition) encodeOutput() {
	p.whole = p.run.newAdder(0, p.outputs[0])
	switch to := p.whole.(type) {
	case *sink.Parquet:
		p.parquet = to
	case *sink.Compressed:
		p.to[0] = to
	}
}

func (p *partition) openOutput(name string, note []byte, i int) (*sink.Part, error) {
	if name == "-" || note == nil {
		return p.run.createOutput(name)
	}
	part, err := sink.Resume(p.run.opts.FS, name, p.run.partState(note, i))
	return part, p.run.notResumable(err)
}

// partState is what a note says of output i.
func (r *run) partState(note []byte, i int) []byte {
	return note[len(r.note)+i*sink.StateSize:][:sink.StateSize]
}

func (p *partition) hooks() join.Hooks {
	h := join.Hooks{Sample: p.emit, Note: p.appendNote}
	if p.run.def.Late != "" {
		h.Late = p.emitLate
	}
	return h
}

func (p *partition) emit(s *join.Sample) error {
	if p.emitted++; p.emitted%progressRows == 0 && p.op.Watermark() == math.MaxInt64 {
		// No more rows are read, so this is the only place to stop at. The
		// input has been committed.
		p.run.report(math.MaxInt64)
		p.publish(false)
		if p.run.ctx.Err() != nil {
			return fmt.Errorf("%w while emitting the last samples", ErrStopped)
		}
	}
	p.delays.sample(s)
	if p.parquet != nil {
		return p.parquet.AddSample(s)
	}
	buf := p.to[0].Buffer()
	begin := len(buf)
	if p.ranked {
		buf = sink.AppendRank(buf, p.rank(s))
	}
	buf, err := p.run.appendSample(p.printer, buf, s)
	if err == nil && p.ranked {
		err = sink.CloseRank(buf, begin)
	}
	if err != nil {
		return err
	}
	if err := p.to[0].Extend(buf); err != nil || p.handler == nil || !p.tasking {
		return err
	}
	return p.handler.handOnIfFull()
}

// rank says where a sample stands in the output of all partitions. Samples that are
// emitted as events arrive come in the order of arrival: after what timers have
// emitted before that event. A row that has arrived lies before the operator's position.
func (p *partition) rank(s *join.Sample) *sink.Rank {
	switch {
	case !s.Fired && len(p.run.inputs) == 1: // it may have waited for others since it arrived
		return &sink.Rank{Arrival: 2*(s.Left.Seq+1) - 1}
	case !s.Fired:
		return &sink.Rank{Arrival: 2*p.rows() - 1}
	case p.steps:
		return &sink.Rank{Arrival: 2 * p.rows(), FiredAt: s.FiredAt, Key: s.Left.Key, Time: s.Left.Time, Seq: s.Left.Seq}
	}
	return &sink.Rank{FiredAt: s.FiredAt, Key: s.Left.Key, Time: s.Left.Time, Seq: s.Left.Seq}
}

func (p *partition) emitLate(side join.Side, e *join.Event) error {
	return p.emitRow(p.run.def.lateOutput(), func(dst []byte) ([]byte, error) { return p.printer.AppendLate(dst, side, e) })
}

// emitRow adds to output i what there is to say of the row that has just arrived.
func (p *partition) emitRow(i int, appendTo func([]byte) ([]byte, error)) error {
	buf := p.to[i].Buffer()
	begin := len(buf)
	if p.ranked {
		buf = sink.AppendRank(buf, &sink.Rank{Arrival: p.rows()})
	}
	buf, err := appendTo(buf)
	if err == nil && p.ranked {
		err = sink.CloseRank(buf, begin)
	}
	if err != nil {
		return err
	}
	return p.to[i].Extend(buf)
}

// reject takes a bad row.
func (p *partition) reject(in *input, row *source.Row) error {
	if seen, _ := p.op.SourceProgress(in.side, in.number); row.Seq < seen {
		return nil
	}
	if err := p.op.Reject(in.side, in.seq(row.Seq)); err != nil {
		return err
	}
	return p.emitRow(p.run.def.badOutput(), func(dst []byte) ([]byte, error) { return sink.AppendBad(dst, in.side, row.Value), nil })
}

// appendNote notes where the outputs stand. If what is applied with it may be
// where a crash leaves the store, the outputs are made durable up to there first.
func (p *partition) appendNote(dst []byte, commit bool) ([]byte, error) {
	dst = append(dst, p.run.note...)
	for _, part := range p.outputs {
		if p.run.resuming && (commit || p.run.def.State.Durability != statelab.DurabilityCheckpoint) {
			if err := part.Sync(); err != nil {
				return nil, err
			}
		}
		dst = part.AppendState(dst)
	}
	return p.appendGenerations(dst), nil
}

// add takes a row.
func (p *partition) add(in *input, row *source.Row) error {
	if p.added++; p.added%progressRows == 0 {
		p.publish(false)
	}
	switch row.Class {
	case source.Filtered:
		return p.op.Filter(in.side, in.seq(row.Seq))
	case source.NoKey:
		return p.op.Reject(in.side, in.seq(row.Seq))
	case source.Bad:
		return p.reject(in, row)
	}
	return p.op.Add(in.side, in.event(row))
}

// task is what a partition is to do.
type task uint8

const (
	taskRow    task = iota // take a row
	taskFlush              // emit what is due
	taskShow               // and let it be seen in the outputs
	taskCommit             // commit
	taskFinish             // finish
)

// do does what is not taking a row.
func (p *partition) do(t task, at place) (err error) {
	p.tasking = true
	defer func() { p.tasking = false }()
	p.reach(at)
	switch t {
	case taskShow:
		return p.show()
	case taskCommit:
		err = p.op.Commit()
	case taskFinish:
		err = p.op.Finish()
	default:
		return p.op.Flush()
	}
	if err == nil {
		p.publish(true)
		p.run.log.Debug("committed", "dir", p.dir, "rows", at.rows(), "watermark", at.low())
	}
	return err
}

// show emits what is due and hands it to the outputs' files: nothing may come for a while.
func (p *partition) show() error {
	if err := p.op.Flush(); err != nil {
		return err
	}
	for _, part := range p.outputs {
		if err := part.Flush(); err != nil {
			return err
		}
	}
	p.publish(false)
	return nil
}

// publish tells the monitor, if there is one, how the partition is doing.
func (p *partition) publish(committed bool) {
	if p.run.monitored == nil {
		return
	}
	p.reporter.set(func(s *status) {
		s.Summary, s.delays = p.op.Summary(), p.delays
		s.watermark = [2]int64{p.op.SideWatermark(join.Left), p.op.SideWatermark(join.Right)}
		if committed {
			s.commits++
			s.committed = time.Now()
		}
	})
}

// reach takes note of how far the sources have been read.
func (p *partition) reach(at place) {
	for i, in := range p.run.inputs {
		p.op.Pass(in.side, in.seq(at[i].position))
		p.op.AdvanceSource(in.side, in.number, at[i].watermark)
	}
}

// close closes everything; the first error wins.
func (p *partition) close() error {
	var first error
	for _, part := range p.outputs {
		if err := part.Close(); first == nil {
			first = err
		}
	}
	if p.store != nil {
		if err := p.store.Close(); first == nil {
			first = err
		}
	}
	return first
}
