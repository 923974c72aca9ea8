package btree

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// pagesOf returns what stands in each page of a tree: its header, slots and cells, or of
// another page all of it.
func pagesOf(t *testing.T, tr *tree) map[ref][]byte {
	all := map[ref][]byte{}
	var walk func(r ref, level int)
	walk = func(r ref, level int) {
		n, err := tr.get(r, level)
		if err != nil {
			t.Fatal(err)
		}
		content := append(bytes.Clone(n.page[:n.slotsEnd()]), n.prefix()...)
		var children []ref
		for i := range n.count() {
			content = append(content, n.cell(i)...)
			if level > 0 {
				children = append(children, n.child(i))
			}
		}
		n.release()
		all[r] = content
		for _, c := range children {
			walk(c, level-1)
		}
	}
	if tr.height > 0 {
		walk(tr.root, tr.height-1)
	}
	return all
}

// drawOps makes a batch of changes of a few hundred keys, some of which die at once.
func drawOps(rng *rand.Rand, b *statelab.Batch, now int64) {
	b.Reset()
	for range 1 + rng.IntN(40) {
		key := fmt.Appendf(nil, "key %d", rng.IntN(400))
		value := make([]byte, rng.IntN(300))
		if rng.IntN(50) == 0 {
			value = make([]byte, 3000) // spilled
		}
		expireAt := statelab.NoExpiry
		if rng.IntN(2) == 0 {
			expireAt = now + rng.Int64N(20) - 2
		}
		switch rng.IntN(6) {
		case 0:
			b.Delete(key)
		case 1, 2:
			b.Append(key, value, expireAt)
		default:
			b.Put(key, value, expireAt)
		}
	}
}

// TestAnUndoneBatchLeavesEveryPageAsItWas applies batches, undoes each, and applies it
// again for good, with undo logs that have room for all of it or for next to nothing,
// and with iterators that keep pages from being changed where they are.
func TestAnUndoneBatchLeavesEveryPageAsItWas(t *testing.T) {
	for _, buffered := range []bool{true, false} {
		for _, limit := range []int{1 << 20, 6 << 10, 700} {
			t.Run(fmt.Sprintf("buffered=%t/limit=%d", buffered, limit), func(t *testing.T) {
				o := Options{Options: statelab.Options{Memory: 2 << 20}, WriteBuffer: WriteBufferOff}
				if buffered {
					o.WriteBuffer = 1 << 20
				}
				s := mustOpen(t, vfs.NewMem(), o)
				defer s.Close()
				undoBatches(t, s, limit)
				mustDo(t, s.Check())
			})
		}
	}
}

func undoBatches(t *testing.T, s *Store, limit int) {
	tr, apply := &s.tree, s.tree.applyOp
	if s.buffer.limit > 0 {
		tr, apply = &s.buffer.tree, s.buffer.applyOp
	}
	tr.txn.undo.limit = limit
	rng := rand.New(rand.NewPCG(uint64(limit), 11))
	var b statelab.Batch
	for step := range 150 {
		now := int64(step / 4)
		mustDo(t, s.Advance(now))
		drawOps(rng, &b, now)
		before, pages := pagesOf(t, tr), tr.pages
		tr.begin()
		for ops := b.Ops(); ; {
			op, ok := ops.Next()
			if !ok {
				break
			}
			mustDo(t, apply(op))
		}
		tr.rollback()
		after := pagesOf(t, tr)
		if len(after) != len(before) || tr.pages != pages {
			t.Fatalf("step %d: %d pages are %d after the batch was undone", step, len(before), len(after))
		}
		for r, content := range before {
			if !bytes.Equal(after[r], content) {
				t.Fatalf("step %d: page %v is not what it was before the batch that was undone", step, r)
			}
		}
		mustDo(t, s.Apply(&b))
		if rng.IntN(10) == 0 {
			it, err := s.Iter(statelab.Range{})
			mustDo(t, err)
			defer it.Close()
		}
	}
}
