package statelab

// A Store holds keyed state that expires by event time. The package comment
// numbers what it promises; methods cite those clauses.
type Store interface {
	// Get appends the value of key's record to dst and returns the extended
	// slice. If no element of it is live it returns dst and ErrNotFound. (K1, K2)
	Get(dst, key []byte) ([]byte, error)

	// Apply makes the operations of b take effect, in order and all at once.
	// When it returns nil they are visible, and as durable as Options.Durability
	// says. When it returns an error they may be there whole or not at all,
	// unless the error is ErrTooLarge, ErrBudget or ErrClosed: then they are not. (K4-K12)
	Apply(b *Batch) error

	// Iter returns an iterator over the records of r as they are now, which
	// must be closed. (I1-I8)
	Iter(r Range) (Iterator, error)

	// Advance tells the store that event time has reached watermark, in
	// whatever unit the expiries are given. Less than now is a no-op. Its cost
	// is bounded by the engine's stated worst case, not by the store's size. (T1, T2, K8)
	Advance(watermark int64) error

	// Sync returns once everything applied and advanced before the call is durable.
	Sync() error

	// Checkpoint writes a copy of the store as it is now to dir, on the
	// store's file system, durable when it returns. dir must not exist. (D6, D7)
	Checkpoint(dir string) error

	// Stats returns counters since opening and gauges of now.
	Stats() Stats

	// Close waits for calls in flight, then releases everything. Iterators
	// still open fail with ErrClosed from then on. Under DurabilityCheckpoint
	// what was not synced is given up, as after a crash (D5): call Sync first to
	// keep it. A second Close returns ErrClosed.
	Close() error
}

// An Iterator stands on a record of a snapshot, or on none. All its moves say
// whether it stands on a record afterwards; when one returns false, Err tells
// an end from a failure. (I1-I8)
type Iterator interface {
	First() bool            // the first record of the range
	Last() bool             // the last one
	SeekGE(key []byte) bool // the first record with a key >= key
	SeekLT(key []byte) bool // the last record with a key < key
	Next() bool
	Prev() bool

	// Key and Value return the record's bytes, owned by the iterator and valid
	// until its next move or Close.
	Key() []byte
	Value() []byte

	// Err returns the failure that made a move return false, if it was one.
	Err() error

	// Close releases the iterator. It returns Err's error, and may be repeated.
	Close() error
}

// A Range is the keys k with Lower <= k < Upper. A nil bound is open; an empty
// Upper that is not nil holds nothing.
type Range struct{ Lower, Upper []byte }

// PrefixRange returns the range of all keys that begin with prefix. The range
// keeps prefix; it must not be modified while the range is in use.
func PrefixRange(prefix []byte) Range {
	return Range{Lower: prefix, Upper: AppendSuccessor(nil, prefix)}
}

// AppendSuccessor appends to dst the least key greater than all keys that begin
// with prefix. If there is none (prefix is empty or all 0xff) it returns nil,
// which as an Upper is open.
func AppendSuccessor(dst, prefix []byte) []byte {
	n := len(prefix)
	for n > 0 && prefix[n-1] == 0xff {
		n--
	}
	if n == 0 {
		return nil
	}
	dst = append(dst, prefix[:n]...)
	dst[len(dst)-1]++
	return dst
}

// Contains says whether key lies in the range.
func (r Range) Contains(key []byte) bool {
	return (r.Lower == nil || string(key) >= string(r.Lower)) &&
		(r.Upper == nil || string(key) < string(r.Upper))
}

// Empty says whether the range can hold no key.
func (r Range) Empty() bool {
	return r.Upper != nil && string(r.Lower) >= string(r.Upper)
}
