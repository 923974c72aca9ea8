package inmemory

import "github.com/google/btree"

// googleIndex is google/btree with the degree that its documentation uses.
type googleIndex struct{ items *btree.BTreeG[item] }

const googleDegree = 32

func newGoogle() *googleIndex { return &googleIndex{btree.NewG(googleDegree, less)} }

func (x *googleIndex) get(key []byte) (item, bool) { return x.items.Get(pivot(key)) }

func (x *googleIndex) set(i item) item {
	replaced, _ := x.items.ReplaceOrInsert(i)
	return replaced
}

func (x *googleIndex) remove(key []byte) item {
	removed, _ := x.items.Delete(pivot(key))
	return removed
}

func (x *googleIndex) pointer() pointer { return &googlePointer{index: x} }

// A googlePointer fetches items in runs: a few at first, as a probe needs, and
// more with each further run.
type googlePointer struct {
	index *googleIndex
	run   []item // in the order of the last move
	at    int
	back  bool // run descends
	size  int  // of the next run
}

const (
	firstRun = 4
	mostRun  = 64
)

// ascend fetches a run of items with keys from key on, or above it.
func (p *googlePointer) ascend(key []byte, above bool) bool {
	p.run, p.at, p.back = p.run[:0], 0, false
	p.index.items.AscendGreaterOrEqual(pivot(key), func(i item) bool {
		if above && string(i.key()) == string(key) {
			return true
		}
		p.run = append(p.run, i)
		return len(p.run) < p.size
	})
	p.size = min(2*p.size, mostRun)
	return len(p.run) > 0
}

// descend fetches a run of items with keys below key, in descending order.
func (p *googlePointer) descend(key []byte) bool {
	p.run, p.at, p.back = p.run[:0], 0, true
	p.index.items.DescendLessOrEqual(pivot(key), func(i item) bool {
		if string(i.key()) == string(key) {
			return true
		}
		p.run = append(p.run, i)
		return len(p.run) < p.size
	})
	p.size = min(2*p.size, mostRun)
	return len(p.run) > 0
}

func (p *googlePointer) seekGE(key []byte) bool {
	p.size = firstRun
	return p.ascend(key, false)
}

func (p *googlePointer) seekLT(key []byte) bool {
	p.size = firstRun
	return p.descend(key)
}

func (p *googlePointer) next() bool {
	if !p.back && p.at+1 < len(p.run) {
		p.at++
		return true
	}
	return p.ascend(p.item().key(), true)
}

func (p *googlePointer) prev() bool {
	if p.back && p.at+1 < len(p.run) {
		p.at++
		return true
	}
	return p.descend(p.item().key())
}

func (p *googlePointer) item() item { return p.run[p.at] }

// release forgets the items, which may be freed from now on.
func (p *googlePointer) release() {
	clear(p.run[:cap(p.run)])
	p.run = p.run[:0]
}
