package memstore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/vfs"
)

// contents returns what an iterator shows, as "key=value ...".
func contents(t testing.TB, s *Store) string {
	t.Helper()
	it, err := s.Iter(statelab.Range{})
	must(t, err)
	text := walk(it)
	must(t, it.Close())
	return text
}

func walk(it statelab.Iterator) string {
	var b strings.Builder
	for ok := it.First(); ok; ok = it.Next() {
		fmt.Fprintf(&b, "%s=%s ", it.Key(), it.Value())
	}
	return b.String()
}

func TestDeltaIsWhatChangedAndLives(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, fs, nil)
	written := func() int64 { return s.Stats().Written.Total() }
	put(t, s, "stays", "1", never)
	put(t, s, "goes", "2", never)
	put(t, s, "dies", "3", 10)
	add(t, s, "dies", "4", 20)
	must(t, s.Sync())

	before := written()
	must(t, s.Sync())
	if n := written() - before; n != 0 {
		t.Errorf("a Sync of nothing writes %d bytes", n)
	}

	value := strings.Repeat("x", 1000)
	for i := range 100 {
		put(t, s, fmt.Sprint("deleted", i), value, never)
		put(t, s, fmt.Sprint("expires", i), value, 15)
	}
	for i := range 100 {
		del(t, s, fmt.Sprint("deleted", i))
	}
	must(t, s.Advance(15))
	del(t, s, "goes")
	put(t, s, "comes", "5", never)
	before = written()
	must(t, s.Sync())
	if n := written() - before; n > 200 {
		t.Errorf("a Sync after 200 records that lived and died, one that goes and one that comes writes %d bytes", n)
	}
	if n := s.Stats().DroppedDead; n != 100 {
		t.Errorf("%d elements died before they were written, want 100", n)
	}
	must(t, s.Close())

	s = openTest(t, fs, nil)
	if got, want := contents(t, s), "comes=5 dies=4 stays=1 "; got != want {
		t.Errorf("reopened: %q, want %q", got, want)
	}
	if n := s.Stats().Watermark; n != 15 {
		t.Errorf("reopened at watermark %d, want 15", n)
	}
}

// TestWhatIsShadowedInFilesStaysGone lets records whose elements live in the
// files be replaced by elements that are dead by the time of the next Sync.
func TestWhatIsShadowedInFilesStaysGone(t *testing.T) {
	for name, replace := range map[string]func(s *Store){
		"by a Put that is dead":          func(s *Store) { put(t, s, "k", "new", 5) },
		"by a Put that dies":             func(s *Store) { put(t, s, "k", "new", 7); must(t, s.Advance(7)) },
		"by a Delete, under an iterator": func(s *Store) { it, _ := s.Iter(statelab.Range{}); del(t, s, "k"); defer it.Close() },
		"by a Put, and then a Delete":    func(s *Store) { put(t, s, "k", "new", never); del(t, s, "k") },
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := openTest(t, fs, nil)
			must(t, s.Advance(5))
			put(t, s, "k", "old", never)
			must(t, s.Sync())
			replace(s)
			must(t, s.Sync())
			add(t, s, "k", "later", never)
			must(t, s.Sync())
			must(t, s.Close())
			s = openTest(t, fs, nil)
			if got, want := contents(t, s), "k=later "; got != want {
				t.Errorf("reopened: %q, want %q", got, want)
			}
		})
	}
}

// TestDeadElementsAreReclaimedInTime holds the package comment to its word.
func TestDeadElementsAreReclaimedInTime(t *testing.T) {
	const n = 8192
	s := openTest(t, vfs.NewMem(), func(o *Options) { o.Durability = statelab.DurabilityInterval })
	fill := func() int64 {
		for i := range n {
			put(t, s, fmt.Sprint(i), "v", s.records.watermark+1000+int64(i))
		}
		return s.Stats().Memory
	}
	must(t, s.Advance(0))
	full := fill()
	must(t, s.Advance(1<<20))
	for range 9*n/reapPerAdvance + 1 {
		must(t, s.Advance(s.records.watermark+1))
	}
	if now := s.Stats().Memory; now > full/n {
		t.Errorf("of %d bytes %d are left after enough Advances", full, now)
	}
	full = fill()
	must(t, s.Advance(1<<21))
	apply(t, s, func(b *statelab.Batch) {
		for range 9*n/reapPerOp + 1 {
			b.Delete([]byte("none"))
		}
	})
	if now := s.Stats().Memory; now > full/n {
		t.Errorf("of %d bytes %d are left after enough operations", full, now)
	}
}

// TestOnlyWhatViewsSeeIsPinned opens iterators at several moments, and expects
// pinned what they see and the store does not.
func TestOnlyWhatViewsSeeIsPinned(t *testing.T) {
	// Elements remember only the low half of how many views there were.
	for _, opened := range []uint64{0, 1<<31 - 2, 1<<32 - 2} {
		t.Run(fmt.Sprint(opened), func(t *testing.T) { pinnedByThree(t, opened) })
	}
}

func pinnedByThree(t *testing.T, opened uint64) {
	s := openTest(t, vfs.NewMem(), nil)
	s.records.opened = opened
	size := int64(s.records.mem.SizeOf(elementHead + 100))
	value := strings.Repeat("v", 100)
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
	if got, want := walk(first), "a="+value+" b="+value+" "; got != want {
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
	s.records.opened += maxViewDistance
	late, err := s.Iter(statelab.Range{})
	must(t, err)
	if old.Next() || !errors.Is(old.Err(), statelab.ErrSnapshotTooOld) || !errors.Is(old.Close(), statelab.ErrSnapshotTooOld) {
		t.Errorf("an iterator from %d views ago: %v", uint64(maxViewDistance), old.Err())
	}
	if got := walk(late); got != "k=v " {
		t.Errorf("the late iterator shows %q", got)
	}
	must(t, late.Close())
}

// A slowFile is a file whose writes wait while the file system's gate is shut.
type slowFile struct {
	vfs.File
	g *gate
}

func (f slowFile) WriteAt(b []byte, off int64) (int, error) {
	if f.g.shut.Load() {
		f.g.came <- struct{}{}
		<-f.g.open
	}
	return f.File.WriteAt(b, off)
}

// TestIteratorOpenedBeforeABatchTakesEffect opens an iterator while the log
// writes a batch.
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
	if got := walk(it); got != "k=old " {
		t.Errorf("before the batch takes effect an iterator shows %.20q", got)
	}
	g.shut.Store(false)
	close(g.open)
	writer.Wait()
	if got := walk(it); got != "k=old " {
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
		if got := walk(it); got != want {
			t.Errorf("an iterator shows %q, want %q", got, want)
		}
	}
	must(t, old.Close())
	if got, want := walk(late), "k=13 "; got != want {
		t.Errorf("after the older one is closed an iterator shows %q, want %q", got, want)
	}
	must(t, late.Close())
}

// A gate is a file system that holds up the creation of snapshots.
type gate struct {
	vfs.FS
	came chan struct{} // gets one when a snapshot begins
	open chan struct{} // closed to let it go on
	fail error         // what it then returns
	shut atomic.Bool   // whether writes wait too
}

func newGate(fs vfs.FS) *gate {
	return &gate{FS: fs, came: make(chan struct{}, 10), open: make(chan struct{})}
}

func (g *gate) Create(name string) (vfs.File, error) {
	if strings.HasSuffix(name, imageSuffix+tempSuffix) {
		g.came <- struct{}{}
		<-g.open
		if g.fail != nil {
			return nil, g.fail
		}
	}
	f, err := g.FS.Create(name)
	return slowFile{f, g}, err
}

// logUntilSnapshot makes the log long enough for a snapshot to begin.
func logUntilSnapshot(t *testing.T, s *Store, g *gate) {
	t.Helper()
	for i := 0; len(g.came) == 0; i++ {
		put(t, s, "k", fmt.Sprint(i, strings.Repeat("x", 1000)), never)
		if i == 4*DefaultLogLimit/1000 {
			t.Fatalf("no snapshot begins though the log has %d bytes", s.log.Size())
		}
		// The goroutine that writes the snapshot may not run at once.
		if s.log.Size() > DefaultLogLimit {
			<-g.came
			g.came <- struct{}{}
		}
	}
}

func TestWritersGoOnBesideASnapshot(t *testing.T) {
	fs := vfs.NewMem()
	g := newGate(fs)
	background := func(o *Options) {
		o.Durability = statelab.DurabilityAlways
		o.Maintenance = statelab.MaintenanceBackground
	}
	s := openTest(t, g, background)
	put(t, s, "gone", "1", never)
	put(t, s, "dies", "2", 9)
	logUntilSnapshot(t, s, g)
	del(t, s, "gone")
	must(t, s.Advance(9))
	put(t, s, "k", "last", never)
	put(t, s, "new", "3", never)
	close(g.open)
	s.write.Lock()
	done := s.snapshot.done
	s.write.Unlock()
	<-done
	must(t, s.Check())
	if _, number := s.snapshot.current(); number == 0 || s.log.Size() > DefaultLogLimit/2 {
		t.Errorf("snapshot %d, and a log of %d bytes", number, s.log.Size())
	}
	must(t, s.Close())
	s = openTest(t, fs, background)
	if got, want := contents(t, s), "k=last new=3 "; got != want {
		t.Errorf("reopened: %q, want %q", got, want)
	}
}

func TestFailedSnapshotIsToldToWriters(t *testing.T) {
	g := newGate(vfs.NewMem())
	g.fail = errors.New("no room for a snapshot")
	s := openTest(t, g, func(o *Options) {
		o.Durability = statelab.DurabilityInterval
		o.Maintenance = statelab.MaintenanceBackground
	})
	logUntilSnapshot(t, s, g)
	close(g.open)
	s.write.Lock()
	done := s.snapshot.done
	s.write.Unlock()
	<-done
	var b statelab.Batch
	b.Put([]byte("k"), nil, never)
	for what, err := range map[string]error{"Apply": s.Apply(&b), "Advance": s.Advance(1), "Sync": s.Sync()} {
		if !errors.Is(err, g.fail) {
			t.Errorf("%s: %v, want what made the snapshot fail", what, err)
		}
	}
	if _, err := s.Get(nil, []byte("k")); err != nil {
		t.Errorf("Get: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestApplyWaitsForTheSnapshotThatPinsTheBudget(t *testing.T) {
	g := newGate(vfs.NewMem())
	const memory = 2 << 20
	s := openTest(t, g, func(o *Options) {
		o.Durability = statelab.DurabilityInterval
		o.Maintenance = statelab.MaintenanceBackground
		o.Memory = memory
	})
	value := strings.Repeat("v", memory*2/5)
	put(t, s, "large", value, never)
	logUntilSnapshot(t, s, g)
	del(t, s, "large") // which the snapshot pins
	put(t, s, "large", value, never)
	var writer sync.WaitGroup
	writer.Go(func() {
		var b statelab.Batch
		b.Put([]byte("more"), []byte(value), never)
		if err := s.Apply(&b); err != nil {
			t.Errorf("Apply: %v", err)
		}
	})
	for s.write.TryLock() { // until the writer has come
		s.write.Unlock()
	}
	close(g.open)
	writer.Wait()
	if st := s.Stats(); st.Stalls != 1 {
		t.Errorf("%d stalls, want 1", st.Stalls)
	}
}

func TestUnfinishedSnapshotsAreRemoved(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, fs, nil)
	put(t, s, "k", "v", never)
	must(t, s.Sync())
	must(t, s.Close())
	for _, name := range []string{"/store/000009.snap.tmp", "/store/000001.snap.tmp"} {
		f, err := fs.Create(name)
		must(t, err)
		must(t, f.Close())
	}
	s = openTest(t, fs, nil)
	names, err := fs.List("/store")
	must(t, err)
	if strings.Contains(strings.Join(names, " "), ".snap") {
		t.Errorf("files after opening: %q", names)
	}
	if got := contents(t, s); got != "k=v " {
		t.Errorf("reopened: %q", got)
	}
}

func TestSettingsAreFixed(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, fs, func(o *Options) { o.Settings = map[string]string{"index": "a"} })
	must(t, s.Close())
	o := s.o
	o.Settings = map[string]string{"index": "b"}
	if _, err := Open("/store", o); !errors.Is(err, statelab.ErrMismatch) {
		t.Errorf("Open under other settings: %v, want ErrMismatch", err)
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	s := openTest(t, vfs.NewMem(), nil)
	for i := range 100 {
		put(t, s, fmt.Sprintf("k%02d", i), "value", never)
	}
	var (
		b     statelab.Batch
		buf   []byte
		key   = []byte("k42")
		value = []byte("another")
		none  = []byte("none")
		time  int64
	)
	for name, c := range map[string]struct {
		most float64
		do   func()
	}{
		"Get":           {0, func() { buf, _ = s.Get(buf[:0], key) }},
		"Get of none":   {0, func() { buf, _ = s.Get(buf[:0], none) }},
		"Put":           {0, func() { b.Reset(); b.Put(key, value, time+5); must(t, s.Apply(&b)) }},
		"Advance":       {0, func() { time++; must(t, s.Advance(time)) }},
		"insert, erase": {0, func() { b.Reset(); b.Put(none, value, never); b.Delete(none); must(t, s.Apply(&b)) }},
		"a probe of 10": {1, func() {
			it, _ := s.Iter(statelab.Range{Lower: key, Upper: []byte("k5")})
			for it.Next() {
				buf = append(buf[:0], it.Value()...)
			}
			must(t, it.Close())
		}},
	} {
		c.do()
		if allocs := testing.AllocsPerRun(200, c.do); allocs > c.most {
			t.Errorf("%s: %v allocations, want %v", name, allocs, c.most)
		}
	}
}

func TestDumpShowsStateAndFiles(t *testing.T) {
	s := openTest(t, vfs.NewMem(), nil)
	put(t, s, "k", "value", never)
	add(t, s, "k", "v", 300)
	must(t, s.Advance(5))
	must(t, s.Sync())
	it, err := s.Iter(statelab.Range{})
	must(t, err)
	defer it.Close()
	var out bytes.Buffer
	must(t, s.Dump(&out))
	for _, want := range []string{"watermark 5", "1 records, 7 bytes of keys and elements", "view 1 at watermark 5 holds 0 bytes",
		"           7         1 ##", "  1         1, within 65535 units of time", "log: 1 frames of kind record"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("Dump does not say %q:\n%s", want, out.String())
		}
	}
}

func TestRecordsOfHeapPiecesAreCheckedToo(t *testing.T) {
	s := openTest(t, vfs.NewMem(), func(o *Options) { o.NewArena = arena.NewHeap })
	for i := range 300 {
		put(t, s, fmt.Sprint(i%50), strings.Repeat("v", i), int64(i))
		must(t, s.Advance(int64(i-20)))
	}
	must(t, s.Check())
}
