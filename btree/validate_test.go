package btree

import (
	"fmt"
	"slices"
	"testing"
)

// TestCellsThatOverlapAreFound has two slots name one cell, in leaves whose cells stand in
// the order of their keys, in the opposite one, and in none.
func TestCellsThatOverlapAreFound(t *testing.T) {
	const n = 6
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {3, 0, 4, 1, 5, 2}} {
		p := make(page, 4096)
		p.start(ref{id: 2, birth: 1}, kindLeaf, 0)
		var in []int
		for _, k := range order {
			at, _ := slices.BinarySearch(in, k)
			in = slices.Insert(in, at, k)
			body := append(appendElementHeader(nil, 1, 5), 'v')
			p.insertRecord(at, testRecord(fmt.Sprintf("key%d", k), body).appendCell(nil), nil)
		}
		if err := p.validate(); err != nil {
			t.Fatalf("cells made in the order %v: %v", order, err)
		}
		if n := testing.AllocsPerRun(10, func() { _ = p.validate() }); n > 0 {
			t.Errorf("cells made in the order %v: looking at them allocates %v times", order, n)
		}
		for i := range n {
			for j := range n {
				if i == j {
					continue
				}
				broken := slices.Clone(p)
				broken.setSlot(i, p.slot(j))
				if broken.validate() == nil {
					t.Errorf("cells made in the order %v: slots %d and %d name one cell, and nothing is wrong", order, i, j)
				}
			}
		}
	}
}
