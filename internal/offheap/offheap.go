// Package offheap hands out blocks of memory that the garbage collector neither
// scans nor counts. Under the race detector the blocks are ordinary Go slices,
// because the detector does not watch other memory.
//
//	O1  A block is zeroed when it is handed out.
//	O2  A block is given back whole, exactly as it was handed out, once.
//	O3  A block may be discarded meanwhile: it takes no memory then until it is written to.
//	O4  A block of HugePage or more is aligned to that, so that it can lie in huge pages; not so under the race detector.
package offheap

import "sync/atomic"

// HugePage is the size of a huge page, in bytes: of what one entry of the
// processor's address caches can cover in place of 4 KiB.
const HugePage = 2 << 20

var inUse atomic.Int64

// InUse returns the bytes handed out and not yet given back, process-wide.
// Tests use it to show that closing a store leaks nothing.
func InUse() int64 { return inUse.Load() }

// Alloc returns a zeroed block of n bytes. The only error is that the system
// has no memory.
func Alloc(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b, err := alloc(n)
	if err == nil {
		inUse.Add(int64(n))
	}
	return b, err
}

// Free gives back a block that Alloc returned. Using it afterwards is a fault.
func Free(b []byte) {
	if len(b) == 0 {
		return
	}
	inUse.Add(-int64(len(b)))
	free(b)
}

// Discard lets the system have the memory of a block, or of whole pages of it.
// What they held is lost, or stays; zeros stay, and may be read at any time, also
// while the block is discarded. It still counts in InUse, as what it may take.
func Discard(b []byte) {
	if len(b) > 0 {
		discard(b)
	}
}

// PreferHugePages asks for huge pages for a block, or for what is whole ones in
// it. A huge page is resident as soon as a byte of it is touched, and takes as
// long to be zeroed as it takes to write 2 MiB; so it is for blocks that will be
// full. Whether it helps, and whether the system listens, is left open.
func PreferHugePages(b []byte) {
	if len(b) >= HugePage {
		preferHugePages(b)
	}
}
