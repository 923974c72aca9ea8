package arena

import (
	"sync"

	"github.com/statelab/statelab/internal/offheap"
)

// bump cuts pieces one after another. Pieces that follow each other in time lie
// next to each other, as a key and its value do that were added together.
//
// A piece that was freed serves for the next of its size, and for no other, unless
// it had a page of its own: that does for those who free pieces of few sizes. Of
// each size they are a chain, by their first words.
type bump struct {
	pages  *Pages
	blocks [][]byte
	left   int // bytes left of the page that is being filled
	next   Ref // names the first of them
	freed  map[int]Ref
}

// Pages are where arenas that NewBump makes take their pages from, and where they
// give them back for the next: a page from the system costs a fault for each 4 KiB
// that is written to first, which takes longer than to write them. Any number of
// goroutines may use it.
type Pages struct {
	shift uint8 // log2 of the size of a page, in words
	most  int   // of spare pages that are kept

	mu    sync.Mutex
	spare [][]byte
}

// NewPages returns pages of size bytes, a power of two of at least 4 KiB (else they
// are larger), of which up to keep bytes are kept when no arena has them.
func NewPages(size int, keep int64) *Pages {
	p := &Pages{}
	for wordSize<<p.shift < size {
		p.shift++
	}
	p.most = int(keep / int64(p.size()))
	return p
}

func (p *Pages) size() int { return wordSize << p.shift }

// take returns a block of n bytes, which is a page if n is the size of one.
func (p *Pages) take(n int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.spare) - 1; n == p.size() && last >= 0 {
		page := p.spare[last]
		p.spare = p.spare[:last]
		return page, nil
	}
	return offheap.Alloc(n)
}

// giveBack takes what take returned.
func (p *Pages) giveBack(block []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(block) == p.size() && len(p.spare) < p.most {
		p.spare = append(p.spare, block)
		return
	}
	offheap.Free(block)
}

// Release gives the spare pages to the system, and so will giveBack from now on.
func (p *Pages) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, page := range p.spare {
		offheap.Free(page)
	}
	p.spare, p.most = nil, 0
}

// NewBump returns an arena that takes pages as it needs them.
func NewBump(pages *Pages) *Arena {
	return newArena(pages.shift, &bump{pages: pages, freed: map[int]Ref{}})
}

func (b *bump) sizeOf(n int) int { return roundUp(max(n, 1), wordSize) }

// alloc cuts the piece from the page that is being filled. If it does not fit,
// what is left of the page is wasted: less than a quarter, since a larger
// piece has a page of its own, of whatever size it needs.
func (b *bump) alloc(a *Arena, size int) (Ref, error) {
	if ref := b.freed[size]; ref != 0 {
		b.freed[size] = *(*Ref)(a.Ptr(ref))
		return ref, nil
	}
	page := b.pages.size()
	if size > page/4 {
		return b.newPage(a, size)
	}
	if size > b.left {
		ref, err := b.newPage(a, page)
		if err != nil {
			return 0, err
		}
		b.left, b.next = page, ref
	}
	ref := b.next
	b.left -= size
	b.next += Ref(size / wordSize)
	return ref, nil
}

func (b *bump) newPage(a *Arena, size int) (Ref, error) {
	block, err := b.pages.take(size)
	if err != nil {
		return 0, err
	}
	number, err := a.addBlock(block)
	if err != nil {
		b.pages.giveBack(block)
		return 0, err
	}
	if b.blocks = append(b.blocks, block); len(b.blocks) > 1 {
		offheap.PreferHugePages(block)
	}
	a.mapped.Add(int64(size))
	return Ref(number) << a.shift, nil
}

func (b *bump) free(a *Arena, ref Ref, size int) {
	if size > b.pages.size()/4 { // it has a page of its own
		number := int(ref >> a.shift)
		b.pages.giveBack(b.blocks[number-1])
		b.blocks[number-1] = nil
		a.setBlock(number, nil)
		a.mapped.Add(-int64(size))
		return
	}
	*(*Ref)(a.Ptr(ref)) = b.freed[size]
	b.freed[size] = ref
}

func (b *bump) check(a *Arena) error { return nil }

func (b *bump) release() {
	for _, block := range b.blocks {
		b.pages.giveBack(block)
	}
	b.blocks, b.left = nil, 0
	clear(b.freed)
}
