package trace

import (
	"bytes"

	"github.com/statelab/statelab"
)

// A recordedIterator gathers the moves of an iterator as legs. If nothing else
// is recorded between its opening and its Close it becomes one record, a Scan.
// Otherwise an Open stands where it was opened, and its moves stand between the
// other calls where they were made.
type recordedIterator struct {
	statelab.Iterator
	rec     *Recorder
	bounds  statelab.Range
	time    int64
	arrival int64
	legs    []Leg
	bytes   int64
	opened  bool // its Open is written, and slot is its slot
	slot    int
	closed  bool
}

// Iter opens a recorded iterator.
func (c *Recorder) Iter(r statelab.Range) (statelab.Iterator, error) {
	arrival := c.clock()
	inner, err := c.Store.Iter(r)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	it := &recordedIterator{
		Iterator: inner, rec: c, time: c.time, arrival: arrival,
		bounds: statelab.Range{Lower: bytes.Clone(r.Lower), Upper: bytes.Clone(r.Upper)},
	}
	c.open = append(c.open, it)
	return it, nil
}

// settle writes what an open iterator has done and has not been written.
func (c *Recorder) settle(it *recordedIterator) error {
	if !it.opened {
		it.opened, it.slot = true, c.takeSlot()
		if err := c.put(&Record{Kind: Open, Time: it.time, Arrival: it.arrival, Slot: it.slot, Range: it.bounds}); err != nil {
			return err
		}
	}
	if len(it.legs) == 0 {
		return nil
	}
	return c.putMoves(it, false)
}

func (c *Recorder) putMoves(it *recordedIterator, last bool) error {
	err := c.put(&Record{Kind: Moves, Time: c.time, Arrival: it.arrival, Slot: it.slot, Legs: it.legs, Bytes: it.bytes, Last: last})
	it.legs, it.bytes = it.legs[:0], 0
	return err
}

func (c *Recorder) takeSlot() int {
	for i, used := range c.slots {
		if !used {
			c.slots[i] = true
			return i
		}
	}
	c.slots = append(c.slots, true)
	return len(c.slots) - 1
}

func (it *recordedIterator) First() bool { return it.moved(First, nil, it.Iterator.First()) }
func (it *recordedIterator) Last() bool  { return it.moved(Last, nil, it.Iterator.Last()) }
func (it *recordedIterator) Next() bool  { return it.moved(Next, nil, it.Iterator.Next()) }
func (it *recordedIterator) Prev() bool  { return it.moved(Prev, nil, it.Iterator.Prev()) }

func (it *recordedIterator) SeekGE(key []byte) bool {
	return it.moved(SeekGE, key, it.Iterator.SeekGE(key))
}

func (it *recordedIterator) SeekLT(key []byte) bool {
	return it.moved(SeekLT, key, it.Iterator.SeekLT(key))
}

// moved notes a move. One that failed is not noted: it is neither a record nor
// an end.
func (it *recordedIterator) moved(m Move, key []byte, ok bool) bool {
	if it.closed || !ok && it.Iterator.Err() != nil {
		return ok
	}
	c := it.rec
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(it.legs); n > 0 && m >= Next && it.legs[n-1].Move == m && !it.legs[n-1].Ended {
		it.legs[n-1].add(ok)
	} else {
		if n == maxLegs {
			_ = c.settle(it) // the writer keeps the error for the calls to come
		}
		it.legs = append(it.legs, Leg{Move: m, Key: bytes.Clone(key)})
		it.legs[len(it.legs)-1].add(ok)
	}
	if ok {
		it.bytes += int64(len(it.Iterator.Value()))
	}
	return ok
}

func (l *Leg) add(ok bool) {
	if ok {
		l.Records++
	} else {
		l.Ended = true
	}
}

// Close writes the iterator's record, or the last of them.
func (it *recordedIterator) Close() error {
	err := it.Iterator.Close()
	if it.closed {
		return err
	}
	it.closed = true
	c := it.rec
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.open {
		if c.open[i] == it {
			c.open = append(c.open[:i], c.open[i+1:]...)
			break
		}
	}
	var writeErr error
	if it.opened {
		c.slots[it.slot] = false
		writeErr = c.putMoves(it, true)
	} else {
		c.rec = Record{Kind: Scan, Time: it.time, Arrival: it.arrival, Range: it.bounds, Legs: it.legs, Bytes: it.bytes}
		writeErr = c.write()
	}
	if err == nil {
		err = writeErr
	}
	return err
}
