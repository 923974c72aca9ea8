package wal

import (
	"sync"
	"testing"
	"time"

	"github.com/statelab/statelab"
)

// TestLeaderWaitsForThoseServedByTheLastSync lets two callers come to a leader
// who knows of three and would wait for an hour.
func TestLeaderWaitsForThoseServedByTheLastSync(t *testing.T) {
	l := create(t, testOptions(newFS(t), statelab.DurabilityAlways))
	q := &l.queue
	l.lead()
	q.callers, q.took = 3, time.Hour
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			pos, err := l.Append([]byte("record"))
			if err == nil {
				err = l.Commit(pos)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	q.gather()
	q.mu.Lock()
	came := len(q.waiting)
	q.mu.Unlock()
	if came != 2 {
		t.Errorf("%d callers wait when the leader goes on, want 2", came)
	}
	q.took = 0 // else the next leader would wait for us to come back
	l.leave()
	all.Wait()
	must(t, l.Close())
}

// TestLeaderThatWaitedInVainRests lets nobody come. Should a leader wait when it
// should rest, it waits for an hour.
func TestLeaderThatWaitedInVainRests(t *testing.T) {
	l := create(t, testOptions(newFS(t), statelab.DurabilityAlways))
	q := &l.queue
	l.lead()
	for want := 1; want < 4*maxRest; want = 2*want + 1 {
		q.callers, q.took = 2, 0
		q.gather()
		if q.rest != min(want, maxRest) {
			t.Fatalf("%d leaders are to do without waiting, want %d", q.rest, want)
		}
		q.took = time.Hour
		for range min(want, maxRest) {
			q.gather()
		}
	}
	q.callers = 1
	q.gather() // one caller has nobody to wait for
	l.leave()
	must(t, l.Close())
}
