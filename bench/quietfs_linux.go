//go:build linux && (amd64 || arm64)

package bench

import (
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/statelab/statelab/vfs"
)

// A quietFS is a file system of the kernel whose files are read and written
// without telling the scheduler of the Go runtime. It would otherwise, whenever a
// call takes long enough for its monitor to notice, hand the processor to another thread and
// count what that does: thousands of instructions, by chance. What is lost are the few
// dozen instructions by which a Go program announces a system call. Only a run that is
// counted, with one processor and nobody waiting for it, may block like this.
type quietFS struct{ vfs.FS }

func newQuietFS(fs vfs.FS) vfs.FS { return quietFS{fs} }

func (fs quietFS) Create(name string) (vfs.File, error) { return quieten(fs.FS.Create(name)) }
func (fs quietFS) Open(name string) (vfs.File, error)   { return quieten(fs.FS.Open(name)) }
func (fs quietFS) OpenReadWrite(name string) (vfs.File, error) {
	return quieten(fs.FS.OpenReadWrite(name))
}

// quieten wraps a file of the kernel; others are in nobody's way.
func quieten(f vfs.File, err error) (vfs.File, error) {
	if of, ok := f.(interface{ Fd() uintptr }); ok && err == nil {
		return quietFile{f, of.Fd()}, nil
	}
	return f, err
}

type quietFile struct {
	vfs.File
	fd uintptr
}

func (f quietFile) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		read, err := f.transfer(unix.SYS_PREAD64, p[n:], off+int64(n))
		if err != nil {
			return n, fmt.Errorf("pread: %w", err)
		}
		if read == 0 {
			return n, io.EOF
		}
		n += read
	}
	return n, nil
}

func (f quietFile) WriteAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		written, err := f.transfer(unix.SYS_PWRITE64, p[n:], off+int64(n))
		if err != nil {
			return n, fmt.Errorf("pwrite: %w", err)
		}
		n += written
	}
	return n, nil
}

func (f quietFile) Sync() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_FSYNC, f.fd, 0, 0); errno != 0 {
		return fmt.Errorf("fsync: %w", errno)
	}
	return nil
}

// transfer is one call of pread(2) or pwrite(2), made again if a signal came between.
func (f quietFile) transfer(call uintptr, p []byte, off int64) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(call, f.fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(off), 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
