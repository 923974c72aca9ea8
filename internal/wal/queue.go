package wal

import "sync"

// A queue lets one leader at a time sync the log. Those who come meanwhile
// wait; when the leader leaves, those for whom its sync was enough are let go,
// all at once, and the first of the others leads next. So nobody is overtaken,
// and the next sync begins without waiting for those who have theirs.
type queue struct {
	mu      sync.Mutex
	led     bool
	waiting []*waiter
}

// A waiter is a caller in the queue.
type waiter struct {
	pos     Pos
	testify bool
	alone   bool // it wants to lead, and nothing else
	turn    chan turn
}

// A turn is what a waiter has waited for.
type turn struct {
	lead bool
	err  error // if it does not lead
}

var waiters = sync.Pool{New: func() any { return &waiter{turn: make(chan turn, 1)} }}

// join waits until everything up to pos is durable and, with testify, a frame
// may say so, or until the caller leads. Who leads must leave.
func (l *Log) join(pos Pos, testify bool) (lead bool, err error) {
	return l.queueUp(waiter{pos: pos, testify: testify})
}

// lead waits until the caller leads.
func (l *Log) lead() { _, _ = l.queueUp(waiter{alone: true}) }

func (l *Log) queueUp(want waiter) (lead bool, err error) {
	q := &l.queue
	q.mu.Lock()
	if !q.led {
		q.led = true
		q.mu.Unlock()
		return true, nil
	}
	w := waiters.Get().(*waiter)
	w.pos, w.testify, w.alone = want.pos, want.testify, want.alone
	q.waiting = append(q.waiting, w)
	q.mu.Unlock()
	t := <-w.turn
	waiters.Put(w)
	return t.lead, t.err
}

// leave ends the caller's leadership.
func (l *Log) leave() {
	q := &l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	failure := l.latch.Err()
	var next *waiter
	rest := q.waiting[:0]
	for _, w := range q.waiting {
		switch {
		case !w.alone && l.covered(w.pos, w.testify):
			w.turn <- turn{}
		case !w.alone && failure != nil:
			w.turn <- turn{err: failure}
		case next == nil:
			next = w
		default:
			rest = append(rest, w)
		}
	}
	clear(q.waiting[len(rest):])
	q.waiting = rest
	if next == nil {
		q.led = false
		return
	}
	next.turn <- turn{lead: true}
}
