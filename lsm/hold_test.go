package lsm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// windowed plays a window of state through a store: a record each moment, of a value
// of 400 bytes, which lives for so many moments, and a note that is put time and again
// and never expires. It checks that there is what lives and nothing else.
type windowed struct {
	t     *testing.T
	store *Store
	lives int
	now   int
	dies  []int // by record
	most  int64 // bytes of memory that the store had
}

func windowKey(i int) string { return fmt.Sprintf("k%03d/%06d", i*i%509, i) }

func (w *windowed) play(moments int) {
	w.t.Helper()
	for end := w.now + moments; w.now < end; w.now++ {
		w.dies = append(w.dies, w.now+w.lives)
		put(w.t, w.store, windowKey(w.now), strings.Repeat(string(rune('a'+w.now%26)), 400), int64(w.dies[w.now]))
		put(w.t, w.store, "note", fmt.Sprint(w.now), statelab.NoExpiry)
		if err := w.store.Advance(int64(w.now)); err != nil {
			w.t.Fatal(err)
		}
		for _, i := range []int{w.now, w.now - w.lives/2, w.now - w.lives + 1, w.now - w.lives} {
			if i >= 0 {
				w.requireRecord(i, int64(w.now))
			}
		}
		if w.now%50 == 0 {
			w.most = max(w.most, w.store.Stats().Memory)
		}
	}
}

// requireRecord requires that a record is there if it lives.
func (w *windowed) requireRecord(i int, watermark int64) {
	w.t.Helper()
	if _, err := w.store.Get(nil, []byte(windowKey(i))); (err == nil) != (int64(w.dies[i]) > watermark) {
		w.t.Fatalf("record %d, which dies at %d, at %d: %v", i, w.dies[i], watermark, err)
	}
}

func (w *windowed) flushed() int64 { return w.store.Stats().Written.Flush }

// windowedMemory is the memory of stores that windows are played through, in bytes.
const windowedMemory = 256 << 10

func TestStateThatFitsMemoryIsNotWrittenWhileItLives(t *testing.T) {
	for _, d := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval} {
		t.Run(d.String(), func(t *testing.T) {
			options := inline(d)
			options.Memory, options.Compression = windowedMemory, statelab.CompressionNone
			s := open(t, vfs.NewMem(), options)
			defer shut(t, s)
			w := &windowed{t: t, store: s, lives: windowedMemory / 2 / 410}
			w.play(2 * w.lives)
			before, logical := w.flushed(), s.Stats().LogicalBytes
			w.play(6 * w.lives)
			amp := float64(w.flushed()-before) / float64(s.Stats().LogicalBytes-logical)
			t.Logf("flushes wrote %.3f bytes for each logical byte, memory was %d KiB at most", amp, w.most>>10)
			if amp > 0.05 {
				t.Errorf("flushes write %.3f bytes for each logical byte", amp)
			}
			if w.most > windowedMemory {
				t.Errorf("%d bytes of memory, of %d", w.most, windowedMemory)
			}
		})
	}
}

// State that does not fit is flushed as it comes in, as if nothing were ever held, and readers
// have their memory.
func TestStateThatDoesNotFitIsFlushedInTime(t *testing.T) {
	options := inline(statelab.DurabilityCheckpoint)
	options.Memory, options.Compression = windowedMemory, statelab.CompressionNone
	s := open(t, vfs.NewMem(), options)
	defer shut(t, s)
	w := &windowed{t: t, store: s, lives: 2 * windowedMemory / 410}
	w.play(2 * w.lives)
	before, logical := w.flushed(), s.Stats().LogicalBytes
	w.play(w.lives)
	if amp := float64(w.flushed()-before) / float64(s.Stats().LogicalBytes-logical); amp < 0.9 {
		t.Errorf("flushes write %.3f bytes for each logical byte: what is held comes in all the same", amp)
	}
	if w.most > windowedMemory {
		t.Errorf("%d bytes of memory, of %d", w.most, windowedMemory)
	}
	if n := len(s.view.Load().memtables); n > 2 {
		t.Errorf("%d memtables", n)
	}
}

// When state grows beyond what fits, what was held is flushed, oldest first, and
// nothing is lost; when it shrinks again it is held.
func TestStateMayOutgrowItsMemoryAndComeBack(t *testing.T) {
	for _, d := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval} {
		options := inline(d)
		options.Memory, options.Compression = windowedMemory, statelab.CompressionNone
		s := open(t, vfs.NewMem(), options)
		w := &windowed{t: t, store: s, lives: windowedMemory / 3 / 410}
		w.play(3 * w.lives)
		if n := len(s.view.Load().memtables); n <= 2 {
			t.Errorf("%s: %d memtables where more are held", d, n)
		}
		before := w.flushed()
		w.lives *= 6
		w.play(2 * w.lives)
		if w.flushed() == before {
			t.Errorf("%s: state of twice the memory is not flushed", d)
		}
		w.lives /= 6
		w.play(8 * w.lives)
		before = w.flushed()
		w.play(3 * w.lives)
		if n := len(s.view.Load().memtables); n <= 2 || w.flushed()-before > 8<<10 {
			t.Errorf("%s: %d memtables, and %d bytes were flushed", d, n, w.flushed()-before)
		}
		if w.most > windowedMemory {
			t.Errorf("%s: %d bytes of memory, of %d", d, w.most, windowedMemory)
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		shut(t, s)
	}
}

// What is held survives what Sync and the log promise, and goes with the first Sync.
func TestWhatIsHeldIsWrittenBySyncAndFoundInTheLog(t *testing.T) {
	for _, d := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval} {
		options := inline(d)
		options.Memory = windowedMemory
		mem := vfs.NewMem()
		s := open(t, mem, options)
		w := &windowed{t: t, store: s, lives: windowedMemory / 2 / 410}
		w.play(3*w.lives + 7)
		held := len(s.view.Load().memtables)
		syncNow(t, s)
		if n := len(s.view.Load().memtables); held <= 2 || d == statelab.DurabilityCheckpoint && n != 1 {
			t.Errorf("%s: %d memtables were held, and %d after Sync", d, held, n)
		}
		crashed := mem.PowerCut(3)
		shut(t, s)
		w.store = open(t, crashed, options)
		for i := range w.now {
			w.requireRecord(i, int64(w.now-1))
		}
		w.play(2 * w.lives)
		shut(t, w.store)
	}
}
