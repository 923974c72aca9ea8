package skiplist

import (
	"bytes"
	"fmt"

	"github.com/statelab/statelab/internal/arena"
)

// Check verifies S1, S2 and S6, and that the number of keys is right. It needs
// external order with the writer.
func (l *List) Check() error {
	prev, count := l.head, 0
	var at [maxHeight]arena.Ref // last node seen on each level
	for level := range at {
		at[level] = l.head
	}
	for ref := l.next(l.head, 0); ref != 0; ref = l.next(ref, 0) {
		n := l.node(ref)
		height := int(n.height)
		switch {
		case height < 1 || height > int(l.height.Load()):
			return fmt.Errorf("S2: key %x stands on %d levels of %d", l.key(ref), height, l.height.Load())
		case prev != l.head && bytes.Compare(l.key(prev), l.key(ref)) >= 0:
			return fmt.Errorf("S1: key %x follows %x", l.key(ref), l.key(prev))
		case arena.Ref(n.prev.Load()) != prev:
			return fmt.Errorf("S6: the previous link of key %x does not lead to the previous key", l.key(ref))
		}
		for level := range height {
			if l.next(at[level], level) != ref {
				return fmt.Errorf("S2: key %x stands on level %d and is not linked there", l.key(ref), level)
			}
			at[level] = ref
		}
		prev = ref
		count++
	}
	for level := range int(l.height.Load()) {
		if next := l.next(at[level], level); next != 0 {
			return fmt.Errorf("S2: level %d leads to key %x, out of order or not on level 0", level, l.key(next))
		}
	}
	if count != l.Len() {
		return fmt.Errorf("list counts %d keys and holds %d", l.Len(), count)
	}
	return nil
}
