package memstore

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
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
	text := show(it)
	must(t, it.Close())
	return text
}

func show(it statelab.Iterator) string {
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
			put(t, s, fmt.Sprint(i), "v", s.records.watermark.Load()+1000+int64(i))
		}
		return s.Stats().Memory
	}
	must(t, s.Advance(0))
	full := fill()
	must(t, s.Advance(1<<20))
	for range 9*n/reapPerAdvance + 1 {
		must(t, s.Advance(s.records.watermark.Load()+1))
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
	for _, want := range []string{"watermark 5", "1 records, 7 bytes of keys and elements", "view of batch 2 at watermark 5 holds 0 bytes",
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
