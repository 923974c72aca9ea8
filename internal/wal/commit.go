package wal

import (
	"sync"
	"time"

	"github.com/statelab/statelab"
)

// Commit makes the records up to pos as durable as the policy says. Under
// DurabilityAlways it returns when they are synced: of the callers that wait
// at a time one writes and syncs for all. Else it returns at once.
func (l *Log) Commit(pos Pos) error {
	if l.o.Policy != statelab.DurabilityAlways {
		return l.latch.Err()
	}
	return l.syncTo(pos, true)
}

// Sync returns when all that was appended before the call is durable. If it is
// already, Sync costs nothing.
func (l *Log) Sync() error {
	pos, err := l.bodyEnd()
	if err != nil {
		return err
	}
	return l.syncTo(pos, true)
}

// bodyEnd returns the end of all frames that are worth a sync.
func (l *Log) bodyEnd() (Pos, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Pos{l.segment, l.body}, l.usable()
}

// syncTo makes everything up to pos durable. With testify it lets frames say
// so, and sees to it that one does.
func (l *Log) syncTo(pos Pos, testify bool) error {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.synced.Before(pos) && (!testify || !Pos{l.segment, l.proved.durable}.Before(pos)) {
		return nil
	}
	if err := l.usable(); err != nil {
		return err
	}
	now, err := l.syncTail()
	if err != nil || !testify {
		return err
	}
	return l.testify(now)
}

// syncTail writes and syncs the tail as it is at the call, and returns how much
// that was. It lets go of mu for the length of the sync, during which syncMu
// keeps the file in its place.
func (l *Log) syncTail() (testimony, error) {
	if err := l.writeOut(); err != nil {
		return testimony{}, err
	}
	now := testimony{l.end, l.frames}
	if !l.synced.Before(Pos{l.segment, now.durable}) {
		return now, nil
	}
	l.mu.Unlock()
	err := l.file.Sync()
	l.mu.Lock()
	if err != nil {
		return testimony{}, l.fail("sync", err)
	}
	l.synced = Pos{l.segment, now.durable}
	return now, nil
}

// testify lets the frames from here on say that the tail was synced as far as
// now. If more than one frame would wait for a next one that may never come,
// it writes a mark: so that if this process dies, damage to any frame but the
// last can be told from a torn end.
func (l *Log) testify(now testimony) error {
	l.proved = now
	if now.frames-l.stated.frames <= 1 || l.frames != now.frames {
		return nil
	}
	l.add(KindMark, 0, 0)
	return l.writeOut()
}

// A clock is the goroutine that syncs a log under DurabilityInterval.
type clock struct {
	once sync.Once
	stop chan struct{}  // closed to end it
	done sync.WaitGroup // done when it has ended
}

func (l *Log) startClock() {
	l.clock.stop = make(chan struct{})
	if l.o.Policy != statelab.DurabilityInterval {
		return
	}
	l.clock.done.Go(func() {
		ticker := time.NewTicker(l.o.Interval)
		defer ticker.Stop()
		for {
			select {
			case <-l.clock.stop:
				return
			case <-ticker.C:
				l.tick()
			}
		}
	})
}

// tick syncs what was appended. A failure is latched, so whoever appends next
// is told.
func (l *Log) tick() {
	start := time.Now()
	if pos, err := l.bodyEnd(); err == nil {
		_ = l.syncTo(pos, !l.o.Deterministic)
	}
	if l.o.OnTick != nil {
		l.o.OnTick(start)
	}
}

// end ends the goroutine, if there is one and it has not ended.
func (c *clock) end() {
	c.once.Do(func() { close(c.stop) })
	c.done.Wait()
}
