package lsm

import (
	"fmt"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/skiplist"
)

// memtable holds the newest part of the history in memory: a skip list of keys
// and their versions. One writer at a time adds to the active memtable, under
// the store's write lock; after its rotation a memtable does not change.
// References are counted by the views that hold it.
type memtable struct {
	list *skiplist.List
	refs atomic.Int32

	// elementBytes bounds from above what the memtable adds to any record, in
	// bytes. Only the writer uses it.
	elementBytes int64

	// advances counts the Advances logged in its segments. Only the writer uses it.
	advances int64

	// watermark is the store's when the memtable was rotated.
	watermark int64
	// retired says that the memtable is flushed, so that only readers of old
	// views hold it.
	retired atomic.Bool
	// nextSegment is the first segment of the log that holds nothing of the
	// memtable or of those before it; set by the rotation if there is a log.
	nextSegment uint64
}

// memtableChunk is what a memtable takes from the system at a time, in bytes.
const (
	minMemtableChunk = 4 << 10
	maxMemtableChunk = 1 << 20
)

func newMemtable(limit int64) (*memtable, error) {
	chunk := max(minMemtableChunk, min(limit/8, maxMemtableChunk))
	list, err := skiplist.NewList(skiplist.ListOptions{ChunkSize: int(chunk)})
	if err != nil {
		return nil, fmt.Errorf("make a memtable: %w", err)
	}
	return &memtable{list: list}, nil
}

// add applies operations as of sequence seq, and returns their bytes of keys
// and elements.
func (m *memtable) add(seq uint64, ops statelab.OpReader) (int64, error) {
	total := int64(0)
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		if err := m.list.Add(seq, op); err != nil {
			return total, fmt.Errorf("add to memtable: %w", err)
		}
		m.elementBytes += int64(len(op.Value))
		total += int64(len(op.Key) + len(op.Value))
	}
	return total, ops.Err()
}

func (m *memtable) empty() bool  { return m.list.Len() == 0 }
func (m *memtable) bytes() int64 { return m.list.Bytes() }

// unused says whether there is nothing that a flush would have to take note
// of; load is how much there is. Only the writer calls them.
func (m *memtable) unused() bool { return m.empty() && m.advances == 0 }
func (m *memtable) load() int64  { return m.bytes() + m.advances*advanceLoad }

// memtableLoad bounds from above what a batch takes in a memtable, in bytes.
func memtableLoad(b *statelab.Batch) int64 {
	return int64(len(b.Bytes()) + b.Len()*maxVersionOverhead)
}

// maxVersionOverhead is what a skip list takes for a version besides key and
// element, at most, in bytes: 24 for the version, 12 and 16 links of 4 for the
// node, and two alignments.
const maxVersionOverhead = 120

// advanceLoad is what an Advance takes in the log, in bytes.
const advanceLoad = 32

// gather adds to f the versions of a key as of sequence seq.
func gatherVersions(f *fold, node skiplist.Node, seq uint64) {
	v, ok := node.Newest(), true
	for ; ok; v, ok = v.Older() {
		if v.Seq > seq {
			continue
		}
		if v.Kind != statelab.OpDelete {
			f.elements = append(f.elements, element{v.ExpireAt, v.Value})
		}
		if v.Kind != statelab.OpAppend {
			f.based = true
			return
		}
	}
}

// memtableCursor walks a memtable as of a sequence. It is a source.
type memtableCursor struct {
	list *skiplist.List
	seq  uint64
	node skiplist.Node
}

func (c *memtableCursor) open(m *memtable, seq uint64) {
	*c = memtableCursor{list: m.list, seq: seq}
}

func (c *memtableCursor) close() { *c = memtableCursor{} }

func (c *memtableCursor) first() bool            { return c.stand(c.list.First()) }
func (c *memtableCursor) last() bool             { return c.stand(c.list.Last()) }
func (c *memtableCursor) seekGE(key []byte) bool { return c.stand(c.list.SeekGE(key)) }
func (c *memtableCursor) seekLT(key []byte) bool { return c.stand(c.list.SeekLT(key)) }
func (c *memtableCursor) next() bool             { return c.stand(c.node.Next()) }
func (c *memtableCursor) prev() bool             { return c.stand(c.node.Prev()) }
func (c *memtableCursor) key() []byte            { return c.node.Key() }
func (c *memtableCursor) err() error             { return nil }

func (c *memtableCursor) stand(node skiplist.Node, ok bool) bool {
	c.node = node
	return ok
}

func (c *memtableCursor) gather(f *fold) error {
	gatherVersions(f, c.node, c.seq)
	return nil
}
