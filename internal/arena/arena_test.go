package arena

import (
	"errors"
	"testing"

	"github.com/statelab/statelab/internal/offheap"
)

func newTestArena(t *testing.T, pageSize int) *Arena {
	t.Helper()
	before := offheap.InUse()
	a := New(pageSize)
	t.Cleanup(func() {
		a.Release()
		if now := offheap.InUse(); now != before || a.InUse() != 0 || a.Mapped() != 0 {
			t.Errorf("after Release: off the heap %d, before New %d; in use %d, mapped %d", now, before, a.InUse(), a.Mapped())
		}
		a.Release()
	})
	return a
}

func mustAlloc(t *testing.T, a *Arena, n int) Ref {
	t.Helper()
	ref, err := a.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	if ref == 0 {
		t.Fatal("M1: a piece is named by Ref 0")
	}
	if uintptr(a.Ptr(ref))%wordSize != 0 {
		t.Fatalf("M2: a piece of %d bytes at %p", n, a.Ptr(ref))
	}
	return ref
}

func TestPiecesKeepWhatIsWritten(t *testing.T) {
	a := newTestArena(t, 4096)
	sizes := []int{1, 8, 9, 100, 1023, 1024, 1025, 4096, 5000, 100_000}
	type piece struct {
		ref  Ref
		size int
	}
	var pieces []piece
	total := int64(0)
	for i := range 300 {
		n := sizes[i%len(sizes)]
		ref := mustAlloc(t, a, n)
		for _, b := range a.Bytes(ref, 0, n) {
			if b != 0 {
				t.Fatal("M3: a new piece is not zero")
			}
		}
		fill(a.Bytes(ref, 0, n), byte(i))
		pieces = append(pieces, piece{ref, n})
		total += int64(roundUp(n))
	}
	for i, p := range pieces {
		for _, b := range a.Bytes(p.ref, 0, p.size) {
			if b != byte(i) {
				t.Fatalf("M2: piece %d of %d bytes was overwritten", i, p.size)
			}
		}
	}
	if a.InUse() != total {
		t.Errorf("M4: in use %d, want %d", a.InUse(), total)
	}
	if a.Mapped() < total || a.Mapped() > 2*total {
		t.Errorf("mapped %d for %d in use", a.Mapped(), total)
	}
}

func fill(p []byte, b byte) {
	for i := range p {
		p[i] = b
	}
}

func TestTooLargeAPieceIsRefused(t *testing.T) {
	a := newTestArena(t, 4096)
	if _, err := a.Alloc(MaxPiece + 1); !errors.Is(err, ErrFull) {
		t.Fatalf("Alloc(MaxPiece+1): %v, want ErrFull", err)
	}
}
