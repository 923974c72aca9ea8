package perf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// thisMachine is the kernel below this process.
type thisMachine struct{}

func (thisMachine) threads() ([]int, error) {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, fmt.Errorf("%q among the threads: %w", e.Name(), err)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// open opens a counter that is on from now. A counter with PerfBitInherit
// may not be read as part of a group, so each has a file of its own.
func (thisMachine) open(e Event, thread int) (source, error) {
	attr := unix.PerfEventAttr{
		Type:        e.kind,
		Config:      e.config,
		Read_format: unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING,
		Bits:        unix.PerfBitInherit | unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv,
	}
	attr.Size = uint32(unsafe.Sizeof(attr))
	const anyCPU, noGroup = -1, -1
	fd, err := unix.PerfEventOpen(&attr, thread, anyCPU, noGroup, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, explain(err)
	}
	return file{os.NewFile(uintptr(fd), "perf counter of "+e.Name)}, nil
}

// explain says what an error of perf_event_open(2) means to who would measure.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the processor, or the virtual machine, has no such counter: %w", err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("the kernel forbids it (see /proc/sys/kernel/perf_event_paranoid, or the container's seccomp profile): %w", err)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("the kernel has no perf events: %w", err)
	}
	return err
}

// A file is a counter as the kernel gives it.
type file struct{ *os.File }

// read reads the counter: three numbers in the machine's byte order.
//
//	OFFSET  SIZE  FIELD
//	0       8     value
//	8       8     time enabled, ns
//	16      8     time running, ns
func (f file) read() (count, error) {
	var b [24]byte
	n, err := f.Read(b[:])
	if err != nil {
		return count{}, err
	}
	if n != len(b) {
		return count{}, fmt.Errorf("%d bytes instead of %d", n, len(b))
	}
	return count{
		value:   binary.NativeEndian.Uint64(b[0:]),
		enabled: binary.NativeEndian.Uint64(b[8:]),
		running: binary.NativeEndian.Uint64(b[16:]),
	}, nil
}
