package wal

import (
	"sync"
	"time"
)

// A queue lets one leader at a time sync the log. Those who come meanwhile
// wait; when the leader leaves, those for whom its sync was enough are let go,
// all at once, and the first of the others leads next. So nobody is overtaken,
// and the next sync begins without waiting for those who have theirs.
type queue struct {
	mu      sync.Mutex
	led     bool
	waiting []*waiter
	want    int           // how many waiters the leader waits for; 0 is none
	come    chan struct{} // gets one when there are so many; has room for it

	// What follows is the leader's.
	callers int           // how many were there when the last leader left, served or waiting
	took    time.Duration // by the last sync
	timer   *time.Timer
	patience
}

func (q *queue) init() {
	q.come = make(chan struct{}, 1)
	q.timer = time.NewTimer(time.Hour)
	q.timer.Stop()
}

// patience says how often it is worth to wait for callers: after waiting in vain
// it is not tried again for a while, which doubles each time.
type patience struct {
	rest int // how many leaders are yet to do without
	next int // how many after the next wait in vain
}

// maxRest is how many leaders do without waiting at most, when it has been in
// vain again and again. What it costs is then one part in so many.
const maxRest = 64

// gather waits, if it is likely to be worth it, for callers who had what they
// wanted from the last sync to come back with more. Without it callers fall into
// two halves, of which one is being served while the other comes back, and each
// sync serves half of them. With it all are served by each; so waiting pays up to
// the time that a sync takes. The caller leads.
func (q *queue) gather() {
	if q.callers < 2 {
		return
	}
	if q.rest > 0 {
		q.rest--
		return
	}
	before, missing := q.await(q.callers - 1)
	if 2*missing <= before {
		q.next = 0
		return
	}
	q.next = min(2*q.next+1, maxRest)
	q.rest = q.next
}

// await waits until so many wait, for as long as a sync takes at most. It returns
// how many were missing before and after.
func (q *queue) await(n int) (before, after int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before = n - len(q.waiting)
	if before <= 0 {
		return 0, 0
	}
	q.want = n
	q.mu.Unlock()
	q.timer.Reset(q.took)
	select {
	case <-q.come:
		q.timer.Stop()
	case <-q.timer.C:
	}
	q.mu.Lock()
	q.want = 0
	select {
	case <-q.come: // when the time was up
	default:
	}
	return before, n - len(q.waiting)
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
	if len(q.waiting) == q.want {
		q.come <- struct{}{}
	}
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
	q.callers = 1 + len(q.waiting)
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
