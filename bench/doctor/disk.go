package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	chunk = 1 << 20 // bytes of one sequential read or write
	block = 4 << 10 // bytes of one random read or append
)

// errNoDirect is why figures of the disk alone are missing.
func errNoDirect() error {
	return fmt.Errorf("no O_DIRECT on %s, and the page cache would answer instead: %w", runtime.GOOS, errors.ErrUnsupported)
}

// measureDisk measures reading and writing of one file. What the page cache would
// make of it is told apart by O_DIRECT, which goes past it.
func measureDisk(ctx context.Context, r *Report, o Options, dir string) error {
	buf, err := aligned()
	if err != nil {
		return err
	}
	defer unix.Munmap(buf) // it is only memory
	d := disk{ctx, r, o, dir, buf}
	size := fmt.Sprintf("%d MiB in writes of 1 MiB, then fsync", o.File>>20)
	d.rate("write_new", "a new file of "+size, func() (time.Duration, error) { return d.write("buffered", os.O_CREATE|os.O_EXCL, cached) })
	d.rate("write_over", "the same file again, "+size, func() (time.Duration, error) { return d.write("buffered", 0, cached) })
	d.rate("write_new_direct", "the same as write_new with O_DIRECT", func() (time.Duration, error) { return d.write("direct", os.O_CREATE|os.O_EXCL, past) })
	d.rate("write_over_direct", "the same as write_over with O_DIRECT", func() (time.Duration, error) { return d.write("direct", 0, past) })
	d.rate("read", "the file in reads of 1 MiB, after the kernel was told to forget it", func() (time.Duration, error) { return d.read("buffered", cached) })
	d.rate("read_direct", "the same with O_DIRECT", func() (time.Duration, error) { return d.read("buffered", past) })
	for _, depth := range []int{1, 16} {
		d.randomReads("buffered", depth)
	}
	d.appends()
	return ctx.Err()
}

// A disk is what the parts of measuring one share.
type disk struct {
	ctx context.Context
	r   *Report
	o   Options
	dir string
	buf []byte // a chunk, aligned as O_DIRECT wants it, of bytes that no device can compress
}

// aligned returns a chunk of random bytes at the beginning of a page.
func aligned() ([]byte, error) {
	buf, err := unix.Mmap(-1, 0, chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(buf) // as documented it never fails
	return buf, nil
}

// rate adds how many MiB a second a whole file took.
func (d *disk) rate(name, how string, measure func() (time.Duration, error)) {
	took, err := measure()
	if err != nil {
		d.r.miss(name, err)
		return
	}
	d.r.limit(name, float64(d.o.File)/(1<<20)/took.Seconds(), "MiB/s", how)
}

// How a file is opened: with the page cache, or past it.
const cached, past = false, true

func (d *disk) open(name string, flags int, past bool) (*os.File, error) {
	if past {
		if direct == 0 {
			return nil, errNoDirect()
		}
		flags |= direct
	}
	return os.OpenFile(filepath.Join(d.dir, name), flags, 0o600)
}

// write writes the whole file and syncs it.
func (d *disk) write(name string, flags int, past bool) (time.Duration, error) {
	f, err := d.open(name, os.O_WRONLY|flags, past)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	for off := int64(0); off < d.o.File && err == nil && d.ctx.Err() == nil; off += chunk {
		_, err = f.WriteAt(d.buf, off)
	}
	if err == nil {
		err = f.Sync()
	}
	took := time.Since(start)
	return took, errors.Join(err, f.Close(), d.ctx.Err())
}

// read reads the whole file, which must not be in the page cache.
func (d *disk) read(name string, past bool) (time.Duration, error) {
	f, err := d.open(name, os.O_RDONLY, past)
	if err != nil {
		return 0, err
	}
	if err := forget(f.Fd()); err != nil {
		return 0, errors.Join(fmt.Errorf("have the page cache forget the file: %w", err), f.Close())
	}
	start := time.Now()
	for off := int64(0); off < d.o.File && err == nil && d.ctx.Err() == nil; off += chunk {
		_, err = f.ReadAt(d.buf, off)
	}
	took := time.Since(start)
	return took, errors.Join(err, f.Close(), d.ctx.Err())
}

// randomReads adds figures of reads of a block each, so many at a time, each by a
// thread of its own.
func (d *disk) randomReads(name string, depth int) {
	figure := fmt.Sprintf("read_4k_depth%d", depth)
	f, err := d.open(name, os.O_RDONLY, past)
	if err != nil {
		d.r.miss(figure, err)
		return
	}
	defer f.Close() // it was only read
	start := time.Now()
	times := make([][]time.Duration, depth)
	errs := make([]error, depth)
	var done sync.WaitGroup
	for i := range depth {
		done.Go(func() { times[i], errs[i] = d.readBlocks(f, uint64(i), start) })
	}
	done.Wait()
	elapsed := time.Since(start)
	if err := errors.Join(errs...); err != nil {
		d.r.miss(figure, err)
		return
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	how := fmt.Sprintf("random reads of 4 KiB with O_DIRECT from a file of %d MiB, %d at a time", d.o.File>>20, depth)
	d.r.limit(figure+"_p50", micros(quantile(all, 0.5)), "us", how+", median")
	d.r.limit(figure+"_p99", micros(quantile(all, 0.99)), "us", how+", 99th percentile")
	d.r.limit(figure, float64(len(all))/elapsed.Seconds(), "reads/s", how)
}

// readBlocks reads blocks at random until the time is up.
func (d *disk) readBlocks(f *os.File, seed uint64, start time.Time) ([]time.Duration, error) {
	buf, err := aligned()
	if err != nil {
		return nil, err
	}
	defer unix.Munmap(buf) // it is only memory
	random := rand.New(rand.NewPCG(seed, 3))
	var times []time.Duration
	for len(times) == 0 || time.Since(start) < d.o.Probe && d.ctx.Err() == nil {
		began := time.Now()
		if _, err := f.ReadAt(buf[:block], random.Int64N(d.o.File/block)*block); err != nil && err != io.EOF {
			return nil, err
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}

// appends adds figures of what a log does: append a block, fsync.
func (d *disk) appends() {
	const figure = "append_fsync"
	f, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		d.r.miss(figure, err)
		return
	}
	defer f.Close() // every byte of it is synced
	var times []time.Duration
	for start := time.Now(); len(times) == 0 || time.Since(start) < d.o.Probe && d.ctx.Err() == nil; {
		began := time.Now()
		if _, err = f.Write(d.buf[:block]); err == nil {
			err = f.Sync()
		}
		if err != nil {
			d.r.miss(figure, err)
			return
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	const how = "append 4 KiB to a file and fsync it, one after the other"
	d.r.limit(figure+"_p50", micros(quantile(times, 0.5)), "us", how+", median")
	d.r.limit(figure+"_p99", micros(quantile(times, 0.99)), "us", how+", 99th percentile")
}
