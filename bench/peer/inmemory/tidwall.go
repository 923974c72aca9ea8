package inmemory

import "github.com/tidwall/btree"

// tidwallIndex is tidwall/btree with its default degree of 32.
type tidwallIndex struct{ items *btree.BTreeG[item] }

func newTidwall() *tidwallIndex {
	return &tidwallIndex{btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

func (x *tidwallIndex) get(key []byte) (item, bool) { return x.items.Get(pivot(key)) }

func (x *tidwallIndex) set(i item) item {
	replaced, _ := x.items.Set(i)
	return replaced
}

func (x *tidwallIndex) remove(key []byte) item {
	removed, _ := x.items.Delete(pivot(key))
	return removed
}

func (x *tidwallIndex) pointer() pointer { return &tidwallPointer{index: x} }

type tidwallPointer struct {
	index *tidwallIndex
	iter  btree.IterG[item]
}

func (p *tidwallPointer) seekGE(key []byte) bool {
	p.iter = p.index.items.Iter()
	return p.iter.Seek(pivot(key))
}

func (p *tidwallPointer) seekLT(key []byte) bool {
	if p.seekGE(key) {
		return p.iter.Prev()
	}
	p.iter = p.index.items.Iter()
	return p.iter.Last()
}

func (p *tidwallPointer) next() bool { return p.iter.Next() }
func (p *tidwallPointer) prev() bool { return p.iter.Prev() }
func (p *tidwallPointer) item() item { return p.iter.Item() }

// release forgets the nodes, which may be freed from now on.
func (p *tidwallPointer) release() { p.iter = btree.IterG[item]{} }
