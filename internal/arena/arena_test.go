package arena

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab/internal/offheap"
)

// makers are the arenas that every test runs on.
var makers = map[string]func() *Arena{
	"bump":  func() *Arena { return NewBump(NewPages(4096, 0)) },
	"slabs": NewSlabs,
	"heap":  NewHeap,
}

func onEachArena(t *testing.T, f func(t *testing.T, a *Arena)) {
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			before := offheap.InUse()
			a := make()
			f(t, a)
			if err := a.Check(); err != nil {
				t.Error(err)
			}
			a.Release()
			if now := offheap.InUse(); now != before || a.InUse() != 0 || a.Mapped() != 0 {
				t.Errorf("after Release: off the heap %d, before %d; in use %d, mapped %d", now, before, a.InUse(), a.Mapped())
			}
			a.Release()
		})
	}
}

// A piece is what a test knows of one.
type piece struct {
	ref  Ref
	size int
	mark byte // what it is filled with
}

func newPiece(t *testing.T, a *Arena, size int, mark byte) piece {
	t.Helper()
	ref, err := a.Alloc(size)
	if err != nil {
		t.Fatal(err)
	}
	if ref == 0 {
		t.Fatal("M1: a piece is named by Ref 0")
	}
	if uintptr(a.Ptr(ref))%wordSize != 0 {
		t.Fatalf("M2: a piece of %d bytes at %p", size, a.Ptr(ref))
	}
	copy(a.Bytes(ref, 0, size), bytes.Repeat([]byte{mark}, size))
	return piece{ref, size, mark}
}

func (p piece) verify(t *testing.T, a *Arena) {
	t.Helper()
	if n := bytes.Count(a.Bytes(p.ref, 0, p.size), []byte{p.mark}); n != p.size {
		t.Fatalf("M2: %d bytes of a piece of %d were overwritten", p.size-n, p.size)
	}
}

func randomSize(rnd *rand.Rand) int {
	switch rnd.IntN(300) {
	case 0:
		return 1 + rnd.IntN(3*chunkSize)
	case 1, 2, 3, 4:
		return 1 + rnd.IntN(4*maxSmall)
	default:
		return 1 + rnd.IntN(600)
	}
}

func TestPiecesKeepWhatIsWritten(t *testing.T) {
	onEachArena(t, func(t *testing.T, a *Arena) {
		rnd := rand.New(rand.NewPCG(1, 2))
		var pieces []piece
		total := int64(0)
		for i := range 1500 {
			p := newPiece(t, a, randomSize(rnd), byte(i))
			pieces = append(pieces, p)
			total += int64(a.SizeOf(p.size))
		}
		for _, p := range pieces {
			p.verify(t, a)
		}
		if a.InUse() != total {
			t.Errorf("M4: in use %d, want %d", a.InUse(), total)
		}
		if a.Mapped() < total || a.Mapped() > 2*total {
			t.Errorf("mapped %d for %d in use", a.Mapped(), total)
		}
	})
}

func TestFreedPiecesAreUsedAgain(t *testing.T) {
	onEachArena(t, func(t *testing.T, a *Arena) {
		if _, ok := a.from.(*bump); ok {
			return // it uses them for pieces of their size only
		}
		rnd := rand.New(rand.NewPCG(3, 4))
		var pieces []piece
		peak := int64(0)
		for i := range 8000 {
			// The number of pieces swings between few and many.
			if n := len(pieces); n > 0 && rnd.IntN(1000) < n {
				at := rnd.IntN(n)
				pieces[at].verify(t, a)
				a.Free(pieces[at].ref, pieces[at].size)
				pieces[at] = pieces[n-1]
				pieces = pieces[:n-1]
			} else {
				pieces = append(pieces, newPiece(t, a, randomSize(rnd), byte(i)))
			}
			peak = max(peak, a.InUse())
			if most := 2*peak + 4*chunkSize; a.Mapped() > most {
				t.Fatalf("%d bytes are mapped, and never more than %d were in use", a.Mapped(), peak)
			}
			if i%1000 == 0 {
				if err := a.Check(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, p := range pieces {
			p.verify(t, a)
			a.Free(p.ref, p.size)
		}
		if a.InUse() != 0 {
			t.Errorf("M4: in use %d with nothing left", a.InUse())
		}
		if a.Mapped() > chunkSize {
			t.Errorf("%d bytes stay mapped with nothing left", a.Mapped())
		}
	})
}

func TestPagesServeOtherSizesWhenEmpty(t *testing.T) {
	a := NewSlabs()
	defer a.Release()
	for round := range 10 {
		size := 40 + 400*round
		var pieces []piece
		for total := 0; total < 4*chunkSize; total += a.SizeOf(size) {
			pieces = append(pieces, newPiece(t, a, size, 1))
		}
		for _, p := range pieces {
			a.Free(p.ref, p.size)
		}
		if a.Mapped() > chunkSize {
			t.Fatalf("round %d leaves %d bytes mapped", round, a.Mapped())
		}
	}
}

func TestRunsOverAChunkDoNotUseUpNumbers(t *testing.T) {
	a := NewSlabs()
	defer a.Release()
	for range 50 {
		p, err := a.Alloc(chunkSize + 1)
		if err != nil {
			t.Fatal(err)
		}
		a.Free(p, chunkSize+1)
	}
	if n := len(a.bases); n > 4 {
		t.Errorf("the table has grown to %d chunks", n)
	}
}

// TestMemoryComesBackAfterAPeak lets what came first go first, as in a join, with
// a time in which there is twice as much.
func TestMemoryComesBackAfterAPeak(t *testing.T) {
	const (
		steady = 40_000
		size   = 200
	)
	a := NewSlabs()
	defer a.Release()
	var queue []Ref
	turnOver := func(rounds, upTo int) {
		for range rounds {
			ref, err := a.Alloc(size)
			if err != nil {
				t.Fatal(err)
			}
			for queue = append(queue, ref); len(queue) > upTo; queue = queue[1:] {
				a.Free(queue[0], size)
			}
		}
	}
	turnOver(3*steady, steady)
	before := a.Mapped()
	turnOver(steady, 2*steady)
	peak := a.Mapped()
	turnOver(2*steady, steady)
	if after := a.Mapped(); after > before+chunkSize || peak < before+before/2 {
		t.Errorf("%d bytes were mapped before the peak, %d at its height and %d after it", before, peak, after)
	}
	if err := a.Check(); err != nil {
		t.Error(err)
	}
}

func TestClassesFit(t *testing.T) {
	for class := 2; class < classes; class++ {
		if classSize(class) <= classSize(class-1) {
			t.Fatalf("class %d has pieces of %d bytes and class %d of %d", class-1, classSize(class-1), class, classSize(class))
		}
	}
	if got := classSize(classes - 1); got != maxSmall {
		t.Fatalf("the largest class has pieces of %d bytes, want %d", got, maxSmall)
	}
	for size := 1; size <= maxSmall; size++ {
		class := classOf(size)
		if classSize(class) < size || class > 1 && classSize(class-1) >= size {
			t.Fatalf("a piece of %d bytes is in class %d of %d", size, class, classSize(class))
		}
	}
}

func TestTooLargeAPieceIsRefused(t *testing.T) {
	onEachArena(t, func(t *testing.T, a *Arena) {
		if _, err := a.Alloc(MaxPiece + 1); !errors.Is(err, ErrFull) {
			t.Fatalf("Alloc(MaxPiece+1): %v, want ErrFull", err)
		}
	})
}

func TestTheReserveServesWhenTheSystemHasNoMemory(t *testing.T) {
	before := offheap.InUse()
	a := NewSlabs()
	newPiece(t, a, 100, 1)
	if err := a.Reserve(); err != nil {
		t.Fatal(err)
	}
	if a.Mapped() != chunkSize || a.InUse() != 104 {
		t.Errorf("with a reserve %d bytes are mapped and %d in use", a.Mapped(), a.InUse())
	}
	a.LimitTo(chunkSize)
	var err error
	pieces := 0
	for ; err == nil && pieces < chunkSize; pieces++ {
		_, err = a.Alloc(10_000)
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("%d pieces were to be had, then %v", pieces, err)
	}
	if ref, err := a.AllocReserved(10_000); err != nil {
		t.Fatal(err)
	} else {
		a.Free(ref, 10_000)
	}
	if err := a.Reserve(); !errors.Is(err, ErrFull) {
		t.Errorf("Reserve: %v, and the reserve is used", err)
	}
	if err := a.Check(); err != nil {
		t.Error(err)
	}
	a.LimitTo(0)
	if err := a.Reserve(); err != nil {
		t.Error(err)
	}
	a.Release()
	if left := offheap.InUse() - before; left != 0 {
		t.Errorf("%d bytes are left after Release", left)
	}
}

func TestAllocAndFreeMakeNoGarbage(t *testing.T) {
	a := NewSlabs()
	defer a.Release()
	newPiece(t, a, 100, 1)
	allocs := testing.AllocsPerRun(100, func() {
		ref, _ := a.Alloc(100)
		a.Free(ref, 100)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestCheckNamesWhatIsBroken(t *testing.T) {
	for name, c := range map[string]struct {
		want string
		harm func(a *Arena, s *slabs, p [3]piece)
	}{
		"piece freed twice": {"M5", func(a *Arena, s *slabs, p [3]piece) {
			a.Free(p[0].ref, 100)
			a.Free(p[0].ref, 100)
		}},
		"count of pieces": {"M5", func(a *Arena, s *slabs, p [3]piece) { s.spans[p[0].ref>>pageShift].used++ }},
		"set of spans":    {"M5", func(a *Arena, s *slabs, p [3]piece) { s.open[classOf(100)].remove(uint32(p[0].ref >> pageShift)) }},
		"span of none":    {"M5", func(a *Arena, s *slabs, p [3]piece) { s.open[classOf(100)].add(uint32(p[0].ref>>pageShift) + 1) }},
		"run of pages":    {"M6", func(a *Arena, s *slabs, p [3]piece) { s.chunks.runs[1]++ }},
		"bytes in use":    {"M4", func(a *Arena, s *slabs, p [3]piece) { a.inUse.Add(8) }},
		"free page":       {"M6", func(a *Arena, s *slabs, p [3]piece) { s.chunks.all[1].free |= 1 }},
		"empty chunk":     {"M6", func(a *Arena, s *slabs, p [3]piece) { s.chunks.empty = 1 }},
	} {
		a := NewSlabs()
		p := [3]piece{newPiece(t, a, 100, 1), newPiece(t, a, 100, 2), newPiece(t, a, 100, 3)}
		if err := a.Check(); err != nil {
			t.Fatal(err)
		}
		c.harm(a, a.from.(*slabs), p)
		if err := a.Check(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: Check says %v, want %s", name, err, c.want)
		}
		a.Release()
	}
}

// A bump arena uses a freed piece for the next of its size, and its pages serve for
// the next arena, as far as they are kept.
func TestBumpArenasUsePiecesAndPagesAgain(t *testing.T) {
	const page = 4096
	before := offheap.InUse()
	pages := NewPages(page, 3*page)
	for round := range 3 {
		a := NewBump(pages)
		var kept, freed []piece
		for i := range 2000 {
			kept = append(kept, newPiece(t, a, 1+i%20, byte(i)))
			large := newPiece(t, a, page/2+i, byte(i))
			p := newPiece(t, a, 100+8*(i%3), byte(i))
			large.verify(t, a)
			a.Free(large.ref, large.size)
			if freed = append(freed, p); len(freed) > 30 {
				freed[0].verify(t, a)
				a.Free(freed[0].ref, freed[0].size)
				freed = freed[1:]
			}
		}
		for _, p := range append(kept, freed...) {
			p.verify(t, a)
		}
		if most := int64(2000*16 + 60*120 + 2*page); a.Mapped() > most {
			t.Errorf("round %d: %d bytes are mapped, want at most %d: freed pieces are not used again", round, a.Mapped(), most)
		}
		a.Release()
		if got := offheap.InUse() - before; got != 3*page {
			t.Errorf("round %d: %d bytes are kept, want %d", round, got, 3*page)
		}
	}
	taken := offheap.InUse()
	a := NewBump(pages)
	newPiece(t, a, 10, 1)
	if offheap.InUse() != taken {
		t.Error("an arena does not take a page that is there")
	}
	a.Release()
	pages.Release()
	if got := offheap.InUse(); got != before {
		t.Errorf("%d bytes are left after all was released", got-before)
	}
}
