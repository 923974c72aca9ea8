package wal

import "errors"

// windows is how many windows of the log are in memory at most while it is
// replayed: one that is being read, one that is being replayed, and two so that
// neither waits for the other's every hiccup.
const windows = 4

// A conveyor carries records from the goroutine that reads and checks the log
// to the one that replays them, a window at a time: the payloads stay where
// they were read, and their window is used again when they have been replayed.
type conveyor struct {
	full    chan *load
	empty   chan *load
	stopped chan struct{} // closed when no more is wanted

	loading *load // the reader's
}

// A load is a window of a segment with the records to replay from it.
type load struct {
	window   []byte
	payloads [][]byte
}

// errStopped says that replaying has failed, which is what is to be reported.
var errStopped = errors.New("replay has failed")

func newConveyor() *conveyor {
	c := &conveyor{
		full: make(chan *load, windows), empty: make(chan *load, windows),
		stopped: make(chan struct{}), loading: new(load),
	}
	for range windows - 1 {
		c.empty <- new(load)
	}
	return c
}

// add puts a record, which lies in the last window that turn has returned, on
// the conveyor.
func (c *conveyor) add(payload []byte) error {
	c.loading.payloads = append(c.loading.payloads, payload)
	return nil
}

// turn sends the window that was filled last off, and returns one of n bytes.
func (c *conveyor) turn(n int) ([]byte, error) {
	if len(c.loading.payloads) > 0 {
		c.full <- c.loading // has room for all there are
		select {
		case c.loading = <-c.empty:
		case <-c.stopped:
			c.loading = nil
			return nil, errStopped
		}
	}
	l := c.loading
	if cap(l.window) < n {
		l.window = make([]byte, n)
	}
	l.window = l.window[:n]
	return l.window, nil
}

// end sends the last window off.
func (c *conveyor) end() {
	if c.loading != nil {
		c.full <- c.loading
	}
	close(c.full)
}

// unload replays what arrives until the conveyor ends, or up to a failure.
func (c *conveyor) unload(replay func(payloads [][]byte) error) error {
	var failure error
	for l := range c.full {
		if failure == nil {
			if failure = replay(l.payloads); failure != nil {
				close(c.stopped)
			}
		}
		clear(l.payloads)
		l.payloads = l.payloads[:0]
		c.empty <- l
	}
	return failure
}

// runBeside reads the whole log in a goroutine of its own and replays it in
// this one, so that neither the disk nor the checksums keep replaying waiting.
func (p *pass) runBeside(replay func(payloads [][]byte) error) (tail, error) {
	c := newConveyor()
	p.replay, p.turn = c.add, c.turn
	var (
		t    tail
		err  error
		read = make(chan struct{})
	)
	go func() {
		defer close(read)
		t, err = p.run()
		c.end()
	}()
	failure := c.unload(replay)
	<-read
	if failure != nil {
		return tail{}, failure
	}
	return t, err
}

// runAlone reads and replays the whole log, a record at a time.
func (p *pass) runAlone(replay func(payloads [][]byte) error) (tail, error) {
	var one [1][]byte
	p.replay = func(payload []byte) error {
		one[0] = payload
		return replay(one[:])
	}
	return p.run()
}
