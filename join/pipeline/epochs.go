package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/statelab/statelab/join/sink"
)

// Without commits there is nothing that a restart could go on from, so that what several partitions
// emit need not wait in files until all have finished. An epoch ends with each task that all
// partitions are told at the same place. What one has emitted by then ranks before all that any of them
// will emit, since each has fired what was due there: so it is merged, epoch by epoch.
//
//	partition 0 ──▶ spool ──▶ full ─┐
//	     ▲                          ├──▶ merger ──▶ output
//	     └─────────────── free ◀────┤
//	partition 1 ──▶ spool ──▶ full ─┘
//
// A partition has two spools for each output. It hands one on at the end of an epoch, and while
// it does its task whenever it is full; then it waits until the other has been merged. It must not wait
// while it takes rows: the merger may be waiting for another partition, which has not been told of the end
// of the epoch, since the reader waits for this one.
const (
	spoolsEach = 2
	// epochBytes is how many bytes of rows a partition gets in an epoch, about, and of
	// samples a spool while it does a task.
	epochBytes = 1 << 20
)

// handed is a spool that is handed on.
type handed struct {
	spool *sink.Spool
	ends  bool // an epoch
	show  bool // it is to be seen in the output
}

// A stream is what a partition emits to one output.
type stream struct {
	full    chan handed
	free    chan *sink.Spool
	merging handed // what the merger is at
}

// A merger merges the streams of partitions into the outputs, epoch by epoch.
type merger struct {
	streams [][]*stream   // by partition and output
	spools  []*sink.Spool // to be closed
	outputs []*sink.Part
	to      []sink.Adder // by output
}

// spooled says whether what the partition emits goes to spools.
func (p *partition) spooled() bool { return p.ranked && !p.run.resuming }

// openMerger begins the outputs, and gives each partition its first spools.
func (r *run) openMerger() error {
	m := &merger{}
	r.merger = m
	for i := range r.outputNames() {
		part, err := r.beginMerged(i)
		if err != nil {
			return err
		}
		m.outputs, m.to = append(m.outputs, part), append(m.to, r.newAdder(i, part))
	}
	for _, p := range r.partitions {
		var streams []*stream
		for _, name := range p.names {
			s := &stream{full: make(chan handed, spoolsEach), free: make(chan *sink.Spool, spoolsEach)}
			for n := range spoolsEach {
				spool := sink.NewSpool(r.opts.FS, fmt.Sprintf("%s.%d.spool", name, n))
				s.free <- spool
				m.spools = append(m.spools, spool)
			}
			streams, p.to = append(streams, s), append(p.to, <-s.free)
		}
		m.streams = append(m.streams, streams)
	}
	return nil
}

// A handler hands on what its partition emits.
type handler struct {
	partition *partition
	streams   []*stream // by output
	ctx       context.Context
}

// endEpoch hands on what has been emitted to all outputs.
func (h *handler) endEpoch(t task) error {
	for i := range h.streams {
		if err := h.handOn(i, handed{ends: true, show: t == taskShow}); err != nil {
			return err
		}
	}
	return nil
}

// handOnIfFull hands on samples, while a task is done.
func (h *handler) handOnIfFull() error {
	if len(h.partition.to[0].Buffer()) < epochBytes {
		return nil
	}
	return h.handOn(0, handed{})
}

func (h *handler) handOn(i int, what handed) error {
	s, to := h.streams[i], &h.partition.to[i]
	what.spool = (*to).(*sink.Spool)
	select {
	case s.full <- what:
	case <-h.ctx.Done():
		return errFailedElsewhere
	}
	select {
	case *to = <-s.free:
		return nil
	case <-h.ctx.Done():
		return errFailedElsewhere
	}
}

// end says that no more will come.
func (h *handler) end() {
	for _, s := range h.streams {
		close(s.full)
	}
}

// errNoMore says that a partition emits no more: it has finished, or one of them has failed.
var errNoMore = errors.New("a partition emits no more")

// next returns the next spool of the epoch, having given back the one before it; nil if there is
// none. An epoch has one at least.
func (s *stream) next(ctx context.Context) (*sink.Spool, error) {
	if was := s.merging.spool; was != nil {
		was.Reset()
		s.merging.spool = nil
		s.free <- was
		if s.merging.ends {
			return nil, nil
		}
	}
	select {
	case what, ok := <-s.full:
		if !ok {
			return nil, errNoMore
		}
		s.merging = what
		return what.spool, nil
	case <-ctx.Done():
		return nil, errNoMore
	}
}

// work merges epochs until there are no more.
func (m *merger) work(ctx context.Context) error {
	for {
		for i := range m.outputs {
			if err := m.mergeEpoch(ctx, i); errors.Is(err, errNoMore) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
}

// mergeEpoch adds to output i what all partitions have emitted in an epoch.
func (m *merger) mergeEpoch(ctx context.Context, i int) error {
	var readers []*sink.RankedReader
	for _, streams := range m.streams {
		s := streams[i]
		readers = append(readers, sink.ReadSpools(func() (*sink.Spool, error) { return s.next(ctx) }))
	}
	if err := sink.Merge(m.to[i], readers); err != nil {
		return err
	}
	if m.streams[0][i].merging.show {
		return m.outputs[i].Flush()
	}
	return nil
}

// publish gives the outputs their names.
func (m *merger) publish() (checksum string, err error) {
	for _, to := range m.to {
		if err := to.Close(); err != nil {
			return "", err
		}
	}
	return publishAll(m.outputs)
}

// close closes everything, and removes what was spilled.
func (m *merger) close() error {
	var errs []error
	for _, part := range m.outputs {
		errs = append(errs, part.Close())
	}
	for _, spool := range m.spools {
		errs = append(errs, spool.Close())
	}
	return errors.Join(errs...)
}
