package pipeline

import (
	"context"
	"errors"
	"sync"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
)

// A worker runs one partition on a goroutine of its own. Rows reach it in
// batches, of which there are queuedBatches and no more: who fills them waits until
// one is free, so that reading is no faster than the slowest partition.
//
//	reader ──▶ batch ──▶ full ──▶ worker ──▶ partition
//	             ▲                   │
//	             └────── free ◀──────┘
type worker struct {
	partition  *partition
	batch      *rowBatch // being filled
	full, free chan *rowBatch
}

const (
	queuedBatches = 4
	// A batch is full with so many rows or bytes: enough that handing it over
	// costs little for each row, and few enough to stay in the CPU's cache.
	batchRows  = 256
	batchBytes = 64 << 10
)

// A message is a task at a place, which for a row is the one before it.
type message struct {
	task     task
	class    source.Class
	input    int // the row's, of run.inputs
	key, end int // of batch.bytes: the key, and from key to end the value
	begin    int
	time     int64
	at       int // where the place begins in batch.places
}

type rowBatch struct {
	messages []message
	bytes    []byte
	places   place // of all messages, one after the other
}

func (b *rowBatch) add(input int, row *source.Row, at place) {
	m := message{input: input, class: row.Class, time: row.Time, at: b.keep(at), begin: len(b.bytes), key: len(b.bytes)}
	if row.Class == source.Event || row.Class == source.Bad {
		b.bytes = append(b.bytes, row.Key...)
		m.key = len(b.bytes)
		b.bytes = append(b.bytes, row.Value...)
	}
	m.end = len(b.bytes)
	b.messages = append(b.messages, m)
}

// keep copies a place, and returns where.
func (b *rowBatch) keep(at place) int {
	b.places = append(b.places, at...)
	return len(b.places) - len(at)
}

func (b *rowBatch) isFull() bool { return len(b.messages) >= batchRows || len(b.bytes) >= batchBytes }

// A crew is the workers of all partitions.
type crew struct {
	workers []*worker
	ctx     context.Context // ends with the first failure
	cancel  context.CancelFunc
	done    sync.WaitGroup
	once    sync.Once
	err     error // the first failure of a worker
	ended   bool  // all workers have
}

// startCrew starts a worker for each partition, and what merges if there is one.
func startCrew(partitions []*partition, m *merger, rounds *rounds) *crew {
	c := &crew{}
	if rounds != nil {
		rounds.start(partitions)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for i, p := range partitions {
		w := &worker{partition: p, full: make(chan *rowBatch, queuedBatches), free: make(chan *rowBatch, queuedBatches)}
		for range queuedBatches {
			w.free <- &rowBatch{}
		}
		if m != nil {
			p.handler = &handler{partition: p, streams: m.streams[i], ctx: c.ctx}
		}
		c.workers = append(c.workers, w)
		c.start(w.work)
	}
	if m != nil {
		c.start(m.work)
	}
	if rounds != nil {
		c.start(rounds.work)
	}
	return c
}

// start has work done on a goroutine of its own.
func (c *crew) start(work func(context.Context) error) {
	c.done.Go(func() {
		if err := work(c.ctx); err != nil && !errors.Is(err, errFailedElsewhere) {
			c.once.Do(func() { c.err = err })
			c.cancel()
		}
	})
}

// work does what comes until there is no more, or another worker has failed.
func (w *worker) work(ctx context.Context) error {
	if h := w.partition.handler; h != nil {
		defer h.end()
	}
	if lengths := w.partition.lengths; lengths != nil {
		defer close(lengths)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case b, ok := <-w.full:
			if !ok {
				return nil
			}
			for i := range b.messages {
				if err := w.do(ctx, b, &b.messages[i]); err != nil {
					return err
				}
			}
			b.messages, b.bytes, b.places = b.messages[:0], b.bytes[:0], b.places[:0]
			w.free <- b
		}
	}
}

func (w *worker) do(ctx context.Context, b *rowBatch, m *message) error {
	p := w.partition
	at := b.places[m.at:][:len(p.run.inputs)]
	passed := p.op.Finished() || m.task != taskRow && at.rows() < p.begun // done by an earlier run
	if m.task != taskRow {
		return w.doTask(ctx, m.task, at, passed)
	}
	if passed {
		return nil
	}
	p.reach(at)
	return p.add(p.run.inputs[m.input], &source.Row{ // which is passed over, if an earlier run has seen it
		Class: m.class, Seq: at[m.input].position, Time: m.time,
		Key: b.bytes[m.begin:m.key:m.key], Value: b.bytes[m.key:m.end:m.end],
	})
}

// doTask does what is not taking a row, or passes over it.
func (w *worker) doTask(ctx context.Context, t task, at place, passed bool) error {
	p := w.partition
	if !passed {
		if err := p.do(t, at); err != nil {
			return err
		}
	}
	switch {
	case p.lengths != nil && t != taskFlush:
		return p.endRound(ctx, passed)
	case p.handler != nil && !passed:
		return p.handler.endEpoch(t)
	}
	return nil
}

// add gives a row to the partition of its key. Rows without one are dealt out.
func (c *crew) add(in *input, row *source.Row, at place) error {
	i := int(row.Seq % uint64(len(c.workers)))
	if row.Class == source.Event {
		i = join.Partition(row.Key, len(c.workers))
	}
	b, err := c.fill(c.workers[i])
	if err != nil {
		return err
	}
	b.add(in.index, row, at)
	if b.isFull() {
		return c.send(c.workers[i])
	}
	return nil
}

// tell gives a task to all workers.
func (c *crew) tell(t task, at place) error {
	for _, w := range c.workers {
		b, err := c.fill(w)
		if err != nil {
			return err
		}
		b.messages = append(b.messages, message{task: t, at: b.keep(at)})
		if err := c.send(w); err != nil {
			return err
		}
	}
	return nil
}

// fill returns the batch of a worker that is being filled. It waits for a free one.
func (c *crew) fill(w *worker) (*rowBatch, error) {
	if w.batch == nil {
		select {
		case w.batch = <-w.free:
		case <-c.ctx.Done():
			return nil, errFailedElsewhere
		}
	}
	return w.batch, nil
}

func (c *crew) send(w *worker) error {
	select {
	case w.full <- w.batch:
		w.batch = nil
		return nil
	case <-c.ctx.Done():
		return errFailedElsewhere
	}
}

// errFailedElsewhere stops the reader, and workers that wait, when a worker has failed.
var errFailedElsewhere = errors.New("a partition has failed")

// finish waits until all that was told is done, or all have stopped because of err,
// and returns the first failure of anyone.
func (c *crew) finish(err error) error {
	if err != nil {
		c.cancel()
	}
	if !c.ended {
		for _, w := range c.workers {
			close(w.full)
		}
		c.done.Wait()
		c.cancel()
		c.ended = true
	}
	if c.err != nil {
		return c.err
	}
	return err
}
