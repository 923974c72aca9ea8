package lsm

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab/internal/arena"
)

// memGroups finds the records of a join key in a memtable by its hash, so that
// neither a probe nor a Get walks the index.
//
//	slots   | . | A 3 | . | T long | B 1 | . |
//	               |          |       +---> B/1
//	               |          +---> a record of T: the index has the order of the others
//	               +---> A/1 ---> A/4 ---> A/7     in key order, by the records' chain
//
// A group is the records whose keys have one prefix, or, of keys without one, a
// single record. It is short, a chain of up to memChain records, and long from
// then on; a chain that is not kept any more stays as it was.
//
// The slots are one piece of the arena, a power of two of them, of 8 bytes each;
// zero is empty:
//
//	BITS    FIELD
//	36..63  tag: the high 28 bits of the hash of the group
//	32..35  records in the chain, 15 if the group is long
//	0..31   Ref of the chain's first record, or of any if the group is long
//
// A group is in the slot that the high bits of its tag name, or in one of those
// after it up to the first empty one. When three quarters are taken, twice as many
// slots take their place, and the tags say where to. Who still looks at the old
// ones has begun before the records came that are not in them. So there is one
// writer, and readers within an epoch take no lock.
type memGroups struct {
	slots atomic.Uint64 // high half: log2 of their number; low half: Ref of the piece
	count int           // the writer's
}

const (
	memChain    = 8
	memLongMark = 15

	memTagBits    = 28
	memMarkShift  = 32
	minMemSlotLog = 5
	maxMemSlotLog = 27 // of which there is never need: see maxMemtable
	memSlotSize   = 8
)

type memSlots struct {
	first *atomic.Uint64
	log   uint
}

func (s memSlots) at(i uint64) *atomic.Uint64 {
	i &= 1<<s.log - 1
	return (*atomic.Uint64)(unsafe.Add(unsafe.Pointer(s.first), uintptr(i)*memSlotSize))
}

// home is where the search for a group begins.
func (s memSlots) home(hash uint64) uint64 { return hash >> (64 - s.log) }

func (m *memtable) slots() memSlots {
	word := m.groups.slots.Load()
	return memSlots{(*atomic.Uint64)(m.way.Ptr(arena.Ref(uint32(word)))), uint(word >> 32)}
}

func (m *memtable) makeSlots(log uint) (uint64, error) {
	ref, err := m.way.Alloc(memSlotSize << log)
	if err == nil {
		clear(m.way.Bytes(ref, 0, memSlotSize<<log))
	}
	return uint64(log)<<32 | uint64(ref), err
}

func packSlot(hash uint64, mark uint64, ref arena.Ref) uint64 {
	return hash>>(64-memTagBits)<<(64-memTagBits) | mark<<memMarkShift | uint64(ref)
}

func slotMark(s uint64) uint64   { return s >> memMarkShift & 15 }
func slotRef(s uint64) arena.Ref { return arena.Ref(uint32(s)) }

func (m *memtable) isIn(ref arena.Ref, group []byte) bool {
	key := m.keys.Of(ref)
	return bytes.HasPrefix(key, group) && len(groupOf(m.prefix, key)) == len(group)
}

// group returns the slot of a group, and what it holds; or the empty slot where
// it would be, and zero.
func (m *memtable) group(group []byte, hash uint64) (*atomic.Uint64, uint64) {
	slots := m.slots()
	for i := slots.home(hash); ; i++ {
		p := slots.at(i)
		s := p.Load()
		if s == 0 || (s^hash)>>(64-memTagBits) == 0 && m.isIn(slotRef(s), group) {
			return p, s
		}
	}
}

// find returns the record of key, which is of a group, or 0.
func (m *memtable) find(group []byte, hash uint64, key []byte) arena.Ref {
	g := m.epoch.Enter()
	ref := m.findIn(group, hash, key)
	m.epoch.Leave(g)
	return ref
}

// findIn is find for who is in an epoch, or the writer.
func (m *memtable) findIn(group []byte, hash uint64, key []byte) arena.Ref {
	_, s := m.group(group, hash)
	if slotMark(s) == memLongMark {
		return m.index.Find(key)
	}
	for ref := slotRef(s); ref != 0; ref = arena.Ref(m.record(ref).chain.Load()) {
		if order := bytes.Compare(m.keys.Of(ref), key); order == 0 {
			return ref
		} else if order > 0 {
			break
		}
	}
	return 0
}

// members appends the records of a short group to dst, in the order of their
// keys, and says whether it is short.
func (m *memtable) members(dst []arena.Ref, group []byte, hash uint64) ([]arena.Ref, bool) {
	g := m.epoch.Enter()
	_, s := m.group(group, hash)
	m.epoch.Leave(g)
	if slotMark(s) == memLongMark {
		return dst, false
	}
	for ref := slotRef(s); ref != 0; ref = arena.Ref(m.record(ref).chain.Load()) {
		dst = append(dst, ref)
	}
	return dst, true
}

// addToGroup takes a new record into its group. The only error is that there is no
// memory, and nothing is changed then.
func (m *memtable) addToGroup(ref arena.Ref, group []byte, hash uint64) error {
	key := m.keys.Of(ref)
	p, s := m.group(group, hash)
	switch mark := slotMark(s); {
	case s == 0:
		if err := m.growGroups(); err != nil {
			return err
		}
		p, _ = m.group(group, hash)
		p.Store(packSlot(hash, 1, ref))
		m.groups.count++
	case mark == memLongMark:
	case mark == memChain:
		p.Store(packSlot(hash, memLongMark, slotRef(s)))
	default:
		prev, next := arena.Ref(0), slotRef(s)
		for next != 0 && bytes.Compare(m.keys.Of(next), key) < 0 {
			prev, next = next, arena.Ref(m.record(next).chain.Load())
		}
		m.record(ref).chain.Store(uint32(next))
		first := slotRef(s)
		if prev == 0 {
			first = ref
		} else {
			m.record(prev).chain.Store(uint32(ref))
		}
		p.Store(packSlot(hash, mark+1, first))
	}
	return nil
}

// slotsFor returns the bytes of the slots that must be made before there can be
// so many more groups.
func (m *memtable) slotsFor(more int) int64 {
	total := int64(0)
	for log := m.slots().log; 4*(m.groups.count+more) > 3<<log && log < maxMemSlotLog; log++ {
		total += memSlotSize << (log + 1)
	}
	return total
}

// growGroups makes room for one more group.
func (m *memtable) growGroups() error {
	old := m.slots()
	if 4*(m.groups.count+1) <= 3<<old.log || old.log == maxMemSlotLog {
		return nil
	}
	word, err := m.makeSlots(old.log + 1)
	if err != nil {
		return err
	}
	grown := memSlots{(*atomic.Uint64)(m.way.Ptr(arena.Ref(uint32(word)))), old.log + 1}
	for i := range uint64(1) << old.log {
		if s := old.at(i).Load(); s != 0 {
			at := grown.home(s)
			for grown.at(at).Load() != 0 {
				at++
			}
			grown.at(at).Store(s)
		}
	}
	m.Retire(arena.Ref(uint32(m.groups.slots.Swap(word))), memSlotSize<<old.log)
	return nil
}

// checkGroups verifies that each of the records, which are n, is found, and that
// chains are in order and as long as their slots say. It needs external order
// with the writer.
func (m *memtable) checkGroups(n int) error {
	chained, slots, groups := 0, m.slots(), 0
	for i := range uint64(1) << slots.log {
		s := slots.at(i).Load()
		if s == 0 {
			continue
		}
		groups++
		if slotMark(s) == memLongMark {
			continue
		}
		length, last := uint64(0), []byte(nil)
		group := groupOf(m.prefix, m.keys.Of(slotRef(s)))
		for ref := slotRef(s); ref != 0; ref = arena.Ref(m.record(ref).chain.Load()) {
			key := m.keys.Of(ref)
			if length > 0 && bytes.Compare(last, key) >= 0 || !m.isIn(ref, group) {
				return fmt.Errorf("the chain of %x has key %x out of order or of another group", group, key)
			}
			last = key
			length++
		}
		if length != slotMark(s) {
			return fmt.Errorf("the chain of %x has %d records, and %d are counted", group, length, slotMark(s))
		}
		chained += int(length)
	}
	if groups != m.groups.count || chained > n {
		return fmt.Errorf("%d groups with %d records in chains, of %d groups and %d records", groups, chained, m.groups.count, n)
	}
	return nil
}
