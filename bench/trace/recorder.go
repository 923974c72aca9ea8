package trace

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/statelab/statelab"
)

// A Recorder is a Store that passes every call on to another and writes it, once
// it has succeeded, to a trace. It is safe for concurrent use; calls that run at
// the same time are recorded in the order in which they ended. Calls that failed
// are not recorded, nor are Stats, Checkpoint, Close and empty batches, since
// they change nothing that a later call could see. It has none of the optional
// abilities that are calls, so that what falls back on basic calls is recorded as those.
type Recorder struct {
	statelab.Store

	mu    sync.Mutex
	w     *Writer
	clock func() int64 // arrivals
	time  int64        // event time
	open  []*recordedIterator
	slots []bool // in use
	rec   Record // at hand, so that none is made for each call
}

// NewRecorder returns a Recorder over s. It closes neither s nor w.
func NewRecorder(s statelab.Store, w *Writer) *Recorder {
	begun := time.Now()
	return &Recorder{Store: s, w: w, clock: func() int64 { return time.Since(begun).Microseconds() }}
}

// KeepsDead says what the recorded store says: who deletes for it has the deletes recorded.
func (c *Recorder) KeepsDead() bool { return statelab.KeepsDead(c.Store) }

// SetTime says what the event time of the calls to come is. Without it the event
// time of a call is the greatest watermark so far, or 0.
func (c *Recorder) SetTime(t int64) {
	c.mu.Lock()
	c.time = t
	c.mu.Unlock()
}

// Measure marks where a run's warm-up has ended.
func (c *Recorder) Measure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rec = Record{Kind: Measure, Time: c.time, Arrival: c.clock()}
	return c.write()
}

// write writes the record at hand, after what open iterators have done before it.
func (c *Recorder) write() error {
	at := c.rec
	for _, it := range c.open {
		if err := c.settle(it); err != nil {
			return err
		}
	}
	return c.put(&at)
}

func (c *Recorder) put(r *Record) error {
	if err := c.w.Write(r); err != nil {
		return fmt.Errorf("record %s: %w", r.Kind, err)
	}
	return nil
}

func (c *Recorder) Get(dst, key []byte) ([]byte, error) {
	arrival := c.clock()
	value, err := c.Store.Get(dst, key)
	found := err == nil
	if !found && !errors.Is(err, statelab.ErrNotFound) {
		return value, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rec = Record{Kind: Get, Time: c.time, Arrival: arrival, Key: key, Found: found}
	if found {
		c.rec.Size = len(value) - len(dst)
	}
	if writeErr := c.write(); writeErr != nil {
		return dst, writeErr
	}
	return value, err
}

func (c *Recorder) Apply(b *statelab.Batch) error {
	arrival := c.clock()
	if err := c.Store.Apply(b); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ops := b.Ops()
	for left := b.Len(); left > 0; left-- {
		op, ok := ops.Next()
		if !ok {
			return fmt.Errorf("record batch: %w", ops.Err())
		}
		c.rec = Record{Kind: kindOf(op.Kind), Time: c.time, Arrival: arrival, Key: op.Key, Size: len(op.Value), Expiry: op.ExpireAt, Last: left == 1}
		if err := c.write(); err != nil {
			return err
		}
	}
	return nil
}

func kindOf(k statelab.OpKind) Kind {
	switch k {
	case statelab.OpPut:
		return Put
	case statelab.OpAppend:
		return Append
	}
	return Delete
}

func (c *Recorder) Advance(watermark int64) error {
	arrival := c.clock()
	if err := c.Store.Advance(watermark); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = max(c.time, watermark)
	c.rec = Record{Kind: Advance, Time: c.time, Arrival: arrival, Watermark: watermark}
	return c.write()
}

func (c *Recorder) Sync() error {
	arrival := c.clock()
	if err := c.Store.Sync(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rec = Record{Kind: Sync, Time: c.time, Arrival: arrival}
	return c.write()
}
