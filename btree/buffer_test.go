package btree

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func bufferedOptions(memory int64) Options {
	return Options{Options: statelab.Options{Memory: memory, Maintenance: statelab.MaintenanceInline}}
}

// leafReads returns how many leaves were looked up so far.
func leafReads(s *Store) int64 {
	for _, c := range s.Stats().Cache {
		if c.Kind == countNames[countLeaf] {
			return c.Hits + c.Misses
		}
	}
	return 0
}

// fill puts records of random keys that live until a time, and syncs.
func fill(t *testing.T, s *Store, rng *rand.Rand, n int, expireAt int64) {
	t.Helper()
	for range n {
		mustPut(t, s, fmt.Sprintf("key %d of a certain length", rng.IntN(1_000_000)), string(make([]byte, 100)), expireAt)
	}
	mustDo(t, s.Sync())
}

func TestWhatDiesInTheBufferReachesNoLeaf(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), bufferedOptions(2<<20))
	defer s.Close()
	before := s.Stats()
	for i := range 40_000 { // five times what the buffer holds
		mustPut(t, s, fmt.Sprintf("key %d", i*7919%40_000), string(make([]byte, 100)), int64(i+1000))
		mustDo(t, s.Advance(int64(i)))
	}
	mustDo(t, s.Advance(1_000_000))
	mustDo(t, s.Sync())
	after := s.Stats()
	if dropped := after.DroppedDead - before.DroppedDead; dropped != 40_000 {
		t.Errorf("%d elements of 40000 were dropped", dropped)
	}
	if written := after.Written.Page - before.Written.Page; written > 8*4096 {
		t.Errorf("%d bytes of pages were written for records that all died", written)
	}
	mustDo(t, s.Check())
}

func TestChangesReadNoLeaf(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), bufferedOptions(2<<20))
	defer s.Close()
	fill(t, s, rand.New(rand.NewPCG(1, 1)), 5000, statelab.NoExpiry)
	mustPut(t, s, "key 1", "a", statelab.NoExpiry)
	mustDo(t, s.Sync())
	before := leafReads(s)
	var b statelab.Batch
	for i := range 500 {
		b.Append(fmt.Appendf(nil, "key %d", i), []byte("b"), statelab.NoExpiry)
		b.Delete(fmt.Appendf(nil, "key %d", i+500))
		b.Put(fmt.Appendf(nil, "key %d", i+1000), []byte("c"), 5)
	}
	mustDo(t, s.Apply(&b))
	if read := leafReads(s) - before; read != 0 {
		t.Errorf("%d leaves were looked up for changes", read)
	}
	mustGet(t, s, "key 1", "ab")
	mustDo(t, s.Sync())
	mustGet(t, s, "key 1", "ab")
	mustDo(t, s.Check())
}

// TestWhatIsCoveredStaysCovered lets records die in the buffer that cover longer
// and shorter lived ones in the tree.
func TestWhatIsCoveredStaysCovered(t *testing.T) {
	for _, c := range []struct {
		name           string
		old            int64 // expiry of what the tree has
		change         func(b *statelab.Batch)
		kept           bool // something must stay in the buffer when all has died
		before, after2 string
	}{
		{"put that dies first", 100, func(b *statelab.Batch) { b.Put([]byte("k"), []byte("new"), 10) }, true, "new", ""},
		{"put that dies last", 5, func(b *statelab.Batch) { b.Put([]byte("k"), []byte("new"), 10) }, false, "new", ""},
		{"dead put", 100, func(b *statelab.Batch) { b.Put([]byte("k"), []byte("new"), 1) }, true, "", ""},
		{"delete", 100, func(b *statelab.Batch) { b.Delete([]byte("k")) }, true, "", ""},
		{"delete of what is dead", 1, func(b *statelab.Batch) { b.Delete([]byte("k")) }, false, "", ""},
		{"append", 100, func(b *statelab.Batch) { b.Append([]byte("k"), []byte("new"), 10) }, false, "oldnew", "old"},
		{"delete and append", 100, func(b *statelab.Batch) {
			b.Delete([]byte("k"))
			b.Append([]byte("k"), []byte("new"), 10)
		}, true, "new", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, vfs.NewMem(), bufferedOptions(1<<20))
			defer s.Close()
			mustPut(t, s, "k", "old", c.old)
			mustDo(t, s.Sync())
			mustDo(t, s.Advance(2))
			var b statelab.Batch
			c.change(&b)
			mustDo(t, s.Apply(&b))
			wantValue(t, s, "k", c.before)
			mustDo(t, s.Advance(20))
			wantValue(t, s, "k", c.after2)
			mustDo(t, s.Check())
			if leaf := s.buffer.leafOf(t, "k"); leaf.page != nil {
				s.buffer.begin()
				mustDo(t, s.buffer.writable(&leaf))
				if _, err := s.buffer.squeeze(&leaf); err != nil {
					t.Fatal(err)
				}
				if kept := leaf.count() > 0; kept != c.kept {
					t.Errorf("what is dead is kept in the buffer: %t, want %t", kept, c.kept)
				}
				leaf.release()
				s.buffer.rollback()
			} else if c.kept {
				t.Error("the buffer is empty")
			}
			mustDo(t, s.Sync())
			wantValue(t, s, "k", c.after2)
			if s.buffer.pages != 0 {
				t.Errorf("the buffer has %d pages after a Sync", s.buffer.pages)
			}
			mustDo(t, s.Check())
		})
	}
}

// leafOf returns the leaf of a key, none if the buffer is empty.
func (b *buffer) leafOf(t *testing.T, key string) node {
	if b.height == 0 {
		return node{}
	}
	leaf, _, _, err := b.find(b.position, []byte(key), &b.path)
	mustDo(t, err)
	return leaf
}

// wantValue wants a value, or none if it is empty.
func wantValue(t *testing.T, s *Store, key, want string) {
	t.Helper()
	got, err := s.Get(nil, []byte(key))
	if want == "" && errors.Is(err, statelab.ErrNotFound) {
		return
	}
	if err != nil || string(got) != want {
		t.Fatalf("Get(%q) = %.40q, %v; want %.40q", key, got, err, want)
	}
}

// TestTheBufferSparesWrites updates a tree several times as large as the memory,
// with and without a buffer.
func TestTheBufferSparesWrites(t *testing.T) {
	written := func(size int64) int64 {
		o := bufferedOptions(1 << 20)
		o.WriteBuffer = size
		s := mustOpen(t, vfs.NewMem(), o)
		defer s.Close()
		rng := rand.New(rand.NewPCG(1, 1))
		fill(t, s, rng, 20_000, statelab.NoExpiry)
		before := s.Stats().Written.Page
		fill(t, s, rng, 20_000, statelab.NoExpiry)
		mustDo(t, s.Check())
		return s.Stats().Written.Page - before
	}
	off, half, most := written(WriteBufferOff), written(512<<10), written(0)
	if 2*half > off || 4*most > 3*half {
		t.Errorf("%d bytes of pages were written without a buffer, %d with one of half the memory, %d with one of three quarters", off, half, most)
	}
}

// TestABatchTooLargeForTheBuffer is applied to the tree, behind what was buffered.
func TestABatchTooLargeForTheBuffer(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), bufferedOptions(512<<10))
	defer s.Close()
	mustPut(t, s, "before", "1", statelab.NoExpiry)
	mustPut(t, s, "key 00007", "1", statelab.NoExpiry)
	var b statelab.Batch
	for i := range 20_000 {
		b.Append(fmt.Appendf(nil, "key %05d", i), make([]byte, 50), statelab.NoExpiry)
	}
	b.Append([]byte("large"), make([]byte, 3<<20), statelab.NoExpiry)
	mustDo(t, s.Apply(&b))
	mustGet(t, s, "before", "1")
	mustGet(t, s, "key 00007", "1"+string(make([]byte, 50)))
	mustGet(t, s, "large", string(make([]byte, 3<<20)))
	mustPut(t, s, "after", "1", statelab.NoExpiry)
	if s.buffer.pages == 0 {
		t.Error("what is put next is not buffered")
	}
	mustDo(t, s.Check())
}

// TestARecordIsTooLargeAcrossBufferAndTree appends to a record of nearly
// MaxRecordSize bytes whose elements are in the tree.
func TestARecordIsTooLargeAcrossBufferAndTree(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a record of 256 MiB")
	}
	fs := vfs.NewMem()
	s := mustOpen(t, fs, Options{PageSize: MaxPageSize, Options: statelab.Options{Memory: 16 << 20}})
	defer s.Close()
	var b statelab.Batch
	b.Put([]byte("k"), make([]byte, statelab.MaxRecordSize-10), 50)
	mustDo(t, s.Apply(&b))
	mustDo(t, s.Sync())
	app := func(n int) error {
		b.Reset()
		b.Append([]byte("k"), make([]byte, n), 100)
		return s.Apply(&b)
	}
	mustDo(t, app(6))
	if err := app(5); !errors.Is(err, statelab.ErrTooLarge) {
		t.Fatalf("11 bytes are appended to 10 below the limit: %v", err)
	}
	mustDo(t, app(4))
	mustDo(t, s.Advance(60))
	mustDo(t, app(1000))
	if v, err := s.Get(nil, []byte("k")); err != nil || len(v) != 1010 {
		t.Fatalf("Get returns %d bytes, %v", len(v), err)
	}
}

func TestCheckNamesABrokenBuffer(t *testing.T) {
	for _, c := range []struct {
		id, name string
		harm     func(s *Store)
	}{
		{"B1", "a key out of order", func(s *Store) {
			p := s.buffer.leafOf(t, "k1").page
			p.record(0).key[0] = 'z'
		}},
		{"B5", "a wrong summary", func(s *Store) { s.buffer.leafOf(t, "k1").setSummary(1, 1) }},
		{"B9", "a page that is not counted", func(s *Store) { s.buffer.pages++ }},
		{"B9", "a frame that is lost", func(s *Store) {
			if _, err := s.buffer.pool.Borrow(); err != nil {
				t.Fatal(err)
			}
		}},
		{"B9", "a record that outlives and does not cover", func(s *Store) {
			p := s.buffer.leafOf(t, "k1").page
			p.setU16(p.slot(0)+2, p.u16(p.slot(0)+2)|bufferMark)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, vfs.NewMem(), bufferedOptions(1<<20))
			defer s.Close()
			mustPut(t, s, "k1", "v", 5)
			mustPut(t, s, "k2", "v", 5)
			mustDo(t, s.Check())
			c.harm(s)
			if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.id+": ") {
				t.Errorf("Check: %v, want %s", err, c.id)
			}
		})
	}
}

// TestASnapshotOfTheSameEpochIsNotAnOlderOne opens one when the newest has gone
// and nothing has changed since it was opened.
func TestASnapshotOfTheSameEpochIsNotAnOlderOne(t *testing.T) {
	var s snapshots
	s.restart(0, true)
	s.change()
	sn := s.open()
	s.close(sn)
	s.reap(func(ref) {})
	if again := s.open(); again.epoch <= 0 {
		t.Fatalf("a snapshot of what is now has epoch %d, that of the durable root", again.epoch)
	}
}

func TestDumpTellsOfTheBuffer(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), bufferedOptions(1<<20))
	defer s.Close()
	mustPut(t, s, "k", "v", 5)
	var w strings.Builder
	mustDo(t, s.Dump(&w))
	if want := "write buffer: 1 pages, merged beyond"; !strings.Contains(w.String(), want) {
		t.Errorf("no %q in\n%s", want, w.String())
	}
	mustDo(t, s.Dump(io.Discard))
}
