package lsm

import (
	"fmt"
	"sync/atomic"

	"github.com/statelab/statelab/internal/cache"
)

// Index says how indexes and filters of tables are kept in memory.
type Index uint8

const (
	// IndexResident keeps them as long as the table is read, from when they were first
	// asked for, as long as they take no more than their part of Options.Memory; what
	// comes later is cached.
	IndexResident Index = iota
	// IndexCached keeps them in the block cache, beside blocks of data and for as long
	// as these: if they are many, and rarely asked, their memory serves others.
	IndexCached
)

var indexNames = []string{"resident", "cached"}

func (i Index) String() string {
	if int(i) < len(indexNames) {
		return indexNames[i]
	}
	return fmt.Sprintf("unknown(%d)", uint8(i))
}

// residentShare is the part of readers' memory that resident blocks and the directory
// may have together: a third of Options.Memory.
const residentShare = 1.0 / 2

// part is one of the blocks of a table that can be resident.
type part uint8

const (
	indexPart part = iota
	keyFilterPart
	prefixFilterPart
	parts
)

func (p part) kind() cache.Kind {
	if p == indexPart {
		return indexBlock
	}
	return filterBlock
}

// residents are the blocks of a table that are resident. They are memory of the
// cache in which it does not list them, so that nothing takes them away.
type residents [parts]atomic.Pointer[cache.Handle]

// getPart gets one of a table's blocks into ref: what is resident, or becomes so, at
// no look-up in the cache.
func (t *table) getPart(p part, h blockHandle, how access, f *fetch, ref *blockRef) error {
	if how != cached || t.env.index != IndexResident {
		return t.getBlock(h, p.kind(), how, f, ref)
	}
	ref.release()
	if kept := t.residents[p].Load(); kept != nil {
		ref.data = kept.Bytes()
		return nil
	}
	if t.env.memory.full(int64(h.length)) {
		return t.getBlock(h, p.kind(), how, f, ref)
	}
	if err := t.readBlock(h, p.kind(), fromFile, ref); err != nil {
		return err
	}
	return t.keep(p, ref)
}

// keep makes a block resident that was read into ref, unless it is, or there is no
// room for it.
func (t *table) keep(p part, ref *blockRef) error {
	size := int64(t.env.cache.Charge(len(ref.data)))
	if !t.env.memory.reside(size) {
		return nil
	}
	kept, err := t.env.cache.Alloc(cache.Key{File: t.number, Offset: uint64(p)}, len(ref.data))
	if err != nil {
		t.env.memory.reside(-size)
		return fmt.Errorf("keep a block of table %06d: %w", t.number, err)
	}
	copy(kept.Bytes(), ref.data)
	if !t.residents[p].CompareAndSwap(nil, &kept) {
		kept.Release()
		t.env.memory.reside(-size)
	}
	return nil
}

// dropResidents gives back the memory of a table that nobody reads any more.
func (t *table) dropResidents() {
	for p := range t.residents {
		if kept := t.residents[p].Swap(nil); kept != nil {
			t.env.memory.reside(-int64(t.env.cache.Charge(len(kept.Bytes()))))
			kept.Release()
		}
	}
}
