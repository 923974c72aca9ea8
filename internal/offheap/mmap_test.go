//go:build !race

package offheap

import (
	"testing"
	"unsafe"
)

func TestLargeBlocksAreAlignedToHugePages(t *testing.T) {
	before := InUse()
	for _, n := range []int{HugePage, HugePage + 1, 3 * HugePage, 5*HugePage - 4096, HugePage} {
		b, err := Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		if at := uintptr(unsafe.Pointer(&b[0])); at%HugePage != 0 || len(b) != n {
			t.Errorf("O4: a block of %d bytes at %#x, for %d bytes", len(b), at, n)
		}
		PreferHugePages(b)
		b[0], b[n-1] = 1, 2
		Free(b)
	}
	if got := InUse(); got != before {
		t.Errorf("O2: in use after Free: %d, want %d", got, before)
	}
}

// The kernel aligns large blocks by itself, or not: both ways have to work.
func TestAnyPlaceIsMadeAligned(t *testing.T) {
	for _, n := range []int{HugePage, HugePage + 5000} {
		p, err := mmapAligned(n)
		if err != nil {
			t.Fatal(err)
		}
		b := unsafe.Slice((*byte)(p), n)
		b[0], b[n-1] = 1, 2
		if uintptr(p)%HugePage != 0 {
			t.Errorf("O4: a block of %d bytes at %p", n, p)
		}
		munmap(p, n)
	}
}
