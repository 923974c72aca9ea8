package memstore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestOnlyWhatViewsSeeIsPinned opens iterators at several moments, and expects
// pinned what they see and the store does not.
func TestOnlyWhatViewsSeeIsPinned(t *testing.T) {
	// Garbage remembers only the low half of a sequence.
	for _, seq := range []uint64{0, 1<<31 - 2, 1<<32 - 2} {
		t.Run(fmt.Sprint(seq), func(t *testing.T) { pinnedByThree(t, seq) })
	}
}

func pinnedByThree(t *testing.T, seq uint64) {
	s := openTest(t, vfs.NewMem(), nil)
	s.records.seq.Store(seq)
	const n = 488 // of a piece's class with and without an expiry
	size := int64(s.records.mem.SizeOf(headSize + 1 + n))
	value := strings.Repeat("v", n)
	iter := func() statelab.Iterator {
		it, err := s.Iter(statelab.Range{})
		must(t, err)
		return it
	}
	wantPinned := func(elements int64) {
		t.Helper()
		must(t, s.Check())
		if got := s.Stats().Pinned; got != elements*size {
			t.Fatalf("%d bytes are pinned, want %d", got, elements*size)
		}
	}
	put(t, s, "a", value, never)
	put(t, s, "b", value, 10)
	first := iter()
	put(t, s, "a", value, never) // first sees the old one
	wantPinned(1)
	put(t, s, "a", value, never) // nobody sees the one before
	wantPinned(1)
	second := iter()
	must(t, s.Advance(10)) // both see b
	wantPinned(2)
	third := iter()
	del(t, s, "a") // second and third see it
	wantPinned(3)
	must(t, third.Close()) // second holds it now
	must(t, s.Advance(11))
	wantPinned(3)
	must(t, second.Close()) // nobody sees a; first sees b
	must(t, s.Advance(12))
	wantPinned(2)
	if got, want := show(first), "a="+value+" b="+value+" "; got != want {
		t.Errorf("the first iterator shows %q", got)
	}
	must(t, first.Close())
	must(t, s.Advance(13))
	wantPinned(0)
	if st := s.Stats(); st.Memory != 0 || st.Records != 0 {
		t.Errorf("%d records, %d bytes are left", st.Records, st.Memory)
	}
}

func TestViewsTooFarBehindAreGivenUp(t *testing.T) {
	s := openTest(t, vfs.NewMem(), nil)
	put(t, s, "k", "v", never)
	old, err := s.Iter(statelab.Range{})
	must(t, err)
	s.records.seq.Add(maxViewDistance)
	put(t, s, "k", "w", never)
	late, err := s.Iter(statelab.Range{})
	must(t, err)
	if old.Next() || !errors.Is(old.Err(), statelab.ErrSnapshotTooOld) || !errors.Is(old.Close(), statelab.ErrSnapshotTooOld) {
		t.Errorf("an iterator from %d batches ago: %v", uint64(maxViewDistance), old.Err())
	}
	if got := show(late); got != "k=w " {
		t.Errorf("the late iterator shows %q", got)
	}
	must(t, late.Close())
}

// TestIteratorOpenedBeforeABatchTakesEffect opens an iterator while the log
// writes a batch.
// What is behind a closed iterator serves others, of which it must know nothing.
func TestAClosedIteratorStaysClosed(t *testing.T) {
	s := openTest(t, vfs.NewMem(), func(*Options) {})
	for _, key := range []string{"a", "b", "c"} {
		put(t, s, key, "value", never)
	}
	for _, r := range []statelab.Range{{}, {Lower: []byte("a"), Upper: []byte("d")}} {
		old, err := s.Iter(r)
		must(t, err)
		old.First()
		must(t, old.Close())
		it, err := s.Iter(r)
		must(t, err)
		it.Last()
		must(t, old.Close())
		if old.First() || old.Last() || old.Next() || old.Prev() || old.SeekGE(nil) || old.SeekLT([]byte("z")) ||
			old.Key() != nil || old.Value() != nil || old.Err() != nil {
			t.Error("an iterator goes on after its Close")
		}
		if string(it.Key()) != "c" || it.Next() || !it.Prev() || string(it.Key()) != "c" {
			t.Errorf("an iterator stands on %q, moved by one that was closed before", it.Key())
		}
		must(t, it.Close())
	}
}

func TestIteratorOpenedBeforeABatchTakesEffect(t *testing.T) {
	g := newGate(vfs.NewMem())
	s := openTest(t, g, func(o *Options) { o.Durability = statelab.DurabilityInterval })
	put(t, s, "k", "old", never)
	g.shut.Store(true)
	var writer sync.WaitGroup
	writer.Go(func() { put(t, s, "k", strings.Repeat("new", 1<<18), never) })
	<-g.came
	it, err := s.Iter(statelab.Range{})
	must(t, err)
	if got := show(it); got != "k=old " {
		t.Errorf("before the batch takes effect an iterator shows %.20q", got)
	}
	g.shut.Store(false)
	close(g.open)
	writer.Wait()
	if got := show(it); got != "k=old " {
		t.Errorf("after that it shows %.20q", got)
	}
	must(t, it.Close())
}

// TestMovesPassOverManyUnseenRecords lets an iterator come to its records
// through thousands that it does not see, while those come and go.
func TestMovesPassOverManyUnseenRecords(t *testing.T) {
	s := openTest(t, vfs.NewMem(), nil)
	put(t, s, "a", "1", never)
	put(t, s, "z", "2", never)
	it, err := s.Iter(statelab.Range{})
	must(t, err)
	fill := func(do func(b *statelab.Batch, key []byte)) {
		apply(t, s, func(b *statelab.Batch) {
			for i := range 3 * readAtATime {
				do(b, fmt.Appendf(nil, "m%05d", i))
			}
		})
	}
	var writer sync.WaitGroup
	fill(func(b *statelab.Batch, key []byte) { b.Put(key, nil, never) })
	writer.Go(func() {
		for range 5 {
			fill(func(b *statelab.Batch, key []byte) { b.Delete(key) })
			fill(func(b *statelab.Batch, key []byte) { b.Put(key, nil, never) })
		}
	})
	for range 20 {
		if !it.First() || !it.Next() || string(it.Key()) != "z" || !it.Prev() || string(it.Key()) != "a" || it.Prev() {
			t.Fatalf("stands on %q, error %v", it.Key(), it.Err())
		}
	}
	writer.Wait()
	must(t, it.Close())
}

func TestDeadElementsBetweenShadowedOnesHideNothing(t *testing.T) {
	s := openTest(t, vfs.NewMem(), nil)
	put(t, s, "k", "1", never)
	add(t, s, "k", "2", 5)
	add(t, s, "k", "3", never)
	old, err := s.Iter(statelab.Range{}) // keeps the dead element in the record
	must(t, err)
	must(t, s.Advance(5))
	late, err := s.Iter(statelab.Range{})
	must(t, err)
	put(t, s, "k", "4", never)
	for it, want := range map[statelab.Iterator]string{old: "k=123 ", late: "k=13 "} {
		if got := show(it); got != want {
			t.Errorf("an iterator shows %q, want %q", got, want)
		}
	}
	must(t, old.Close())
	if got, want := show(late), "k=13 "; got != want {
		t.Errorf("after the older one is closed an iterator shows %q, want %q", got, want)
	}
	must(t, late.Close())
}
