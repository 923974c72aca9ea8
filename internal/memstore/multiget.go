package memstore

import (
	"sync"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/hashdir"
)

// manyAtOnce is how many keys MultiGet touches the memory of before it looks at any:
// several times as many as a processor waits for at a time, and few enough that
// their lines stay in its first cache.
const manyAtOnce = 32

// valuesPool keeps memory for values.
var valuesPool = sync.Pool{New: func() any { return new([]byte) }}

const maxPooledValue = 64 << 10 // bytes

// MultiGet implements statelab.MultiGetStore. All keys are read as of one moment,
// within one epoch: what dies meanwhile is given back when the call is over.
func (s *Store) MultiGet(keys [][]byte, found func(i int, value []byte)) error {
	g, err := s.enter()
	if err != nil {
		return err
	}
	defer s.leave(g)
	buf := valuesPool.Get().(*[]byte)
	r := &s.records
	v := r.present()
	for i, key := range keys {
		if i%manyAtOnce == 0 && r.groups.on() {
			r.groups.touch(keys[i:min(i+manyAtOnce, len(keys))])
		}
		value, ok := r.appendValue((*buf)[:0], r.find(key), v)
		if ok {
			found(i, value)
		}
		*buf = value
	}
	if cap(*buf) <= maxPooledValue {
		valuesPool.Put(buf)
	}
	return nil
}

// touch reads from where look-ups of some keys begin, first from the hash table and
// then from the records, so that the processor waits for memory twice, and not
// twice for each key.
func (g *groups) touch(keys [][]byte) {
	var hashes [manyAtOnce]uint64
	var refs [manyAtOnce]arena.Ref
	for i, key := range keys {
		hashes[i] = hashdir.Hash(g.of(key))
		g.dir.Touch(hashes[i])
	}
	for i := range keys {
		p := g.dir.Probe(hashes[i])
		refs[i] = p.Next().Ref
	}
	for _, ref := range refs[:len(keys)] {
		if ref != 0 {
			g.next(ref)
		}
	}
}
