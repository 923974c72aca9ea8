package bench

import (
	"encoding/binary"
	"fmt"

	"github.com/statelab/statelab"
)

// A markIndex is what deduplication keeps beside its marks over a store that
// does not expire them (statelab.KeepsDead): an index by time, in the same store
// since it must be as durable, by which marks are deleted when their window has
// passed. The first byte of a key tells the two apart:
//
//	0x01 expiry(8) id(16)   an entry: the mark of id dies at expiry, big-endian
//	0x02 id(16)             a mark
type markIndex struct {
	store statelab.Store
	swept int64 // entries below this expiry are gone
	batch statelab.Batch
	key   []byte
	upper []byte
}

const (
	entryTag = 0x01
	markTag  = 0x02
)

func appendEntry(dst []byte, expiry int64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(append(dst, entryTag), uint64(expiry)), key...)
}

// markKey returns the key of an identifier's mark, valid until the next call.
func (x *markIndex) markKey(key []byte) []byte {
	x.key = append(append(x.key[:0], markTag), key...)
	return x.key
}

// replace adds the entry of a new mark to b, and removes that of the mark
// that it replaces, whose expiry was old; 0 if there was none.
func (x *markIndex) replace(b *statelab.Batch, key []byte, old, expiry int64) {
	if old != 0 {
		x.upper = appendEntry(x.upper[:0], old, key)
		b.Delete(x.upper)
	}
	x.upper = appendEntry(x.upper[:0], expiry, key)
	b.Put(x.upper, nil, expiry)
}

// sweepChunk bounds a batch of deletes, in marks.
const sweepChunk = 512

// sweep deletes the marks that die at the watermark, before the store is told of it:
// afterwards it would not show their entries any more.
func (x *markIndex) sweep(watermark int64) error {
	for more := true; more; {
		var err error
		if more, err = x.collect(watermark); err != nil {
			return fmt.Errorf("read the index of marks: %w", err)
		}
		if x.batch.Len() == 0 {
			break
		}
		if err := x.store.Apply(&x.batch); err != nil {
			return fmt.Errorf("delete marks: %w", err)
		}
	}
	x.swept = watermark + 1
	return nil
}

// collect puts deletes of the first marks that are due into the batch, and says
// whether there may be more.
func (x *markIndex) collect(watermark int64) (more bool, err error) {
	x.batch.Reset()
	lower := appendEntry(x.key[:0], x.swept, nil)
	x.upper = appendEntry(x.upper[:0], watermark+1, nil)
	it, err := x.store.Iter(statelab.Range{Lower: lower, Upper: x.upper})
	if err != nil {
		return false, err
	}
	var mark [1 + len(id{})]byte
	mark[0] = markTag
	for it.Next() {
		entry := it.Key()
		copy(mark[1:], entry[1+8:])
		x.batch.Delete(entry)
		x.batch.Delete(mark[:])
		if x.batch.Len() >= 2*sweepChunk {
			x.swept = int64(binary.BigEndian.Uint64(entry[1:]))
			more = true
			break
		}
	}
	return more, it.Close()
}
