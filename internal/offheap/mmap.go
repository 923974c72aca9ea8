//go:build !race

package offheap

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func alloc(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of memory: %w", n, err)
	}
	return b, nil
}

func free(b []byte) {
	if err := unix.Munmap(b); err != nil {
		panic(fmt.Sprintf("offheap: unmap a block of %d bytes: %v", len(b), err))
	}
}

// discard is no more than advice, and what comes of it does not matter.
func discard(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }
