//go:build !race

package offheap

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

func alloc(n int) ([]byte, error) {
	p, err := mmap(n)
	if err == nil && n >= HugePage && uintptr(p)%HugePage != 0 {
		// Recent kernels align such blocks by themselves.
		munmap(p, n)
		p, err = mmapAligned(n)
	}
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of memory: %w", n, err)
	}
	return unsafe.Slice((*byte)(p), n), nil
}

// mmapAligned maps a huge page more than n bytes and gives back what lies
// before and after the aligned n.
func mmapAligned(n int) (unsafe.Pointer, error) {
	n = (n + os.Getpagesize() - 1) &^ (os.Getpagesize() - 1)
	p, err := mmap(n + HugePage)
	if err != nil {
		return nil, err
	}
	before := int(-uintptr(p) % HugePage)
	aligned := unsafe.Add(p, before)
	if before > 0 {
		munmap(p, before)
	}
	munmap(unsafe.Add(aligned, n), HugePage-before)
	return aligned, nil
}

func mmap(n int) (unsafe.Pointer, error) {
	return unix.MmapPtr(-1, 0, nil, uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func munmap(p unsafe.Pointer, n int) {
	if err := unix.MunmapPtr(p, uintptr(n)); err != nil {
		panic(fmt.Sprintf("offheap: unmap a block of %d bytes: %v", n, err))
	}
}

func free(b []byte) { munmap(unsafe.Pointer(unsafe.SliceData(b)), len(b)) }

// Advice may be refused, and what comes of it does not matter.

func discard(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }

func preferHugePages(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
