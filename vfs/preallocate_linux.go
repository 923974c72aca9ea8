package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

func (f osFile) Preallocate(size int64) error {
	return os.NewSyscallError("fallocate", unix.Fallocate(int(f.Fd()), 0, 0, size))
}
