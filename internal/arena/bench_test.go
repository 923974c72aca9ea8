package arena

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// A reader goes from piece to piece, each of which names the next, in an order
// that caches do not foresee: a look-up is a few such steps.
func BenchmarkFollow(b *testing.B) {
	const size = 600
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("n=", n), func(b *testing.B) {
			a := NewSlabs()
			defer a.Release()
			refs := make([]Ref, n)
			for i := range refs {
				ref, err := a.Alloc(size)
				if err != nil {
					b.Fatal(err)
				}
				refs[i] = ref
			}
			const stride = 618_033 // prime to n
			for i := range refs {
				binary.NativeEndian.PutUint32(a.Bytes(refs[i], 0, 4), uint32(refs[(i+stride)%n]))
			}
			at := refs[0]
			b.ResetTimer()
			for range b.N {
				at = *(*Ref)(a.Ptr(at))
			}
			if at == 0 {
				b.Fatal("a step led nowhere")
			}
		})
	}
}
