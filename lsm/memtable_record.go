package lsm

import (
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// A memtable keeps every version of a key: what each operation made of it. A
// version is one piece of the memtable's arena; the first of a key lies in the
// piece that bears the key, its record.
//
//	OFFSET  SIZE  FIELD
//	0       8     sequence
//	8       8     expiry
//	16      4     next older version; of a record, the key's newest version. Atomic in a record
//	20      4     kind (2 high bits) and length of the element
//	24            element, if it is not a record
//
// and a record goes on:
//
//	24      4     next record of the same join key, see memtable_groups.go; atomic
//	28      2     length of the key
//	30      1     number of links of the index
//	31      1     unused
//	32      4n    links of the index
//	              key
//	              element
//
// statelab.MaxRecordSize needs 29 bits, so the kind fits beside the length.
// Nothing but links changes, and no piece is freed before the whole memtable is:
// what a reader was led to once stays good.
type memVersion struct {
	seq      uint64
	expireAt int64
	older    atomic.Uint32
	meta     uint32
}

type memRecord struct {
	memVersion
	chain  atomic.Uint32
	keyLen uint16
	links  uint8
	_      uint8
}

const (
	memVersionHead = int(unsafe.Sizeof(memVersion{}))
	memRecordHead  = int(unsafe.Sizeof(memRecord{}))
	memLinkSize    = 4
	memKindShift   = 30
	memLengthMask  = 1<<memKindShift - 1
)

func (v *memVersion) kind() statelab.OpKind { return statelab.OpKind(v.meta >> memKindShift) }

func (v *memVersion) set(seq uint64, op statelab.Op) {
	v.seq, v.expireAt, v.meta = seq, op.ExpireAt, uint32(op.Kind)<<memKindShift|uint32(len(op.Value))
}

func (m *memtable) record(ref arena.Ref) *memRecord { return (*memRecord)(m.mem.Ptr(ref)) }

// newRecord makes a record of one version that nothing leads to yet.
func (m *memtable) newRecord(seq uint64, op statelab.Op) (arena.Ref, error) {
	links := m.index.Links(op.Key)
	keyAt := memRecordHead + memLinkSize*links
	ref, err := m.mem.Alloc(keyAt + len(op.Key) + len(op.Value))
	if err != nil {
		return 0, err
	}
	r := m.record(ref)
	r.set(seq, op)
	r.older.Store(uint32(ref))
	r.chain.Store(0)
	r.keyLen, r.links = uint16(len(op.Key)), uint8(links)
	p := unsafe.Pointer(r)
	clear(arena.Slice(p, memRecordHead, memLinkSize*links))
	copy(arena.Slice(p, keyAt, len(op.Key)), op.Key)
	copy(arena.Slice(p, keyAt+len(op.Key), len(op.Value)), op.Value)
	return ref, nil
}

// addVersion makes op the newest version of a record.
func (m *memtable) addVersion(ref arena.Ref, seq uint64, op statelab.Op) error {
	added, err := m.mem.Alloc(memVersionHead + len(op.Value))
	if err != nil {
		return err
	}
	v := (*memVersion)(m.mem.Ptr(added))
	v.set(seq, op)
	copy(arena.Slice(unsafe.Pointer(v), memVersionHead, len(op.Value)), op.Value)
	newest := &m.record(ref).older
	v.older.Store(newest.Load())
	newest.Store(uint32(added))
	return nil
}

// gather adds to f what the versions of a record made of it, as of sequence seq.
func (m *memtable) gather(f *fold, ref arena.Ref, seq uint64) {
	r := m.record(ref)
	for at := arena.Ref(r.older.Load()); ; {
		v, valueAt, older := &r.memVersion, memRecordHead+memLinkSize*int(r.links)+int(r.keyLen), arena.Ref(0)
		if at != ref {
			v, valueAt = (*memVersion)(m.mem.Ptr(at)), memVersionHead
			older = arena.Ref(v.older.Load())
		}
		if v.seq <= seq {
			kind := v.kind()
			if kind != statelab.OpDelete {
				value := arena.Slice(unsafe.Pointer(v), valueAt, int(v.meta&memLengthMask))
				f.elements = append(f.elements, element{expireAt: v.expireAt, data: value})
			}
			if kind != statelab.OpAppend {
				f.based = true
				return
			}
		}
		if older == 0 {
			return
		}
		at = older
	}
}
