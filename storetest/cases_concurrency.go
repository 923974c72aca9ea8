package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func concurrencyCases() []testCase {
	return []testCase{
		{"C1", "readers beside a writer", 0, readersBesideWriter},
		{"C1", "everything at once", 0, everythingAtOnce},
		{"C2", "every call afterwards", 0, callsAfterClose},
		{"C2", "calls in flight", 0, closeAmidCalls},
		{"C2", "a call that is held up", needsFS, closeWaits},
	}
}

// beside runs write once, and read again and again on two goroutines until
// write has returned.
func beside(l *lab, write, read func() error) {
	l.Helper()
	var done atomic.Bool
	errs := make(chan error, 3)
	for range 2 {
		go func() {
			for {
				last := done.Load() // one more read after the writer's end
				if err := read(); err != nil || last {
					errs <- err
					return
				}
				runtime.Gosched()
			}
		}()
	}
	go func() {
		err := write()
		done.Store(true)
		errs <- err
	}()
	var first error
	for range 3 {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	if first != nil {
		l.fail("%v", first)
	}
}

// readersBesideWriter has a writer count records up, in pairs, under a budget
// that makes the store flush and evict while it is read.
func readersBesideWriter(l *lab) {
	o := l.options()
	o.Maintenance = statelab.MaintenanceBackground
	s := l.openWith(o)
	const records, rounds = 50, 30
	value := func(round int) string { return fmt.Sprintf("%06d", round) + churnValue[:200] }
	write := func(round int) error {
		for i := range records {
			err := s.try(putOp(fmt.Sprintf("a%02d", i), value(round), never), putOp(fmt.Sprintf("b%02d", i), value(round), never))
			if err != nil {
				return fmt.Errorf("Apply: %w", err)
			}
		}
		if round%4 == 0 {
			if err := s.Sync(); err != nil {
				return fmt.Errorf("Sync: %w", err)
			}
		}
		return s.Advance(int64(round))
	}
	if err := write(0); err != nil {
		l.fail("%v", err)
	}
	beside(l, func() error {
		for round := 1; round <= rounds; round++ {
			if err := write(round); err != nil {
				return err
			}
		}
		return nil
	}, func() error {
		a, err := s.Get(nil, []byte("a07"))
		if err != nil {
			return fmt.Errorf("Get: %w", err)
		}
		b, err := s.Get(nil, []byte("b07"))
		if err != nil || string(b) < string(a) {
			return fmt.Errorf("Get of b07 gives %s and %v after a07 gave %s: the two are written together", quote(b), err, quote(a))
		}
		return equalPairs(s, records)
	})
}

// equalPairs reads all in one snapshot: each a and b of a number are equal.
func equalPairs(s *store, records int) error {
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		return fmt.Errorf("Iter: %w", err)
	}
	defer it.Close()
	var values []string
	for ok := it.First(); ok; ok = it.Next() {
		values = append(values, string(it.Value()))
	}
	if errors.Is(it.Err(), statelab.ErrSnapshotTooOld) {
		return nil
	}
	if err := it.Err(); err != nil {
		return fmt.Errorf("iterating: %w", err)
	}
	if len(values) != 2*records {
		return fmt.Errorf("a snapshot holds %d records, want %d", len(values), 2*records)
	}
	for i := range records {
		if values[i] != values[records+i] {
			return fmt.Errorf("in one snapshot a%02d is %s and b%02d is %s", i, quote(values[i]), i, quote(values[records+i]))
		}
	}
	return nil
}

// everythingAtOnce calls every method from many goroutines, writers each in
// keys of their own, which must be right in the end.
func everythingAtOnce(l *lab) {
	o := l.options()
	o.Maintenance = statelab.MaintenanceBackground
	if l.cfg.supports(statelab.DurabilityInterval) {
		o.Durability = statelab.DurabilityInterval
	}
	s := l.openWith(o)
	const writers, rounds = 3, 120
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	do := func(f func() error) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := f(); err != nil {
				errs <- err
			}
		}()
	}
	for w := range writers {
		do(func() error { return countUp(s, w, rounds) })
	}
	do(func() error {
		for i := range rounds {
			if err := s.Advance(int64(i)); err != nil {
				return err
			}
			if m := s.Stats().Watermark; m < int64(i) {
				return fmt.Errorf("the watermark is %d after Advance(%d)", m, i)
			}
		}
		return nil
	})
	do(func() error {
		for i := range 10 {
			if err := s.Sync(); err != nil {
				return err
			}
			if err := s.Checkpoint(l.path(fmt.Sprint("copy", i))); err != nil {
				return err
			}
		}
		return nil
	})
	do(func() error {
		for range rounds {
			if err := readAll(s); err != nil {
				return err
			}
		}
		return nil
	})
	wg.Wait()
	close(errs)
	for err := range errs {
		l.fail("%v", err)
	}
	for w := range writers {
		s.want(fmt.Sprint("w", w), fmt.Sprint(rounds-1))
		s.want(fmt.Sprint("list", w), strings.Repeat("+", rounds))
	}
}

// countUp writes one key's number up and appends to another's list, and reads
// both back after each batch.
func countUp(s *store, w, rounds int) error {
	var b statelab.Batch
	key, list := fmt.Appendf(nil, "w%d", w), fmt.Appendf(nil, "list%d", w)
	for i := range rounds {
		b.Reset()
		b.Put(key, fmt.Append(nil, i), never)
		b.Append(list, []byte("+"), never)
		b.Put(fmt.Appendf(nil, "x%d-%d", w, i), []byte(churnValue), int64(i+5))
		if err := s.Apply(&b); err != nil {
			return fmt.Errorf("Apply: %w", err)
		}
		if got, err := s.Get(nil, key); err != nil || string(got) != fmt.Sprint(i) {
			return fmt.Errorf("Get(%q) after writing %d: %q, %v", key, i, got, err)
		}
		if got, err := s.Get(nil, list); err != nil || len(got) != i+1 {
			return fmt.Errorf("Get(%q) after %d Appends: %d bytes, %v", list, i+1, len(got), err)
		}
	}
	return nil
}

// readAll reads everything both ways, through each method that reads.
func readAll(s *store) error {
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		return fmt.Errorf("Iter: %w", err)
	}
	defer it.Close()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		n--
	}
	switch err := it.Err(); {
	case errors.Is(err, statelab.ErrSnapshotTooOld):
	case err != nil:
		return fmt.Errorf("iterating: %w", err)
	case n != 0:
		return fmt.Errorf("forwards an iterator reads %d records more than backwards", n)
	}
	_, err = s.Get(nil, []byte("absent"))
	if !errors.Is(err, statelab.ErrNotFound) {
		return fmt.Errorf("Get of an absent key: %v", err)
	}
	return statelab.MultiGet(s.Store, [][]byte{[]byte("w0"), []byte("list1")}, func(int, []byte) {})
}

// A call is one of a Store's that reports an error.
type call struct {
	name string
	do   func() error
}

// callsOf returns a call of each kind but Close.
func callsOf(s statelab.Store, copyDir string) []call {
	b := new(statelab.Batch)
	b.Put([]byte("k"), []byte("v"), never)
	return []call{
		{"Get", func() error { _, err := s.Get(nil, []byte("k")); return err }},
		{"Apply", func() error { return s.Apply(b) }},
		{"Iter", func() error { it, err := s.Iter(statelab.Range{}); closeIter(it, err); return err }},
		{"Advance", func() error { return s.Advance(1 << 40) }},
		{"Sync", s.Sync},
		{"Checkpoint", func() error { return s.Checkpoint(copyDir) }},
		{"MultiGet", func() error { return statelab.MultiGet(s, [][]byte{[]byte("k")}, func(int, []byte) {}) }},
		{"DeleteRange", func() error { return statelab.DeleteRange(s, statelab.Range{}) }},
		{"Check", func() error { return statelab.Check(s) }},
	}
}

func closeIter(it statelab.Iterator, err error) {
	if err == nil {
		it.Close()
	}
}

func callsAfterClose(l *lab) {
	s := l.open()
	s.put("k", "v", never)
	l.forget(s)
	if err := s.Store.Close(); err != nil {
		l.fail("Close: %v", err)
	}
	for range 2 {
		for _, c := range append(callsOf(s.Store, l.path("copy")), call{"Close", s.Store.Close}) {
			if err := c.do(); !errors.Is(err, statelab.ErrClosed) {
				l.fail("%s after Close: error %v, want ErrClosed", c.name, err)
			}
		}
		s.Store.Stats() // has no error to return; it must not panic
	}
	s = l.openWith(s.o)
	if s.o.Durability != statelab.DurabilityCheckpoint {
		s.wantAll("k", "v")
	} else {
		s.wantAll()
	}
}

// closeAmidCalls closes a store while goroutines use it: each call works or
// answers ErrClosed, and after one has, all do.
func closeAmidCalls(l *lab) {
	for round := range 10 {
		o := l.options()
		o.Maintenance = statelab.MaintenanceBackground
		s := l.openAt(fmt.Sprint("store", round), o)
		s.put("k", "v", never)
		l.forget(s)
		var wg sync.WaitGroup
		errs := make(chan error, 16)
		started := make(chan struct{}, 16)
		var closed atomic.Bool
		for _, c := range callsOf(s.Store, l.path(fmt.Sprint("copy", round))) {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := 0; ; i++ {
					after := closed.Load()
					err := c.do()
					if i == 0 {
						started <- struct{}{}
					}
					if errors.Is(err, statelab.ErrClosed) {
						return
					}
					known := err == nil || errors.Is(err, statelab.ErrNotFound) || errors.Is(err, statelab.ErrSnapshotTooOld) || c.name == "Checkpoint"
					if after || !known {
						errs <- fmt.Errorf("%s while the store is being closed, or after: %v", c.name, err)
						return
					}
				}
			}()
		}
		for range round { // closes at various moments
			<-started
		}
		if err := s.Store.Close(); err != nil {
			l.fail("Close amid calls: %v", err)
		}
		closed.Store(true)
		wg.Wait()
		close(errs)
		for err := range errs {
			l.fail("%v", err)
		}
	}
}

// closeWaits holds up a Sync in the file system and closes the store meanwhile.
func closeWaits(l *lab) {
	var hold atomic.Bool
	held, release := make(chan struct{}), make(chan struct{})
	o := l.options()
	o.FS = vfs.NewTrace(l.mem, func(op vfs.TraceOp) {
		if op.Op == vfs.OpSync && hold.Swap(false) {
			close(held)
			<-release
		}
	})
	s := l.openWith(o)
	s.put("k", "v", never)
	hold.Store(true)
	synced := make(chan error, 1)
	go func() { synced <- s.Sync() }()
	select {
	case <-held:
	case err := <-synced:
		l.fail("Sync of a store with changes synced no file, and returned %v", err)
	}
	l.forget(s)
	closed := make(chan error, 1)
	go func() { closed <- s.Store.Close() }()
	for range 1000 {
		runtime.Gosched()
	}
	early := false
	select {
	case <-closed:
		early = true
	default:
	}
	close(release)
	if err := <-synced; err != nil {
		l.fail("a Sync during which the store was closed: %v", err)
	}
	if early {
		l.fail("Close returned while a Sync was held up in the file system")
	}
	if err := <-closed; err != nil {
		l.fail("Close: %v", err)
	}
	s = l.openAt(s.name, l.options())
	s.wantAll("k", "v")
}
