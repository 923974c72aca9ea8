package arena

import (
	"math/rand/v2"
	"testing"
)

func TestGrainsLeadBackToTheirPieces(t *testing.T) {
	onEachArena(t, func(t *testing.T, a *Arena) {
		rnd := rand.New(rand.NewPCG(1, 2))
		byGrain := map[uint32]piece{}
		for i := range 20_000 {
			p := newPiece(t, a, GrainSize+randomSize(rnd), byte(i))
			grain := a.Grain(p.ref)
			if old, ok := byGrain[grain]; ok || grain == 0 {
				t.Fatalf("pieces %#x and %#x have the grain %d", old.ref, p.ref, grain)
			}
			byGrain[grain] = p
			if len(byGrain) < 300 {
				continue
			}
			for grain, p := range byGrain {
				if got := a.AtGrain(grain); got != p.ref {
					t.Fatalf("grain %d leads to %#x, not to the piece %#x of %d bytes", grain, got, p.ref, p.size)
				}
				if rnd.IntN(3) == 0 {
					delete(byGrain, grain)
					a.Free(p.ref, p.size)
				}
			}
		}
	})
}
