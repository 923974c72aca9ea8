package skiplist

import (
	"fmt"
	"io"
	"strings"
)

// dumpHeights prints how many nodes stand on how many levels.
func (l *List) dumpHeights(w io.Writer) {
	var nodes [maxHeight + 1]int
	for ref := l.next(l.head, 0); ref != 0; ref = l.next(ref, 0) {
		nodes[l.node(ref).height]++
	}
	most := 1
	for _, n := range nodes {
		most = max(most, n)
	}
	for height := 1; height <= int(l.height.Load()); height++ {
		fmt.Fprintf(w, "  height %2d %9d %s\n", height, nodes[height], strings.Repeat("#", nodes[height]*50/most))
	}
}
