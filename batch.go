package statelab

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Event times are int64 in the caller's unit; package join uses microseconds.
const (
	// NoExpiry as an expiry means that the element never dies.
	NoExpiry int64 = math.MaxInt64
	// MinWatermark is the watermark of a new store.
	MinWatermark int64 = math.MinInt64
)

// Limits of a record (K4).
const (
	MaxKeySize    = 32 << 10  // bytes
	MaxRecordSize = 256 << 20 // bytes of live elements
)

// Expired says whether an element with this expiry is dead at this watermark.
// It is the one definition of death; every engine uses it.
func Expired(expireAt, watermark int64) bool {
	return watermark >= expireAt && expireAt != NoExpiry
}

// OpKind is what an operation does to a record.
type OpKind uint8

const (
	OpPut    OpKind = 1 // replace the record by one element
	OpAppend OpKind = 2 // add an element at its end
	OpDelete OpKind = 3 // remove it
)

func (k OpKind) String() string {
	switch k {
	case OpPut:
		return "put"
	case OpAppend:
		return "append"
	case OpDelete:
		return "delete"
	}
	return fmt.Sprintf("op(%d)", uint8(k))
}

// An Op is one operation of a batch. Value is the element; it is nil and
// ExpireAt is NoExpiry for a delete.
type Op struct {
	Kind       OpKind
	Key, Value []byte
	ExpireAt   int64
}

// A Batch is a sequence of operations that Apply makes atomic. The zero Batch
// is empty and ready for use; Reset empties it and keeps its memory. It copies
// the bytes it is given. It is not safe for concurrent use.
//
// Its encoding (Bytes) is also what engines log. Each operation is
//
//	SIZE     FIELD
//	1        kind: 1 put, 2 append, 3 delete; bit 7 set if an expiry follows
//	8 or 0   expiry, little-endian; absent means NoExpiry
//	uvarint  length of the key
//	uvarint  length of the element; absent for a delete
//	         key
//	         element
//
// so that Put("k", "vw", 5) is 81 05 00 00 00 00 00 00 00 01 02 6b 76 77.
type Batch struct {
	data []byte
	n    int
	err  error
}

const expiryFlag = 0x80

// Put adds an operation that makes the record at key the one element given,
// dead once the watermark reaches expireAt.
func (b *Batch) Put(key, value []byte, expireAt int64) { b.add(OpPut, key, value, expireAt) }

// Append adds an operation that adds an element to the end of key's record.
func (b *Batch) Append(key, element []byte, expireAt int64) { b.add(OpAppend, key, element, expireAt) }

// Delete adds an operation that removes key's record.
func (b *Batch) Delete(key []byte) { b.add(OpDelete, key, nil, NoExpiry) }

// Reset empties the batch and keeps its memory for reuse.
func (b *Batch) Reset() { b.data, b.n, b.err = b.data[:0], 0, nil }

// Len returns the number of operations.
func (b *Batch) Len() int { return b.n }

// Err returns an error that is ErrTooLarge if an operation was over a limit
// when it was added. Apply returns it with nothing applied.
func (b *Batch) Err() error { return b.err }

// Bytes returns the encoding of the operations, owned by the batch.
func (b *Batch) Bytes() []byte { return b.data }

// Ops returns a reader over the operations, which alias the batch.
func (b *Batch) Ops() OpReader { return OpReader{data: b.data} }

func (b *Batch) add(kind OpKind, key, value []byte, expireAt int64) {
	b.n++
	if b.err != nil {
		return
	}
	if len(key) > MaxKeySize {
		b.err = fmt.Errorf("%s of a key of %d bytes, over the limit of %d: %w", kind, len(key), MaxKeySize, ErrTooLarge)
		return
	}
	if len(value) > MaxRecordSize {
		b.err = fmt.Errorf("%s of an element of %d bytes, over the limit of %d: %w", kind, len(value), MaxRecordSize, ErrTooLarge)
		return
	}
	head := byte(kind)
	if expireAt != NoExpiry {
		head |= expiryFlag
	}
	b.data = append(b.data, head)
	if expireAt != NoExpiry {
		b.data = binary.LittleEndian.AppendUint64(b.data, uint64(expireAt))
	}
	b.data = binary.AppendUvarint(b.data, uint64(len(key)))
	if kind != OpDelete {
		b.data = binary.AppendUvarint(b.data, uint64(len(value)))
	}
	b.data = append(b.data, key...)
	b.data = append(b.data, value...)
}

// An OpReader walks encoded operations. It never panics on damaged input:
// Next returns false and Err says why.
type OpReader struct {
	data []byte
	err  error
}

// ReadOps returns a reader over operations encoded by Batch.Bytes. What Next
// returns aliases data.
func ReadOps(data []byte) OpReader { return OpReader{data: data} }

// Next returns the next operation, and false at the end or at damage.
func (r *OpReader) Next() (Op, bool) {
	if len(r.data) == 0 || r.err != nil {
		return Op{}, false
	}
	op := Op{Kind: OpKind(r.data[0] &^ expiryFlag), ExpireAt: NoExpiry}
	hasExpiry := r.data[0]&expiryFlag != 0
	rest := r.data[1:]
	if op.Kind < OpPut || op.Kind > OpDelete || op.Kind == OpDelete && hasExpiry {
		return r.fail("unknown operation kind %#x", r.data[0])
	}
	if hasExpiry {
		if len(rest) < 8 {
			return r.fail("expiry cut short")
		}
		op.ExpireAt = int64(binary.LittleEndian.Uint64(rest))
		rest = rest[8:]
	}
	keyLen, n := binary.Uvarint(rest)
	if n <= 0 || keyLen > MaxKeySize {
		return r.fail("bad key length")
	}
	rest = rest[n:]
	valueLen := uint64(0)
	if op.Kind != OpDelete {
		if valueLen, n = binary.Uvarint(rest); n <= 0 || valueLen > MaxRecordSize {
			return r.fail("bad element length")
		}
		rest = rest[n:]
	}
	if uint64(len(rest)) < keyLen+valueLen {
		return r.fail("operation cut short")
	}
	op.Key = rest[:keyLen:keyLen]
	if op.Kind != OpDelete {
		op.Value = rest[keyLen : keyLen+valueLen : keyLen+valueLen]
	}
	r.data = rest[keyLen+valueLen:]
	return op, true
}

// Err returns what made Next stop before the end, if anything did.
func (r *OpReader) Err() error { return r.err }

func (r *OpReader) fail(format string, args ...any) (Op, bool) {
	r.err = fmt.Errorf("damaged batch: "+format, args...)
	return Op{}, false
}
