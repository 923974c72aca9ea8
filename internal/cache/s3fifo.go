package cache

import "github.com/statelab/statelab/internal/arena"

// s3fifo has two queues in order of arrival, and remembers what it gave up:
//
//	new ──▶ small ──used twice──▶ main ──▶ (used: another round, one use less)
//	          │                    ▲  └──▶ given up
//	          └──▶ given up ──▶ ghost: comes back to main
//
// Small is given up from while it has more than a tenth of the bytes.
type s3fifo struct {
	small, main list
	ghost       ghost
}

// The numbers of the paper: what small has of ten parts, how many uses are
// counted, and how many it takes to go from small to main.
const (
	smallParts = 10
	maxUses    = 3
	usesToStay = 2
)

func (p *s3fifo) arena() *arena.Arena { return p.small.arena }

func (p *s3fifo) added(ref arena.Ref) {
	e := entryOf(p.arena(), ref)
	if e.inMain = p.ghost.has(e.key.hash()); e.inMain {
		p.main.push(ref)
	} else {
		p.small.push(ref)
	}
}

func (p *s3fifo) removed(ref arena.Ref) {
	if entryOf(p.arena(), ref).inMain {
		p.main.unlink(ref)
	} else {
		p.small.unlink(ref)
	}
}

func (p *s3fifo) hit(ref arena.Ref) {
	e := entryOf(p.arena(), ref)
	e.uses = min(e.uses+1, maxUses)
}

// queue returns the one to give up from.
func (p *s3fifo) queue() *list {
	if p.main.n == 0 || p.small.bytes > (p.small.bytes+p.main.bytes)/smallParts {
		return &p.small
	}
	return &p.main
}

func (p *s3fifo) next() arena.Ref { return p.queue().oldest }

// victim passes each entry as often as it has uses, and once more if it moves to
// main, before it gives up because all have handles.
func (p *s3fifo) victim() arena.Ref {
	for range (maxUses + 2) * (p.small.n + p.main.n) {
		q := p.queue()
		ref := q.oldest
		e := entryOf(p.arena(), ref)
		switch {
		case q.pinned(ref):
			q.renew(ref)
		case e.inMain && e.uses > 0:
			e.uses--
			q.renew(ref)
		case !e.inMain && e.uses >= usesToStay:
			q.unlink(ref)
			e.uses, e.inMain = 0, true
			p.main.push(ref)
		default:
			if !e.inMain {
				p.ghost.add(e.key.hash(), p.main.n)
			}
			return ref
		}
	}
	return 0
}

// ghost remembers the hashes of what small has given up, about as many as main has
// entries. A hash is in one of the four slots that its low bits name, the oldest of
// which gives way to another.
type ghost struct {
	slots []ghostSlot // a power of two of them, or none
	added uint32      // hashes so far
	limit uint32      // how many are remembered
}

type ghostSlot struct {
	hash uint64
	at   uint32 // what added was then; 0 is an empty slot
}

const ghostWays = 4

func (g *ghost) set(hash uint64) []ghostSlot {
	i := hash & uint64(len(g.slots)-1) &^ (ghostWays - 1)
	return g.slots[i : i+ghostWays]
}

func (g *ghost) remembers(s ghostSlot) bool { return s.at != 0 && g.added-s.at < g.limit }

// has says whether a hash is remembered, and forgets it.
func (g *ghost) has(hash uint64) bool {
	if len(g.slots) == 0 {
		return false
	}
	for i, s := range g.set(hash) {
		if s.hash == hash && g.remembers(s) {
			g.set(hash)[i] = ghostSlot{}
			return true
		}
	}
	return false
}

// add remembers a hash, and limit hashes in all.
func (g *ghost) add(hash uint64, limit int) {
	g.limit = uint32(max(limit, ghostWays))
	for uint64(len(g.slots)) < 2*uint64(g.limit) {
		g.grow()
	}
	if g.added++; g.added == 0 {
		g.added = 1 // what was remembered 2^32 ago is forgotten with the rest
	}
	g.put(ghostSlot{hash, g.added})
}

func (g *ghost) put(s ghostSlot) {
	set := g.set(s.hash)
	oldest := 0
	for i := range set {
		if set[i].at == 0 || g.added-set[i].at > g.added-set[oldest].at && set[oldest].at != 0 {
			oldest = i
		}
	}
	set[oldest] = s
}

func (g *ghost) grow() {
	old := g.slots
	g.slots = make([]ghostSlot, max(minGhost, 2*len(old)))
	for _, s := range old {
		if g.remembers(s) {
			g.put(s)
		}
	}
}

// minGhost is the fewest slots that there are.
const minGhost = 64
