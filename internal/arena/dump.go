package arena

import (
	"fmt"
	"io"
)

// Dump prints what the memory is used for.
func (a *Arena) Dump(w io.Writer) { a.from.dump(w) }

func (b *bump) dump(w io.Writer) {
	fmt.Fprintf(w, "arena: %d pages, %d bytes left in the last\n", len(b.blocks), b.left)
}

func (h *heap) dump(w io.Writer) {
	fmt.Fprintf(w, "arena: objects of the Go heap, %d free numbers\n", len(h.vacant))
}

// dump prints for each class how many pieces are in use and how many are free
// in its spans.
func (s *slabs) dump(w io.Writer) {
	var spans, used, room [2 * classes]int
	for i := range s.spans {
		if class := s.spans[i].class; class != 0 {
			spans[class]++
			used[class] += int(s.spans[i].used)
			room[class] += int(s.room[class])
		}
	}
	fmt.Fprintln(w, "arena: pieces of      in use        free in spans")
	for class := range spans {
		if spans[class] > 0 {
			fmt.Fprintf(w, "  %14d %11d %11d %8d\n", s.size[class], used[class], room[class]-used[class], spans[class])
		}
	}
	free := 0
	for _, ch := range s.chunks.all {
		for x := ch.free; x != 0; x &= x - 1 {
			free++
		}
	}
	fmt.Fprintf(w, "arena: %d chunks, %d free pages\n", len(s.chunks.all)-1-len(s.chunks.vacant), free)
}
