package lsm

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// dropCached empties the cache.
func dropCached(s *Store) {
	for t := range s.view.Load().version.tables {
		s.env.cache.Drop(t.number)
	}
}

// Whatever is asked for, MultiGet finds what Get finds, looks the same blocks up
// as often and reads the same bytes.
func TestMultiGetReadsWhatGetsRead(t *testing.T) {
	const joinKeys = 3000
	for _, bare := range []bool{false, true} {
		s := filled(t, Options{Options: statelab.Options{Memory: 2 << 20}}, joinKeys)
		if bare { // as after opening, with neither extents nor footers
			withoutExtents(t, s)
		}
		var keys [][]byte
		draw := rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			keys = append(keys, recordKey(draw.IntN(joinKeys+joinKeys/4), draw.IntN(5)))
		}
		if err := s.Advance(joinKeys + joinKeys/8); err != nil {
			t.Fatal(err)
		}
		dropCached(s)
		before := s.Stats()
		want := map[int]string{}
		for i, key := range keys {
			value, err := s.Get(nil, key)
			if err == nil {
				want[i] = string(value)
			} else if !errors.Is(err, statelab.ErrNotFound) {
				t.Fatal(err)
			}
		}
		between := s.Stats()
		dropCached(s)
		err := s.MultiGet(keys, func(i int, value []byte) {
			if want[i] != string(value) {
				t.Errorf("key %d is %q, and Get finds %q", i, value, want[i])
			}
			delete(want, i)
		})
		if err != nil || len(want) > 0 {
			t.Fatalf("%v, and %d keys are not found that Get finds", err, len(want))
		}
		after := s.Stats()
		for i, c := range after.Cache {
			hits, misses := c.Hits-between.Cache[i].Hits, c.Misses-between.Cache[i].Misses
			getHits, getMisses := between.Cache[i].Hits-before.Cache[i].Hits, between.Cache[i].Misses-before.Cache[i].Misses
			if hits+misses != getHits+getMisses || misses != getMisses {
				t.Errorf("bare %v: of kind %s %d hits and %d misses, and Gets had %d and %d", bare, c.Kind, hits, misses, getHits, getMisses)
			}
		}
		if got, gets := after.ReadBytes-between.ReadBytes, between.ReadBytes-before.ReadBytes; got > gets || got == 0 {
			t.Errorf("%d bytes are read, and by Gets %d", got, gets)
		}
		if got, gets := after.Filter.Probes-between.Filter.Probes, between.Filter.Probes-before.Filter.Probes; got != gets {
			t.Errorf("filters are asked %d times, and by Gets %d times", got, gets)
		}
	}
}

// meeting is a file system whose readers of data blocks, which are shorter than
// the filters of these tests, wait for each other.
type meeting struct {
	vfs.FS
	mu      sync.Mutex
	on      bool
	readers int
	most    int
	met     chan struct{} // closed when so many read as meet
	meet    int
}

type meetingFile struct {
	vfs.File
	m *meeting
}

func (m *meeting) Open(name string) (vfs.File, error) {
	f, err := m.FS.Open(name)
	return &meetingFile{f, m}, err
}

func (f *meetingFile) ReadAt(b []byte, offset int64) (int, error) {
	if len(b) == footerSize || len(b) > DefaultBlockSize {
		return f.File.ReadAt(b, offset)
	}
	f.m.wait()
	n, err := f.File.ReadAt(b, offset)
	f.m.mu.Lock()
	f.m.readers--
	f.m.mu.Unlock()
	return n, err
}

// wait returns when as many readers as are to meet are here, or have been. Should
// they never come, it gives up.
func (m *meeting) wait() {
	m.mu.Lock()
	m.readers++
	m.most = max(m.most, m.readers)
	if m.most == m.meet {
		close(m.met)
		m.meet = -1
	}
	on := m.on
	m.mu.Unlock()
	if on {
		select {
		case <-m.met:
		case <-time.After(10 * time.Second):
		}
	}
}

// The blocks that several keys need are read at the same time.
func TestMultiGetOverlapsReads(t *testing.T) {
	const joinKeys, together = 3000, 8
	m := &meeting{FS: vfs.NewMem(), met: make(chan struct{}), meet: together}
	s := filled(t, Options{Options: statelab.Options{Memory: 2 << 20, FS: m}, BloomBits: MaxBloomBits}, joinKeys)
	var keys [][]byte
	for i := range manyAtOnce {
		keys = append(keys, recordKey(i*joinKeys/(2*manyAtOnce), 1))
	}
	dropCached(s)
	m.mu.Lock()
	m.on, m.most = true, 0
	m.mu.Unlock()
	n := 0
	if err := s.MultiGet(keys, func(int, []byte) { n++ }); err != nil || n != len(keys) {
		t.Fatalf("%d of %d keys are found, %v", n, len(keys), err)
	}
	if m.most < together {
		t.Errorf("at most %d reads at a time for %d keys, want %d", m.most, len(keys), together)
	}
}

// A block that is damaged fails the call, and nothing else.
func TestMultiGetReturnsDamage(t *testing.T) {
	const joinKeys = 2000
	mem := vfs.NewMem()
	s := filled(t, Options{Options: statelab.Options{Memory: 1 << 20, FS: mem}}, joinKeys)
	tab := s.view.Load().version.runs[len(s.view.Load().version.runs)-1].tables[0]
	good, err := vfs.ReadFile(mem, tab.path())
	if err != nil {
		t.Fatal(err)
	}
	flip := func(with byte) {
		f, err := mem.OpenReadWrite(tab.path())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{good[100] ^ with}, 100); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		dropCached(s)
	}
	var keys [][]byte
	for i := range joinKeys {
		if key := recordKey(i, 0); bytes.Compare(key, tab.first) >= 0 {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, bytes.Compare)
	n := 0
	count := func(int, []byte) { n++ }
	flip(1)
	var damage *statelab.CorruptError
	if err := s.MultiGet(keys, count); !errors.As(err, &damage) {
		t.Errorf("of a damaged block: %v", err)
	}
	flip(0)
	n = 0
	if err := s.MultiGet(keys, count); err != nil || n != len(keys) {
		t.Errorf("of the block made good: %d of %d keys, %v", n, len(keys), err)
	}
}

// A key that lies between the last of a block and the first of the next, and which the
// filter lets pass, is looked for in one block: should it need two, and the cache keep
// neither, they would be read in turns for ever.
func TestMultiGetNeedsOneBlockOfATableAtATime(t *testing.T) {
	const records = 3000
	s := plainStore(t, Options{Options: statelab.Options{Memory: 512 << 10}, BloomBits: 1}, records)
	s.env.cache.Resize(0)
	var keys [][]byte
	for i := range records {
		keys = append(keys, append(plainKey(i), 0))
	}
	if err := s.MultiGet(keys, func(int, []byte) { t.Error("a key is found that is not there") }); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Stats().Cache {
		if c.Kind == blockKinds[dataBlock] && (c.Misses < records/4 || c.Hits > 0) {
			t.Errorf("%d blocks are read and %d found for keys that filters let pass", c.Misses, c.Hits)
		}
	}
}
