package memstore

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"path/filepath"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/wal"
)

// Dump implements statelab.DumpStore.
func (s *Store) Dump(w io.Writer) error {
	s.write.Lock()
	defer s.write.Unlock()
	if s.closed.Load() {
		return statelab.ErrClosed
	}
	out := &errWriter{w: w}
	s.dumpState(out)
	s.dumpSizes(out)
	s.records.index.Dump(out)
	s.dumpWheel(out)
	if out.err != nil {
		return out.err
	}
	return s.dumpFiles(w)
}

// An errWriter keeps the first error, so that not every line has to be asked.
type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) Write(p []byte) (int, error) {
	if e.err == nil {
		_, e.err = e.w.Write(p)
	}
	return len(p), e.err
}

func (s *Store) dumpState(w io.Writer) {
	r := &s.records
	fmt.Fprintf(w, "%s store %s, durability %s\n", s.o.Engine, s.path, s.o.Durability)
	fmt.Fprintf(w, "watermark %d\n", r.watermark.Load())
	fmt.Fprintf(w, "%d records, %d bytes of keys and elements\n", r.index.Len(), r.size)
	fmt.Fprintf(w, "memory: %d bytes in use, %d mapped\n", r.mem.InUse(), r.mem.Mapped())
	r.mem.Dump(w)
	r.views.mu.Lock()
	defer r.views.mu.Unlock()
	for _, v := range r.views.open {
		fmt.Fprintf(w, "%s\n", v)
	}
}

// dumpSizes prints how large elements are, by powers of two.
func (s *Store) dumpSizes(w io.Writer) {
	r := &s.records
	var sizes [33]int
	most := 1
	r.each(func(ref arena.Ref) {
		w := r.walkOver(ref, r.present())
		for at := w.next(); at != 0; at = w.next() {
			sizes[bits.Len32(r.elem(at).size)]++
		}
	})
	for _, n := range sizes {
		most = max(most, n)
	}
	fmt.Fprintln(w, "elements by size, in bytes up to")
	for log, n := range sizes {
		if n > 0 {
			fmt.Fprintf(w, "  %10d %9d %s\n", uint64(1)<<log-1, n, strings.Repeat("#", n*50/most))
		}
	}
}

// dumpWheel prints how many elements wait for their expiry, by level.
func (s *Store) dumpWheel(w io.Writer) {
	r := &s.records
	var waiting [levels]int
	for level := range levels {
		for _, head := range r.wheel.slots[level] {
			for ref := head; ref != 0; ref = r.elem(ref).next {
				waiting[level]++
			}
		}
	}
	fmt.Fprintln(w, "elements with an expiry, by level of the wheel")
	for level, n := range waiting {
		if n > 0 {
			fmt.Fprintf(w, "  %d %9d, within %d units of time\n", level, n, uint64(math.MaxUint64)>>(56-8*level))
		}
	}
}

// dumpFiles prints the frames of the log and the snapshot's size.
func (s *Store) dumpFiles(w io.Writer) error {
	bytes, number := s.snapshot.current()
	if number > 0 {
		if _, err := fmt.Fprintf(w, "snapshot %s: %d bytes\n", imageName(number), bytes); err != nil {
			return err
		}
	}
	var count, size [5]int64
	err := wal.Frames(s.fs, filepath.Join(s.path, logDirName), max(number, firstSegment), func(f wal.Frame) error {
		kind := min(int(f.Kind), len(count)-1)
		count[kind]++
		size[kind] += f.FrameBytes
		return nil
	})
	if err != nil {
		return err
	}
	for kind := range count {
		if count[kind] > 0 {
			if _, err := fmt.Fprintf(w, "log: %d frames of kind %s, %d bytes\n", count[kind], wal.Kind(kind), size[kind]); err != nil {
				return err
			}
		}
	}
	return nil
}
