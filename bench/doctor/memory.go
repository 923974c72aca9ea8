package doctor

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// line is the size of a cache line on the machines this runs on.
const line = 64

func measureMemory(ctx context.Context, r *Report, o Options, _ string) error {
	for _, pages := range []struct {
		name, what string
		huge       bool
	}{
		{"dram", "4 KiB pages", false},
		{"dram_huge", "huge pages, where the kernel finds any", true},
	} {
		if err := walk(ctx, r, o, pages.name, pages.what, pages.huge); err != nil {
			return err
		}
	}
	return nil
}

// walk measures dependent random reads through memory with pages of one kind, and,
// with ordinary ones, what it costs to touch and to copy them.
func walk(ctx context.Context, r *Report, o Options, name, what string, huge bool) (err error) {
	mem, err := unix.Mmap(-1, 0, int(o.Memory), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		r.miss(name, err)
		return nil
	}
	defer func() {
		if unmapErr := unix.Munmap(mem); err == nil {
			err = unmapErr
		}
	}()
	if err := advise(mem, huge); err != nil {
		r.miss(name, fmt.Errorf("choose the size of pages: %w", err))
		return nil
	}
	touch := touchPages(mem)
	chain(mem)
	size := fmt.Sprintf("%d MiB of %s", o.Memory>>20, what)
	one := chase(ctx, mem, 1, o.Probe)
	r.limit(name, one, "ns", "one dependent random read of a line in "+size)
	two := chase(ctx, mem, 2, o.Probe)
	r.limit(name+"_overlapped", two, "ns", "the same for each of two chains that are followed together")
	if huge {
		return nil
	}
	r.limit("page_touch", touch, "ns", "first write to a page of 4 KiB, which the kernel must clear")
	r.limit("memcpy", copyRate(mem, o.Probe), "GiB/s", fmt.Sprintf("copy from one half of %d MiB to the other, one thread", o.Memory>>20))
	return nil
}

// touchPages writes to each page, and returns how many nanoseconds one takes.
func touchPages(mem []byte) float64 {
	const batch = 64
	page := os.Getpagesize()
	var times []time.Duration
	for len(mem) >= batch*page {
		start := time.Now()
		for i := range batch {
			mem[i*page] = 1
		}
		times = append(times, time.Since(start))
		mem = mem[batch*page:]
	}
	return median(times) / batch
}

// median returns the middle of some times in nanoseconds: that of a batch that
// nobody interrupted, unless most were.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(quantile(times, 0.5))
}

// chain makes every line of mem name the next, in one random cycle through all
// (Sattolo's algorithm): no processor can guess where it leads.
func chain(mem []byte) {
	n := len(mem) / line
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		binary.LittleEndian.PutUint64(mem[i*line:], uint64(i))
	}
	for i := n - 1; i > 0; i-- {
		a, b := mem[i*line:], mem[random.IntN(i)*line:]
		x, y := binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b)
		binary.LittleEndian.PutUint64(a, y)
		binary.LittleEndian.PutUint64(b, x)
	}
}

// chase follows one or two chains and returns the nanoseconds of a step of one.
func chase(ctx context.Context, mem []byte, chains int, d time.Duration) float64 {
	const batch = 10_000
	a, b := uint64(0), uint64(len(mem)/line/2)
	var times []time.Duration
	for start := time.Now(); len(times) == 0 || time.Since(start) < d && ctx.Err() == nil; {
		began := time.Now()
		if chains == 1 {
			for range batch {
				a = binary.LittleEndian.Uint64(mem[a*line:])
			}
		} else {
			for range batch {
				a = binary.LittleEndian.Uint64(mem[a*line:])
				b = binary.LittleEndian.Uint64(mem[b*line:])
			}
		}
		times = append(times, time.Since(began))
	}
	runtime.KeepAlive(a + b)
	return median(times) / float64(batch*chains)
}

// copyBatch is more than the middle level of a cache holds.
const copyBatch = 8 << 20

// copyRate copies one half of mem to the other, piece by piece, and returns
// GiB a second.
func copyRate(mem []byte, d time.Duration) float64 {
	to, from := mem[len(mem)/2:], mem[:len(mem)/2]
	piece := min(copyBatch, len(from))
	var times []time.Duration
	off := 0
	for start := time.Now(); len(times) == 0 || time.Since(start) < d; {
		began := time.Now()
		copy(to[off:off+piece], from[off:off+piece])
		times = append(times, time.Since(began))
		if off += piece; off+piece > len(from) {
			off = 0
		}
	}
	return float64(piece) / (1 << 30) / (median(times) / 1e9)
}
