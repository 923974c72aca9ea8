package pool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/statelab/statelab/internal/offheap"
)

const testPage = 64

// disk is a Backing in memory that can be told to fail.
type disk struct {
	mu     sync.Mutex
	pages  map[uint32][]byte
	fail   error
	writes int
}

func newDisk() *disk { return &disk{pages: map[uint32][]byte{}} }

func (d *disk) ReadPage(id uint32, buf []byte) (uint8, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return 0, d.fail
	}
	copy(buf, d.pages[id])
	return uint8(id % Kinds), nil
}

func (d *disk) WritePages(id uint32, buf []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	d.writes++
	for ; len(buf) > 0; id, buf = id+1, buf[testPage:] {
		d.pages[id] = bytes.Clone(buf[:testPage])
	}
	return nil
}

func newTestPool(t *testing.T, d *disk, memory int64) *Pool {
	t.Helper()
	before := offheap.InUse()
	p, err := New(d, testPage, memory, KindClock)
	if err != nil {
		t.Fatal(err)
	}
	if p.Memory() > memory {
		t.Errorf("the pool takes %d bytes of %d", p.Memory(), memory)
	}
	t.Cleanup(func() {
		p.Close()
		if offheap.InUse() != before {
			t.Error("Close left memory behind")
		}
	})
	return p
}

// TestPoolAgreesWithAMap runs one writer against a map, over a pool that
// holds a tenth of the pages.
func TestPoolAgreesWithAMap(t *testing.T) {
	d := newDisk()
	p := newTestPool(t, d, 4096)
	want := map[uint32]uint64{}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range uint64(20_000) {
		id := uint32(rng.IntN(10 * p.Frames()))
		_, exists := want[id]
		switch op := rng.IntN(10); {
		case !exists:
			h, err := p.New(id, uint8(id%Kinds), nil)
			if err != nil {
				t.Fatal(err)
			}
			binary.LittleEndian.PutUint64(h.Bytes(), i)
			h.Unpin()
			want[id] = i
		case op == 0:
			p.Drop(id)
			delete(want, id)
		case op == 1:
			if err := p.Flush(); err != nil {
				t.Fatal(err)
			}
			for id, v := range want {
				if got := binary.LittleEndian.Uint64(d.pages[id]); got != v {
					t.Fatalf("after Flush page %d is %d on disk, want %d", id, got, v)
				}
			}
		default:
			h, err := p.Get(id)
			if err != nil {
				t.Fatal(err)
			}
			if got := binary.LittleEndian.Uint64(h.Bytes()); got != want[id] {
				t.Fatalf("P1: page %d is %d, want %d", id, got, want[id])
			}
			if op < 5 {
				if err := p.MarkDirty(h); err != nil {
					t.Fatal(err)
				}
				binary.LittleEndian.PutUint64(h.Bytes(), i)
				want[id] = i
			}
			h.Unpin()
		}
		if p.dirty > p.dirtyLimit() {
			t.Fatalf("%d of %d frames are dirty", p.dirty, len(p.frames))
		}
	}
	c := p.Counts()
	if c[0].Hits == 0 || c[0].Misses == 0 {
		t.Fatalf("counts are %v", c)
	}
}

func TestReadersFindFramesAfterAFailedWrite(t *testing.T) {
	d := newDisk()
	p := newTestPool(t, d, 4096)
	var id uint32
	for ; ; id++ {
		if p.dirty == p.dirtyLimit() {
			d.fail = errors.New("no space")
		}
		h, err := p.New(id, 0, nil)
		if err != nil {
			if err != d.fail {
				t.Fatalf("New: %v, want the failure", err)
			}
			break
		}
		h.Unpin()
	}
	d.fail = nil
	for other := range uint32(500) {
		h, err := p.Get(1000 + other)
		if err != nil {
			t.Fatal(err)
		}
		h.Unpin()
	}
}

func TestFailedReadLeavesNothingBehind(t *testing.T) {
	d := newDisk()
	p := newTestPool(t, d, 4096)
	d.fail = errors.New("bad sector")
	for range 100 {
		if _, err := p.Get(7); err != d.fail {
			t.Fatalf("Get: %v, want the failure", err)
		}
	}
	d.fail, d.pages[7] = nil, bytes.Repeat([]byte{7}, testPage)
	h, err := p.Get(7)
	if err != nil || h.Bytes()[0] != 7 {
		t.Fatalf("Get after the failure: %v", err)
	}
	h.Unpin()
}

// TestReadersShareFewFrames has more readers than frames; P4 keeps them from
// waiting for each other for ever.
func TestReadersShareFewFrames(t *testing.T) {
	d := newDisk()
	for id := range uint32(200) {
		d.pages[id] = binary.LittleEndian.AppendUint32(nil, id)
	}
	p := newTestPool(t, d, int64(testPage+MinFrames*(testPage+cacheLine+frameOverhead+KindClock.overhead())))
	var wg sync.WaitGroup
	for g := range uint64(3 * MinFrames) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(g, 0))
			for range 500 {
				id := uint32(rng.IntN(200))
				h, err := p.Get(id)
				if err != nil {
					t.Error(err)
					return
				}
				if got := binary.LittleEndian.Uint32(h.Bytes()); got != id {
					t.Errorf("page %d holds %d", id, got)
				}
				h.Unpin()
			}
		})
	}
	wg.Wait()
}

func TestNeighboursAreWrittenTogether(t *testing.T) {
	d := newDisk()
	p := newTestPool(t, d, 32<<10)
	for _, id := range []uint32{5, 3, 9, 4, 8} {
		h, err := p.New(id, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		h.Unpin()
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if d.writes != 2 {
		t.Fatalf("%d writes for the runs 3 4 5 and 8 9", d.writes)
	}
}

// TestAheadIsToldBeforeAnyPageIsWritten has Ahead refuse once, and hears of all pages before
// the first of them is written.
func TestAheadIsToldBeforeAnyPageIsWritten(t *testing.T) {
	d := newDisk()
	p := newTestPool(t, d, 32<<10)
	var told []uint32
	refusal := errors.New("not yet")
	p.Ahead = func(ids []uint32) error {
		if d.writes > 0 {
			t.Errorf("%d were told of after a write", ids)
		}
		told = append(told, ids...)
		return refusal
	}
	for _, id := range []uint32{5, 3, 9} {
		h, err := p.New(id, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		h.Unpin()
	}
	if err := p.Flush(); err != refusal || d.writes > 0 || !p.Dirty(5) {
		t.Fatalf("Flush: %v, %d writes", err, d.writes)
	}
	refusal = nil
	if err := p.Flush(); err != nil || d.writes != 3 {
		t.Fatalf("Flush: %v, %d writes", err, d.writes)
	}
	if want := []uint32{3, 5, 9, 3, 5, 9}; !slices.Equal(told, want) {
		t.Errorf("told of %d, want %d", told, want)
	}
}

func TestTooLittleMemoryIsRefused(t *testing.T) {
	if _, err := New(newDisk(), 4096, 40_000, KindClock); err == nil {
		t.Fatal("a pool of 40,000 bytes for pages of 4096 was made")
	}
}

// TestTableAgreesWithAMap crowds a small table, so that chains form and wrap.
func TestTableAgreesWithAMap(t *testing.T) {
	const frames = 32
	tab := newTable(frames)
	want := map[uint32]int{}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		id := uint32(rng.IntN(100))
		if _, ok := want[id]; ok {
			tab.remove(id)
			delete(want, id)
		} else if len(want) < frames {
			f := rng.IntN(frames)
			tab.put(id, f)
			want[id] = f
		}
		probe := uint32(rng.IntN(100))
		f, ok := want[probe]
		if !ok {
			f = -1
		}
		if got := tab.find(probe); got != f {
			t.Fatalf("find(%d) = %d, want %d", probe, got, f)
		}
	}
}

// TestKeptPagesStay asks for plain pages without end beside some of a kind that is
// kept, which nobody uses.
func TestKeptPagesStay(t *testing.T) {
	d := newDisk()
	p := newTestPool(t, d, 8<<10)
	p.Kept[1] = true
	get := func(id uint32) {
		h, err := p.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		h.Unpin()
	}
	for id := range uint32(5) {
		get(1 + Kinds*id) // the kind is id % Kinds
	}
	for id := range uint32(1000) {
		get(Kinds * id)
	}
	before := p.Counts()[1]
	for id := range uint32(5) {
		get(1 + Kinds*id)
	}
	if now := p.Counts()[1]; now.Hits != before.Hits+5 || now.Misses != before.Misses {
		t.Errorf("kept pages were given up: %+v, then %+v", before, now)
	}
	for id := range uint32(2 * p.Frames()) { // more of them than there are frames
		get(1 + Kinds*id)
	}
}

// TestReadersBesideAWriterOfPages has readers that look pages up without the lock
// while a writer makes new ones and drops them, so that frames change hands all the
// time: a page must never be another one, and all uses must be counted.
func TestReadersBesideAWriterOfPages(t *testing.T) {
	d := newDisk()
	for id := range uint32(300) {
		d.pages[id] = binary.LittleEndian.AppendUint32(nil, id)
	}
	p := newTestPool(t, d, 24<<10)
	p.SetLoan(p.Frames() / 4)
	var wg sync.WaitGroup
	var gets [4]int64
	for g := range gets {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 7))
			for range 4000 {
				id := uint32(rng.IntN(60))
				if rng.IntN(4) == 0 {
					id = uint32(rng.IntN(300))
				}
				h, err := p.Get(id)
				if err != nil {
					t.Error(err)
					return
				}
				gets[g]++
				again := h.Pin()
				if got := binary.LittleEndian.Uint32(h.Bytes()); got != id {
					t.Errorf("page %d holds %d", id, got)
				}
				h.Unpin()
				again.Unpin()
			}
		})
	}
	for i := range uint32(2000) {
		h, err := p.New(1000+i%50, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint32(h.Bytes(), i)
		h.Unpin()
		lent, err := p.Borrow()
		if err == nil {
			lent.Bytes()[0]++
			p.Return(lent.Frame())
		}
		p.Drop(1000 + i%50)
	}
	wg.Wait()
	total := int64(0)
	for _, c := range p.Counts() {
		total += c.Hits + c.Misses
	}
	if want := gets[0] + gets[1] + gets[2] + gets[3]; total != want {
		t.Errorf("%d uses are counted, of %d", total, want)
	}
}
