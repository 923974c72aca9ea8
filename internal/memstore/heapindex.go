package memstore

import (
	"unsafe"

	"github.com/statelab/statelab/internal/arena"
)

// HeapRecords makes the records of an index that keeps only an order: the
// piece of a record holds, after RecordSize bytes, the length of its key in 4
// bytes, and the key.
type HeapRecords struct{ Mem *arena.Arena }

const heapKeyAt = RecordSize + 4

// New makes a record for key.
func (h HeapRecords) New(key []byte) (arena.Ref, error) {
	ref, err := h.Mem.Alloc(heapKeyAt + len(key))
	if err != nil {
		return 0, err
	}
	clear(h.Mem.Bytes(ref, 0, RecordSize))
	*h.length(ref) = uint32(len(key))
	copy(h.Key(ref), key)
	return ref, nil
}

// Free frees a record.
func (h HeapRecords) Free(ref arena.Ref) { h.Mem.Free(ref, heapKeyAt+int(*h.length(ref))) }

// Key returns the record's key, which aliases the record.
func (h HeapRecords) Key(ref arena.Ref) []byte {
	return h.Mem.Bytes(ref, heapKeyAt, int(*h.length(ref)))
}

// Size returns how many bytes the record takes.
func (h HeapRecords) Size(ref arena.Ref) int {
	return h.Mem.SizeOf(heapKeyAt + int(*h.length(ref)))
}

func (h HeapRecords) length(ref arena.Ref) *uint32 {
	return (*uint32)(unsafe.Add(h.Mem.Ptr(ref), RecordSize))
}
