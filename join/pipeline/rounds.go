package pipeline

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/statelab/statelab/join/sink"
)

// A join that follows files does not end, and so the outputs of its partitions, where there are several and commits, cannot be
// merged when they have. They are merged as they grow, in rounds: one ends with each task after which all that is due is to be
// seen, and then what every partition has emitted by then ranks before all that any of them will emit.
//
//	partition 0 ──▶ 0-of-2.samples.part ──▶ length ─┐
//	                                                ├──▶ rounds ──▶ output
//	partition 1 ──▶ 1-of-2.samples.part ──▶ length ─┘
//
// The files of the partitions are what is committed; the output is made of them, and nothing is made of it. A restart
// merges all of them anew, over the same bytes. After a crash they may be at different commits, and those that are
// ahead pass over rounds that they have had: the first one that is merged is the first that all take part in.
type rounds struct {
	run     *run
	outputs []*sink.Part
	lengths []chan []int64 // by partition: of its outputs at the end of a round; nil if it has passed over it
	merged  [][]int64      // by partition and output: what of it is in the output
	begun   bool           // a round has been merged
	settled bool           // all partitions have committed (settle)
}

// queuedRounds is how many rounds a partition may be ahead of what is merged.
const queuedRounds = 4

// inRounds says whether the outputs of so many partitions are merged in rounds.
func (r *run) inRounds(partitions int) bool {
	return r.resuming && partitions > 1 && r.def.anyInput(func(c *Input) bool { return c.Follow })
}

// openRounds opens the outputs.
func (r *run) openRounds() error {
	m := &rounds{run: r, settled: true}
	r.rounds = m
	for i := range r.outputNames() {
		part, err := r.overwriteMerged(i)
		if err != nil {
			return r.notResumable(err)
		}
		m.outputs = append(m.outputs, part)
	}
	for _, p := range r.partitions {
		m.settled = m.settled && p.op.Note() != nil
		m.merged = append(m.merged, make([]int64, len(m.outputs)))
	}
	for _, in := range r.inputs {
		if !m.settled && in.resume != nil && in.resume.Rows > 0 {
			return badInput("%s was rotated before all partitions had committed; remove %s to join anew", in.File, r.dir)
		}
	}
	return nil
}

// start makes the partitions ready for rounds, before they have any.
func (m *rounds) start(partitions []*partition) {
	m.lengths = nil
	for _, p := range partitions {
		p.lengths = make(chan []int64, queuedRounds)
		m.lengths = append(m.lengths, p.lengths)
	}
}

// settle has all partitions commit, and waits until they have, once there is a row of every source. From then on each
// has a note of which files those are that are followed, which shows in their rows.
func (r *run) settle() error {
	if slices.ContainsFunc(r.order.place, func(at sourcePlace) bool { return at.position == 0 && at.watermark < math.MaxInt64 }) {
		return nil
	}
	r.rounds.settled = true
	if err := r.to.tell(taskCommit, r.order.place); err != nil {
		return err
	}
	if err := r.to.finish(nil); err != nil {
		return err
	}
	r.to = r.newFeed()
	return nil
}

// overwriteMerged opens what output i is merged into: what it begins with is kept.
func (r *run) overwriteMerged(i int) (*sink.Part, error) {
	state, err := r.begunState(i)
	if err != nil {
		return nil, err
	}
	return sink.Overwrite(r.opts.FS, r.outputNames()[i], state)
}

// endRound tells of the end of a round, in which the partition has taken part or which it has passed over.
func (p *partition) endRound(ctx context.Context, passed bool) error {
	var lengths []int64
	if !passed {
		for _, part := range p.outputs {
			if err := part.Flush(); err != nil {
				return err
			}
			lengths = append(lengths, part.Size())
		}
	}
	select {
	case p.lengths <- lengths:
		return nil
	case <-ctx.Done():
		return errFailedElsewhere
	}
}

// work merges rounds until there are no more.
func (m *rounds) work(ctx context.Context) error {
	for {
		var ends [][]int64
		passed := false
		for _, lengths := range m.lengths {
			select {
			case at, ok := <-lengths:
				if !ok {
					return nil
				}
				ends, passed = append(ends, at), passed || at == nil
			case <-ctx.Done():
				return nil
			}
		}
		if passed {
			continue
		}
		for i := range m.outputs {
			if err := m.merge(i, ends); err != nil {
				return err
			}
		}
		m.begun = true
	}
}

// merge adds to output i what the partitions have emitted since the last round.
func (m *rounds) merge(i int, ends [][]int64) (err error) {
	var readers []*sink.RankedReader
	defer func() {
		for _, reader := range readers {
			if cerr := reader.Close(); err == nil {
				err = cerr
			}
		}
	}()
	for n, p := range m.run.partitions {
		from, to := m.merged[n][i], ends[n][i]
		if from == to {
			continue
		}
		reader, err := sink.OpenRankedRange(m.run.opts.FS, p.names[i], from, to)
		if err != nil {
			return err
		}
		readers = append(readers, reader)
		m.merged[n][i] = to
	}
	if err := sink.Merge(sink.Lines{Part: m.outputs[i]}, readers); err != nil {
		return err
	}
	if !m.begun {
		return m.outputs[i].CutRest()
	}
	return m.outputs[i].Flush()
}

func (m *rounds) close() error {
	var errs []error
	for _, part := range m.outputs {
		errs = append(errs, part.Close())
	}
	return errors.Join(errs...)
}
