package arena

import (
	"math/rand/v2"
	"testing"
)

func inLane(t *testing.T, a *Arena, lane *Lane, size int, mark byte) piece {
	t.Helper()
	ref, err := a.AllocIn(lane, size)
	if err != nil {
		t.Fatal(err)
	}
	copy(a.Bytes(ref, 0, size), []byte{mark})
	return piece{ref, size, mark}
}

// pagesOf counts the pages in which pieces begin.
func pagesOf(pieces []piece) int {
	pages := map[Ref]bool{}
	for _, p := range pieces {
		pages[p.ref>>pageShift] = true
	}
	return len(pages)
}

// TestPiecesOfALaneLieTogether allocates in two lanes and beside them, and lets other
// sizes into one of the lanes, which must not break it up.
func TestPiecesOfALaneLieTogether(t *testing.T) {
	a := NewSlabs()
	defer a.Release()
	const n, size = 1000, 192
	var lanes [2]Lane
	var in [2][]piece
	for range 20 * n { // so that the lanes' spans are a small part
		newPiece(t, a, size, 2)
	}
	for range n {
		for i := range lanes {
			in[i] = append(in[i], inLane(t, a, &lanes[i], size, 1))
		}
		for range 8 {
			newPiece(t, a, size, 2)
		}
		inLane(t, a, &lanes[0], 2*size, 3)
	}
	want := (n*size+pageSize-1)/pageSize + 1
	for i := range in {
		if got := pagesOf(in[i]); got > want {
			t.Errorf("%d pieces of %d bytes in lane %d lie in %d pages, want %d at most", n, size, i, got, want)
		}
	}
	if err := a.Check(); err != nil {
		t.Error(err)
	}
}

// TestLanesAreLikeAnyMemory allocates in lanes, of all sizes, and frees, on each
// arena. Lanes outlive their spans.
func TestLanesAreLikeAnyMemory(t *testing.T) {
	onEachArena(t, func(t *testing.T, a *Arena) {
		rnd := rand.New(rand.NewPCG(3, 4))
		lanes := make([]Lane, 4)
		sizes := []int{40, 96, 192, 192, 3000, maxSmall + 1}
		var live []piece
		for i := range 6000 {
			if grows := i/1000%2 == 0; grows || len(live) == 0 {
				p := inLane(t, a, &lanes[rnd.IntN(len(lanes))], sizes[rnd.IntN(len(sizes)-rnd.IntN(2))], byte(i))
				live = append(live, p)
				continue
			}
			at := rnd.IntN(len(live))
			p := live[at]
			if got := a.Bytes(p.ref, 0, 1)[0]; got != p.mark {
				t.Fatalf("a piece of %d bytes holds %d, want %d", p.size, got, p.mark)
			}
			a.Free(p.ref, p.size)
			live[at] = live[len(live)-1]
			live = live[:len(live)-1]
		}
		for _, p := range live {
			a.Free(p.ref, p.size)
		}
		if a.InUse() != 0 {
			t.Errorf("%d bytes are in use of an arena without pieces", a.InUse())
		}
	})
}

// TestLanesLeaveLittleUnused keeps many lanes of which each has but a few pieces
// that live: what their spans have left is used by others.
func TestLanesLeaveLittleUnused(t *testing.T) {
	a := NewSlabs()
	defer a.Release()
	const size = 192
	lanes := make([]Lane, 100)
	for i := range lanes {
		inLane(t, a, &lanes[i], size, 1)
	}
	for range 20_000 {
		newPiece(t, a, size, 2)
	}
	if used, mapped := a.InUse(), a.Mapped(); mapped-used > used/mostUnused+chunkSize {
		t.Errorf("%d bytes are mapped for %d in use", mapped, used)
	}
}
