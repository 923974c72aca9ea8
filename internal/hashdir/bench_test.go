package hashdir

import (
	"fmt"
	"testing"

	"github.com/statelab/statelab/internal/arena"
)

// A step that is prime to the number of entries visits them all in an order
// that caches do not foresee.
const stride = 618_033

func BenchmarkProbe(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		d := newTest(b)
		grow(b, d, 1, arena.Ref(n))
		for _, hit := range []bool{true, false} {
			b.Run(fmt.Sprintf("n=%d/hit=%v", n, hit), func(b *testing.B) {
				at, found := 0, 0
				for range b.N {
					at = (at + stride) % n
					ref := arena.Ref(1 + at)
					if !hit {
						ref += arena.Ref(n)
					}
					if hasRef(d, ref) {
						found++
					}
				}
				if found == b.N != hit {
					b.Fatalf("%d of %d were found", found, b.N)
				}
			})
		}
	}
}

func BenchmarkInsertRemove(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint("n=", n), func(b *testing.B) {
			d := newTest(b)
			grow(b, d, 1, arena.Ref(n))
			b.ResetTimer()
			for i := range b.N {
				insert(b, d, hashOf(arena.Ref(n+1+i)), Entry{Ref: arena.Ref(n + 1 + i)})
				if !d.Remove(hashOf(arena.Ref(1+i)), arena.Ref(1+i)) {
					b.Fatal("an entry is gone")
				}
			}
		})
	}
}
