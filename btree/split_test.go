package btree

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestKeysInOrderAmidOthersFillTheirLeaves puts keys that ascend in the middle of the tree, as
// timers do, and as many at random places in front of and behind them: the leaves of the
// ascending ones are full, though what is split at random is two thirds full.
func TestKeysInOrderAmidOthersFillTheirLeaves(t *testing.T) {
	o := bufferedOptions(8 << 20)
	o.WriteBuffer = WriteBufferOff
	s := mustOpen(t, vfs.NewMem(), o)
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	value := string(make([]byte, 100))
	for i := range 5000 {
		mustPut(t, s, fmt.Sprintf("m%08d", i), value, statelab.NoExpiry)
		mustPut(t, s, fmt.Sprintf("%c%08d", "az"[i%2], rng.IntN(1_000_000)), value, statelab.NoExpiry)
	}
	mustDo(t, s.Check())
	leaves, used := 0, 0
	c := cursor{pager: s.tree.pager, pos: s.tree.position}
	n, err := c.enter(s.tree.height-1, s.tree.root, 1)
	for ; err == nil && n.page != nil; n, err = c.nextLeaf(1, 1) {
		if first, last := n.field(0).appendTo(nil), n.field(n.count()-1).appendTo(nil); first[0] == 'm' && last[0] == 'm' {
			leaves++
			used += n.used()
		}
		n.release()
	}
	mustDo(t, err)
	if fill := float64(used) / float64(leaves*s.tree.capacity()); leaves < 100 || fill < 0.85 { // at first others stand among them
		t.Errorf("%d leaves of ascending keys are filled to %.2f", leaves, fill)
	}
}
