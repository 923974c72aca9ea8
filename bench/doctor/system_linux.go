package doctor

import "golang.org/x/sys/unix"

// advise asks for huge pages, or for none.
func advise(mem []byte, huge bool) error {
	if huge {
		return unix.Madvise(mem, unix.MADV_HUGEPAGE)
	}
	return unix.Madvise(mem, unix.MADV_NOHUGEPAGE)
}

// direct opens a file past the page cache.
const direct = unix.O_DIRECT

// forget makes the kernel drop a clean file's pages.
func forget(fd uintptr) error { return unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED) }
