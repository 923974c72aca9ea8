package arena

import "github.com/statelab/statelab/internal/offheap"

// bump cuts pieces one after another. Pieces that follow each other in time lie
// next to each other, as a key and its value do that were added together.
type bump struct {
	page   int // size in bytes
	blocks [][]byte
	left   int // bytes left of the page that is being filled
	next   Ref // names the first of them
}

// NewBump returns an arena that takes pages of pageSize bytes, a power of two
// of at least 4 KiB, from the system as it needs them. Free only counts.
func NewBump(pageSize int) *Arena {
	shift := uint8(0)
	for wordSize<<shift < pageSize {
		shift++
	}
	return newArena(shift, &bump{page: wordSize << shift})
}

func (b *bump) sizeOf(n int) int { return roundUp(n, wordSize) }

// alloc cuts the piece from the page that is being filled. If it does not fit,
// what is left of the page is wasted: less than a quarter, since a larger
// piece gets a page of its own, of whatever size it needs.
func (b *bump) alloc(a *Arena, size int) (Ref, error) {
	if size > b.left {
		if size > b.page/4 {
			return b.newPage(a, size)
		}
		ref, err := b.newPage(a, b.page)
		if err != nil {
			return 0, err
		}
		b.left, b.next = b.page, ref
	}
	ref := b.next
	b.left -= size
	b.next += Ref(size / wordSize)
	return ref, nil
}

func (b *bump) newPage(a *Arena, size int) (Ref, error) {
	block, err := offheap.Alloc(size)
	if err != nil {
		return 0, err
	}
	number, err := a.addBlock(block)
	if err != nil {
		offheap.Free(block)
		return 0, err
	}
	if b.blocks = append(b.blocks, block); len(b.blocks) > 1 {
		offheap.PreferHugePages(block)
	}
	a.mapped.Add(int64(size))
	return Ref(number) << a.shift, nil
}

func (b *bump) free(a *Arena, ref Ref, size int) {}

func (b *bump) check(a *Arena) error { return nil }

func (b *bump) release() {
	for _, block := range b.blocks {
		offheap.Free(block)
	}
	b.blocks, b.left = nil, 0
}
