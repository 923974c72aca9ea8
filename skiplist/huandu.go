package skiplist

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"

	"github.com/huandu/skiplist"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
)

// huanduIndex is github.com/huandu/skiplist as the index of a store: a skip list
// of heap-allocated nodes with pointers between them, as most are. Keys are
// slices of the records, values the records' Refs, both boxed in interfaces.
type huanduIndex struct {
	memstore.HeapRecords
	list  *skiplist.SkipList
	elems []*skiplist.Element // by Ref, for steps from a record to its neighbours
}

func newHuanduIndex(a *arena.Arena) (memstore.OldIndex, error) {
	list := skiplist.New(byteOrder{})
	list.SetRandSource(rand.NewSource(1)) // its own is seeded with the time
	return &huanduIndex{HeapRecords: memstore.HeapRecords{Mem: a}, list: list}, nil
}

// byteOrder compares keys, without the reflection that the package's own
// comparison of byte slices costs.
type byteOrder struct{}

func (byteOrder) Compare(a, b any) int { return bytes.Compare(a.([]byte), b.([]byte)) }

// CalcScore is the package's way to decide most comparisons by a number.
func (byteOrder) CalcScore(key any) float64 {
	var first [8]byte
	copy(first[:], key.([]byte))
	return float64(binary.BigEndian.Uint64(first[:]))
}

func refOf(e *skiplist.Element) arena.Ref {
	if e == nil {
		return 0
	}
	return e.Value.(arena.Ref)
}

func (x *huanduIndex) Find(key []byte) arena.Ref { return refOf(x.list.Get(key)) }

func (x *huanduIndex) Insert(key []byte) (ref arena.Ref, added bool, err error) {
	if ref := x.Find(key); ref != 0 {
		return ref, false, nil
	}
	if ref, err = x.New(key); err != nil {
		return 0, false, err
	}
	for len(x.elems) <= int(ref) {
		x.elems = append(x.elems, nil)
	}
	x.elems[ref] = x.list.Set(x.Key(ref), ref)
	return ref, true, nil
}

func (x *huanduIndex) Remove(ref arena.Ref) {
	x.list.RemoveElement(x.elems[ref])
	x.elems[ref] = nil
	x.Free(ref)
}

func (x *huanduIndex) First() arena.Ref { return refOf(x.list.Front()) }

func (x *huanduIndex) Last() arena.Ref { return refOf(x.list.Back()) }

func (x *huanduIndex) SeekGE(key []byte) arena.Ref { return refOf(x.list.Find(key)) }

func (x *huanduIndex) SeekLT(key []byte) arena.Ref {
	if e := x.list.Find(key); e != nil {
		return refOf(e.Prev())
	}
	return refOf(x.list.Back())
}

func (x *huanduIndex) Next(ref arena.Ref) arena.Ref { return refOf(x.elems[ref].Next()) }

func (x *huanduIndex) Prev(ref arena.Ref) arena.Ref { return refOf(x.elems[ref].Prev()) }

func (x *huanduIndex) Len() int { return x.list.Len() }

func (x *huanduIndex) Fixed() int { return 0 }

func (x *huanduIndex) Check() error {
	n := 0
	for e := x.list.Front(); e != nil; e = e.Next() {
		if next := e.Next(); next != nil && (bytes.Compare(e.Key().([]byte), next.Key().([]byte)) >= 0 || next.Prev() != e) {
			return fmt.Errorf("key %x and %x are out of order", e.Key(), next.Key())
		}
		if ref := refOf(e); x.elems[ref] != e {
			return fmt.Errorf("record %d of key %x has another element", ref, e.Key())
		}
		n++
	}
	if n != x.list.Len() {
		return fmt.Errorf("list counts %d keys and holds %d", x.list.Len(), n)
	}
	return nil
}

func (x *huanduIndex) Dump(w io.Writer) {
	fmt.Fprintf(w, "github.com/huandu/skiplist: %d keys\n", x.list.Len())
}
