package pagecache

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mincore sets the lowest bit of a byte of vector for each page of mapped that is
// in memory.
func mincore(mapped, vector []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_MINCORE,
		uintptr(unsafe.Pointer(unsafe.SliceData(mapped))), uintptr(len(mapped)), uintptr(unsafe.Pointer(unsafe.SliceData(vector))))
	if errno != 0 {
		return errno
	}
	return nil
}
