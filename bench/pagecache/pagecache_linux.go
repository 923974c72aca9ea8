package pagecache

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// cached returns how many bytes of a file are in the page cache.
func cached(f *os.File, info fs.FileInfo) (int64, error) {
	n, err := byCachestat(f)
	if err != nil { // an older kernel, or a sandbox that does not know the call
		return byMincore(f, info)
	}
	return n, nil
}

// byCachestat asks cachestat(2), which since Linux 6.14 tells those who may
// write the file, and before anyone.
func byCachestat(f *os.File) (int64, error) {
	var stat unix.Cachestat_t
	whole := unix.CachestatRange{} // a length of zero is up to the end
	if err := unix.Cachestat(uint(f.Fd()), &whole, &stat, 0); err != nil {
		return 0, os.NewSyscallError("cachestat", err)
	}
	return int64(stat.Cache) * int64(os.Getpagesize()), nil
}

// window is how much of a file is mapped at a time: a multiple of every size of page.
const window = 1 << 30

// byMincore maps the file and asks which of its pages are in memory. To map is
// not to touch, so this brings nothing in.
func byMincore(f *os.File, info fs.FileInfo) (int64, error) {
	pages := int64(0)
	for offset := int64(0); offset < info.Size(); offset += window {
		n, err := residentPages(f, offset, min(window, info.Size()-offset))
		if err != nil {
			return 0, err
		}
		pages += n
	}
	return pages * int64(os.Getpagesize()), nil
}

func residentPages(f *os.File, offset, length int64) (pages int64, err error) {
	mapped, err := unix.Mmap(int(f.Fd()), offset, int(length), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, os.NewSyscallError("mmap", err)
	}
	defer func() { err = errors.Join(err, os.NewSyscallError("munmap", unix.Munmap(mapped))) }()
	page := int64(os.Getpagesize())
	vector := make([]byte, (length+page-1)/page)
	if err := mincore(mapped, vector); err != nil {
		return 0, os.NewSyscallError("mincore", err)
	}
	for _, b := range vector {
		pages += int64(b & 1)
	}
	return pages, nil
}

// allocated returns the bytes that the file system has given to a file, which a
// file with holes has fewer of than its size says.
func allocated(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}

func forget(f *os.File) error {
	return os.NewSyscallError("fadvise", unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}
