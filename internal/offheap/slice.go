//go:build race

package offheap

import (
	"encoding/binary"
	"strings"
)

func alloc(n int) ([]byte, error) { return make([]byte, n), nil }

// free overwrites the block, so that a use after it shows, also to the detector.
// Pages that were never written to are left as they are: the detector takes far
// longer over a page than the store that lay in it, and most of what a small store reserves is
// never touched.
func free(b []byte) {
	b[0] = 0xdb
	for len(b) > 0 {
		page := b[:min(len(b), pageSize)]
		if !untouched(page) {
			copy(page, poison)
		}
		b = b[len(page):]
	}
}

const pageSize = 4 << 10

var poison = []byte(strings.Repeat("\xdb", pageSize))

// untouched says whether a whole page holds zeros. The detector is not told of it: who still
// writes to the page is at fault by that, and not by our looking at it. (It would be told of
// a comparison of arrays or strings, and of what is compiled into a caller.)
//
//go:norace
//go:noinline
func untouched(page []byte) bool {
	for i := 0; i < pageSize; i += 8 {
		if i+8 > len(page) || binary.NativeEndian.Uint64(page[i:]) != 0 {
			return false
		}
	}
	return true
}

func discard(b []byte) {}

func preferHugePages(b []byte) {}
