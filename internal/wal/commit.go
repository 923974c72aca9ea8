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
	lead, err := l.join(pos, true)
	if !lead {
		return err
	}
	defer l.leave()
	if l.covered(pos, true) {
		return nil
	}
	l.queue.gather()
	return l.syncLeading(true)
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
	lead, err := l.join(pos, testify)
	if !lead {
		return err
	}
	defer l.leave()
	if l.covered(pos, testify) {
		return nil
	}
	return l.syncLeading(testify)
}

// syncLeading makes all of the tail durable. The caller leads.
func (l *Log) syncLeading(testify bool) error {
	l.mu.Lock()
	err := l.usable()
	l.mu.Unlock()
	if err != nil {
		return err
	}
	now, err := l.syncTail()
	if err != nil || !testify {
		return err
	}
	return l.testify(now)
}

// covered says whether there is nothing to do for who waits for pos. Only the
// leader may ask.
func (l *Log) covered(pos Pos, testify bool) bool {
	if l.synced.Before(pos) {
		return false
	}
	if !testify {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return !Pos{l.segment, l.proved.durable}.Before(pos)
}

// syncTail writes and syncs the log as it is at the call, and returns how much of
// the tail that was. Others append meanwhile, and while it is synced also write.
func (l *Log) syncTail() (testimony, error) {
	l.writing.Lock()
	err := l.settleCut()
	l.mu.Lock() // there is no cut while writing is held
	now := testimony{l.segment, l.end, l.frames}
	l.mu.Unlock()
	if err == nil {
		err = l.drain(now.durable)
	}
	l.writing.Unlock()
	if err != nil {
		return testimony{}, err
	}
	if !l.synced.Before(Pos{now.segment, now.durable}) {
		return now, nil
	}
	start := time.Now()
	if err := l.file.Sync(); err != nil {
		return testimony{}, l.fail("sync", err)
	}
	l.queue.took = time.Since(start)
	l.synced = Pos{now.segment, now.durable}
	return now, nil
}

// testify lets the frames from here on say that the tail was synced as far as
// now, unless it has been cut since. If more than one frame would wait for a next
// one that may never come, it writes a mark: so that if this process dies,
// damage to any frame but the last can be told from a torn end.
func (l *Log) testify(now testimony) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	if l.segment != now.segment {
		l.mu.Unlock()
		return nil
	}
	l.proved = now
	silent := now.frames-l.stated.frames > 1 && l.frames == now.frames
	if silent && len(l.buffers.current)+frameHeaderSize > bufferSize {
		l.buffers.turn()
	}
	if silent {
		l.add(KindMark, 0, 0)
	}
	end := l.end
	l.mu.Unlock()
	if !silent {
		return nil
	}
	return l.drain(end)
}

// A clock is the goroutines that sync and write a log under
// DurabilityInterval.
type clock struct {
	once sync.Once
	stop chan struct{}  // closed to end them
	wake chan struct{}  // holds one if there is something to write
	done sync.WaitGroup // done when they have ended
}

func (l *Log) startClock() {
	l.clock.stop, l.clock.wake = make(chan struct{}), make(chan struct{}, 1)
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
	if l.writesBeside() {
		l.clock.done.Go(l.writeFull)
	}
}

// wakeWriter tells the goroutine that writes full buffers that there is one.
func (c *clock) wakeWriter() {
	select {
	case c.wake <- struct{}{}:
	default: // it has been told
	}
}

// writeFull writes buffers as they become full. A failure is latched, so
// whoever appends next is told.
func (l *Log) writeFull() {
	for {
		select {
		case <-l.clock.stop:
			return
		case <-l.clock.wake:
		}
		l.startWriting()
		l.mu.Lock()
		end := l.end - int64(len(l.buffers.current))
		l.mu.Unlock()
		_ = l.drain(end)
		l.writing.Unlock()
	}
}

// tick syncs what was appended. A failure is latched, so whoever appends next
// is told.
func (l *Log) tick() {
	start := time.Now()
	if pos, err := l.bodyEnd(); err == nil {
		_ = l.syncTo(pos, !l.o.Deterministic)
	}
	l.mu.Lock()
	l.buffers.trim()
	l.mu.Unlock()
	if l.o.OnTick != nil {
		l.o.OnTick(start)
	}
}

// end ends the goroutines, if there are any and they have not ended.
func (c *clock) end() {
	c.once.Do(func() { close(c.stop) })
	c.done.Wait()
}
