package inmemory

import "github.com/huandu/skiplist"

// huanduIndex is huandu/skiplist with keys of type []byte, compared and scored by
// its own Bytes, and values of type item.
type huanduIndex struct{ list *skiplist.SkipList }

func newHuandu() *huanduIndex { return &huanduIndex{skiplist.New(skiplist.Bytes)} }

func itemOf(e *skiplist.Element) item {
	if e == nil {
		return item{}
	}
	return e.Value.(item)
}

func (x *huanduIndex) get(key []byte) (item, bool) {
	e := x.list.Get(key)
	return itemOf(e), e != nil
}

// set adds an item. The list keeps the first key it was given, which would be one of
// an item that is gone: so what is there is removed first.
func (x *huanduIndex) set(i item) item {
	replaced := x.remove(i.key())
	x.list.Set(i.key(), i)
	return replaced
}

func (x *huanduIndex) remove(key []byte) item { return itemOf(x.list.Remove(key)) }

func (x *huanduIndex) pointer() pointer { return &huanduPointer{index: x} }

type huanduPointer struct {
	index *huanduIndex
	at    *skiplist.Element
}

func (p *huanduPointer) stand(e *skiplist.Element) bool {
	p.at = e
	return e != nil
}

func (p *huanduPointer) seekGE(key []byte) bool { return p.stand(p.index.list.Find(key)) }

func (p *huanduPointer) seekLT(key []byte) bool {
	if p.seekGE(key) {
		return p.prev()
	}
	return p.stand(p.index.list.Back())
}

func (p *huanduPointer) next() bool { return p.stand(p.at.Next()) }
func (p *huanduPointer) prev() bool { return p.stand(p.at.Prev()) }
func (p *huanduPointer) item() item { return itemOf(p.at) }
func (p *huanduPointer) release()   { p.at = nil }
