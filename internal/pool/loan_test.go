package pool

import (
	"errors"
	"testing"
)

// TestLentFramesComeBack borrows all that can be lent from a pool that is full
// of pages, dirty ones among them, and gives it back.
func TestLentFramesComeBack(t *testing.T) {
	d := newDisk()
	p := newTestPool(t, d, testPage*64)
	if n := p.SetLoan(1 << 20); n != p.Frames()-MinFrames {
		t.Fatalf("%d frames of %d can be lent", n, p.Frames())
	}
	for round := range 3 {
		for id := range uint32(2 * p.Frames()) {
			h, err := p.New(uint32(round)<<20|id, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			h.Bytes()[0] = byte(id)
			h.Unpin()
		}
		lent := map[uint32]bool{}
		for {
			h, err := p.Borrow()
			if errors.Is(err, ErrNoLoan) {
				break
			}
			if err != nil || lent[h.Frame()] {
				t.Fatalf("frame %d is lent: %v, %v", h.Frame(), lent[h.Frame()], err)
			}
			lent[h.Frame()] = true
			h.Bytes()[0] = 7
			h.Unpin() // nothing
		}
		if len(lent) != p.Frames()-MinFrames || p.OnLoan() != len(lent) {
			t.Fatalf("%d frames are lent, %d say so", len(lent), p.OnLoan())
		}
		// The rest still serves, and lent frames keep what they hold.
		for id := range uint32(2 * p.Frames()) {
			h, err := p.Get(uint32(round)<<20 | id)
			if err != nil || h.Bytes()[0] != byte(id) {
				t.Fatalf("page %d is %d, %v", id, h.Bytes()[0], err)
			}
			h.Unpin()
		}
		for f := range lent {
			if p.Lent(f).Bytes()[0] != 7 {
				t.Fatalf("lent frame %d was overwritten", f)
			}
			p.Return(f)
		}
	}
	if p.OnLoan() != 0 {
		t.Fatalf("%d frames are lent", p.OnLoan())
	}
}
