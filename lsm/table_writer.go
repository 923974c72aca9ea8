package lsm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// tableWriter writes one table to a file. Records come in ascending order of
// their keys. After a failure every call returns it. A writer can be reused:
// begin starts the next table.
type tableWriter struct {
	blockWriter
	data       blockBuilder
	index      blockBuilder
	lastKey    []byte
	separator  []byte
	pending    blockHandle // the last data block, whose index entry is still to come
	hasPending bool

	keyHashes    []uint64
	prefixHashes []uint64
	bareKeys     bool // there are keys without a prefix
	groups       []group
	blocks       []blockHandle // of data that are finished
	lastGroup    []byte
	props        properties
	expiries     expirySample
	scratch      []byte
}

func newTableWriter(format *tableFormat) *tableWriter {
	return &tableWriter{blockWriter: blockWriter{format: format}}
}

// begin starts a table in an empty file. The writer does not close it.
func (w *tableWriter) begin(file vfs.File) {
	w.blockWriter.begin(file)
	w.hasPending = false
	w.data.reset()
	w.index.reset()
	w.keyHashes, w.prefixHashes = w.keyHashes[:0], w.prefixHashes[:0]
	w.groups, w.blocks, w.bareKeys = w.groups[:0], w.blocks[:0], false
	w.expiries.reset()
	w.props = properties{prefixName: w.format.prefix.Name}
	w.props.minExpiry, w.props.maxExpiry = statelab.NoExpiry, math.MinInt64
}

// size returns about how long the file would be if the table ended now.
func (w *tableWriter) size() int64 {
	filters := (len(w.keyHashes) + len(w.prefixHashes)) * w.format.bloomBits / 8
	return w.flushed + int64(len(w.buf)+w.data.size()+w.index.size()+filters)
}

// add adds the record of key with the given elements, oldest first.
func (w *tableWriter) add(key []byte, base bool, elements []element) error {
	if w.err != nil {
		return w.err
	}
	if w.props.records > 0 && bytes.Compare(key, w.lastKey) <= 0 {
		return w.fail(fmt.Errorf("key %x does not follow %x", key, w.lastKey))
	}
	record := appendRecord(w.scratch[:0], base, elements)
	w.scratch = keepSmall(record)
	if w.data.entries > 0 && w.data.size()+len(key)+len(record) > w.format.blockSize {
		w.finishDataBlock()
	}
	w.indexPending(key)
	w.data.add(key, record)
	w.count(key, base, elements)
	w.lastKey = append(w.lastKey[:0], key...)
	return w.err
}

// count keeps the properties and the hashes for the filters.
func (w *tableWriter) count(key []byte, base bool, elements []element) {
	p := &w.props
	if p.records == 0 {
		p.first = bytes.Clone(key)
	}
	p.records++
	if base {
		p.bases++
		if len(elements) == 0 {
			p.tombstones++
		}
	}
	p.elements += int64(len(elements))
	p.rawBytes += int64(len(key))
	size := int64(0)
	for _, e := range elements {
		size += e.size()
		if e.blob != nil {
			p.blobs.add(e.blob, e.blob.number, e.size())
		}
		p.rawBytes += int64(len(e.data))
		p.minExpiry, p.maxExpiry = min(p.minExpiry, e.expireAt), max(p.maxExpiry, e.expireAt)
		w.expiries.add(e)
	}
	p.maxRecord = max(p.maxRecord, size)
	w.keyHashes = append(w.keyHashes, hashKey(key))
	if w.format.prefix.Len == nil {
		return
	}
	w.countGroup(key)
}

// countGroup keeps the hash of a prefix that is new, and where the groups lie.
func (w *tableWriter) countGroup(key []byte) {
	name := groupOf(w.format.prefix, key)
	block := uint32(len(w.blocks))
	if w.props.records > 1 && bytes.Equal(name, w.lastGroup) {
		last := &w.groups[len(w.groups)-1]
		last.many = last.many || last.block != block
		return
	}
	w.lastGroup = append(w.lastGroup[:0], name...)
	w.groups = append(w.groups, group{hash: hashKey(name), block: block})
	if prefix := prefixOf(w.format.prefix, key); len(prefix) > 0 || !w.bareKeys {
		w.prefixHashes = append(w.prefixHashes, hashKey(prefix))
		w.bareKeys = w.bareKeys || len(prefix) == 0
	}
}

// groupOf returns what all keys of the key's group begin with: its prefix, or, of
// a key without one, the key itself.
func groupOf(p statelab.Prefix, key []byte) []byte {
	if p.Len != nil {
		if prefix := prefixOf(p, key); len(prefix) > 0 {
			return prefix
		}
	}
	return key
}

// prefixOf returns the part of key that the prefix function says, kept within
// the key whatever it says.
func prefixOf(p statelab.Prefix, key []byte) []byte {
	return key[:max(0, min(p.Len(key), len(key)))]
}

// indexPending enters the last data block into the index, under a short key
// that is not less than its last and less than next.
func (w *tableWriter) indexPending(next []byte) {
	if !w.hasPending {
		return
	}
	w.separator = appendSeparator(w.separator[:0], w.lastKey, next)
	w.addIndex(w.separator)
}

func (w *tableWriter) addIndex(key []byte) {
	var handle [2 * binary.MaxVarintLen64]byte
	w.index.add(key, w.pending.append(handle[:0]))
	w.hasPending = false
}

// appendSeparator appends a key k with a <= k < b, as short as sharing the
// front of b allows. a < b is assumed.
func appendSeparator(dst, a, b []byte) []byte {
	n := sharedPrefix(a, b)
	// b[:n+1] is greater than a and, unless it is b itself, less than b.
	if n+1 < len(b) && n+1 < len(a) {
		return append(dst, b[:n+1]...)
	}
	return append(dst, a...)
}

func (w *tableWriter) finishDataBlock() {
	w.pending, w.hasPending = w.writeBlock(w.data.finish(), true), true
	w.blocks = append(w.blocks, w.pending)
	w.data.reset()
	w.data.buf = keepSmall(w.data.buf)
}

// finish ends the table and returns its figures and its length in bytes. The
// file is not synced. There must be at least one record.
func (w *tableWriter) finish() (tableMeta, int64, error) {
	if w.err != nil {
		return tableMeta{}, 0, w.err
	}
	w.finishDataBlock()
	w.addIndex(w.lastKey)
	w.props.last = bytes.Clone(w.lastKey)
	w.props.octiles = w.expiries.octiles()
	var f footer
	w.scratch = appendFilter(w.scratch[:0], w.keyHashes, w.format.bloomBits)
	f.keyFilter = w.writeBlock(w.scratch, false)
	if w.format.prefix.Len != nil {
		w.scratch = appendFilter(w.scratch[:0], w.prefixHashes, w.format.bloomBits)
		f.prefixFilter = w.writeBlock(w.scratch, false)
	}
	w.scratch = w.props.append(w.scratch[:0])
	f.properties = w.writeBlock(w.scratch, false)
	f.index = w.writeBlock(w.index.finish(), true)
	w.buf = f.append(w.buf)
	w.flush()
	return w.props.tableMeta, w.flushed, w.err
}
