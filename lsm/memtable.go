package lsm

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/epoch"
	"github.com/statelab/statelab/internal/heapindex"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/skiplist"
)

// memtable holds the newest part of the history in memory: records with all
// their versions (memtable_record.go), the skip list's index in blocks, which
// has their order, and a hash table that finds those of a join key
// (memtable_groups.go). All of it lies in arenas, off the Go heap: records in one,
// which gives back all at once, and what leads to them in another, where pieces that
// were replaced serve again. Their pages come from the memtables before.
//
// One writer at a time adds to the active memtable, under the store's write
// lock; after its rotation a memtable does not change. Readers take no lock. They
// look records up within an epoch, at whose end what the index and the hash table
// have replaced may go; records stay as long as the memtable. References are
// counted by the views that hold it.
type memtable struct {
	kind   Memtable
	mem    *arena.Arena // of records and versions
	way    *arena.Arena // of what leads to them
	keys   memstore.Keys
	index  memstore.Index
	prefix statelab.Prefix
	groups memGroups
	epoch  epoch.Domain
	limbo  limbo

	refs atomic.Int32

	// elementBytes bounds from above what the memtable adds to any record, in
	// bytes. Only the writer uses it.
	elementBytes int64

	touched uint64 // the writer's, so that touching is not for nothing

	// advances counts the Advances logged in its segments. Only the writer uses it.
	advances int64

	// began and watermark are the store's watermark when the memtable was begun, and
	// when it was rotated.
	began, watermark int64

	// What is known of when it will be dead: the latest expiry of what expires, neverDies
	// if nothing does, and the bytes of keys and elements that never expire (hold.go).
	dies, lasting atomic.Int64

	// retired says that the memtable is flushed, so that only readers of old
	// views hold it.
	retired atomic.Bool
	// nextSegment is the first segment of the log that holds nothing of the
	// memtable or of those before it; set by the rotation if there is a log.
	nextSegment uint64
}

// What memtables take from the system at a time, in bytes.
const (
	minMemtablePage = 4 << 10
	maxMemtablePage = 1 << 20
)

// memtablePages returns where memtables that are full at so many bytes get their
// pages. Those of one are kept: the active one takes half of them before it is rotated,
// and the next one half before that which waits is flushed and gives back its own.
func memtablePages(limit int64) *arena.Pages {
	return arena.NewPages(int(max(minMemtablePage, min(limit/16, maxMemtablePage))), limit)
}

func newMemtable(kind Memtable, pages *arena.Pages, prefix statelab.Prefix) (*memtable, error) {
	m := &memtable{kind: kind, mem: arena.NewBump(pages), way: arena.NewBump(pages), prefix: prefix}
	m.keys = memstore.KeysAfter(m.mem, memRecordHead)
	m.dies.Store(neverDies)
	if err := m.begin(); err != nil {
		m.release()
		return nil, fmt.Errorf("make a memtable: %w", err)
	}
	return m, nil
}

func (m *memtable) begin() (err error) {
	switch m.kind {
	case MemtableBTree:
		m.index = heapindex.NewBTree(m.keys)
	case MemtableHuandu:
		m.index = heapindex.NewHuandu(m.keys)
	default:
		m.index, err = skiplist.NewIndex(m.way, m.keys, m)
	}
	if err != nil {
		return err
	}
	slots, err := m.makeSlots(minMemSlotLog)
	m.groups.slots.Store(slots)
	return err
}

// release gives the memory back, when nobody holds the memtable any more.
func (m *memtable) release() {
	m.mem.Release()
	m.way.Release()
}

// limbo is what was replaced and readers may still look at, in the order in
// which it came.
type limbo []retired

type retired struct {
	ref    arena.Ref
	size   int
	period uint64
}

// Retire implements memstore.Retirer.
func (m *memtable) Retire(ref arena.Ref, size int) {
	m.limbo = append(m.limbo, retired{ref, size, m.epoch.Period()})
}

// reuse frees what no reader can look at any more.
func (m *memtable) reuse() {
	n := 0
	for n < len(m.limbo) {
		r := m.limbo[n]
		if m.epoch.Period() < r.period+epoch.Grace {
			if !m.epoch.Advance() {
				break
			}
			continue
		}
		m.way.Free(r.ref, r.size)
		n++
	}
	m.limbo = append(m.limbo[:0], m.limbo[n:]...)
}

// addAtOnce is how many operations are looked at before the first of them is added:
// a few more than the processor can wait for at a time.
const addAtOnce = 16

// add applies operations as of sequence seq, and returns their bytes of keys
// and elements. It touches the slots that some operations lead to before it adds
// them, so that the processor waits for memory once for all of these.
func (m *memtable) add(seq uint64, ops statelab.OpReader) (int64, error) {
	var hashes [addAtOnce]uint64
	total := int64(0)
	dies, lasting := int64(neverDies), int64(0)
	for {
		some, n, slots := ops, 0, m.slots()
		for op, ok := some.Next(); ok; op, ok = some.Next() {
			hashes[n] = hashKey(groupOf(m.prefix, op.Key))
			m.touched ^= slots.at(slots.home(hashes[n])).Load()
			if n++; n == addAtOnce {
				break
			}
		}
		if n == 0 {
			m.noteExpiry(dies, lasting)
			return total, some.Err()
		}
		for _, hash := range hashes[:n] {
			op, _ := ops.Next()
			if err := m.addOne(seq, op, hash); err != nil {
				return total, fmt.Errorf("add to memtable: %w", err)
			}
			m.elementBytes += int64(len(op.Value))
			size := int64(len(op.Key) + len(op.Value))
			total += size
			if op.ExpireAt == statelab.NoExpiry {
				lasting += size
			} else {
				dies = max(dies, op.ExpireAt)
			}
		}
	}
}

// addOne makes op, whose group has a hash, the newest version of its key. Should there
// be no memory for a part of it, what is left half done is of a sequence that is never
// published.
func (m *memtable) addOne(seq uint64, op statelab.Op, hash uint64) error {
	group := groupOf(m.prefix, op.Key)
	if ref := m.findIn(group, hash, op.Key); ref != 0 {
		return m.addVersion(ref, seq, op)
	}
	ref, err := m.newRecord(seq, op)
	if err != nil {
		return err
	}
	if err := m.index.Insert(ref); err != nil {
		return err
	}
	err = m.addToGroup(ref, group, hash)
	m.reuse()
	return err
}

func (m *memtable) len() int    { return m.index.Len() }
func (m *memtable) empty() bool { return m.len() == 0 }
func (m *memtable) bytes() int64 {
	return m.mem.InUse() + m.way.InUse() + int64(m.len())*m.kind.heapBytes()
}

// unused says whether there is nothing that a flush would have to take note
// of; load is how much there is. Only the writer calls them.
func (m *memtable) unused() bool { return m.empty() && m.advances == 0 }
func (m *memtable) load() int64  { return m.bytes() + m.advances*advanceLoad }

// loadOf is about what a batch takes in a memtable, in bytes, but for new slots of
// its hash table.
func (k Memtable) loadOf(b *statelab.Batch) int64 {
	return int64(len(b.Bytes())) + int64(b.Len())*(recordOverhead+k.heapBytes())
}

// heapBytes is what a record takes on the Go heap, in bytes, as measured with a
// hundred thousand of random keys.
func (k Memtable) heapBytes() int64 {
	switch k {
	case MemtableBTree:
		return 50
	case MemtableHuandu:
		return 140
	}
	return 0
}

// loadWith is the load after batches of so much more: what it is now, what they
// add, and the slots that may have to be made for them.
func (m *memtable) loadWith(more int64) int64 {
	return m.load() + more + m.slotsFor(int(more/recordOverhead)+1)
}

// recordOverhead is what a record takes in a memtable besides key and element,
// in bytes: its head of 32, 4 for alignment, and on average 20 in the index.
const recordOverhead = 56

// advanceLoad is what an Advance takes in the log, in bytes.
const advanceLoad = 32

// check verifies the memtable. It needs external order with the writer.
func (m *memtable) check() error {
	if err := m.index.Check(); err != nil {
		return err
	}
	var c memtableCursor
	c.open(m, maxSeq)
	n, last := 0, []byte(nil)
	for ok := c.first(); ok; ok = c.next() {
		if n > 0 && bytes.Compare(last, c.key()) >= 0 {
			return fmt.Errorf("key %x follows %x", c.key(), last)
		}
		group := groupOf(m.prefix, c.key())
		if m.find(group, hashKey(group), c.key()) != c.refs[c.at] {
			return fmt.Errorf("key %x is not found", c.key())
		}
		last = append(last[:0], c.key()...)
		n++
	}
	if n != m.len() {
		return fmt.Errorf("%d keys, and %d are counted", n, m.len())
	}
	return m.checkGroups(n)
}
