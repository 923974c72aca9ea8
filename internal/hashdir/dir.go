// Package hashdir finds a piece of an arena by the hash of its key: a hash table
// in off-heap memory, for one writer and any number of readers without locks,
// that grows and shrinks by a bucket at a time.
//
//	hash   63       34 33           6 5     0        buckets of 64 bytes, a cache line
//	      +-----------+--------------+-------+       +--------------------------------+
//	      |           |     tag      |       |     0 | e e e e . . . .                |
//	      +-----------+--------------+-------+     1 | e e e e e e e  link -> overflow|
//	                   <--- number of bucket     ... |                                |
//	                                               n-1 | e e . . . . . .              |
//	                                                 +--------------------------------+
//
// A bucket is eight slots of 8 bytes. A slot is an entry, or empty, or, if it is
// the last of its bucket, a link to an overflow bucket:
//
//	BITS    FIELD
//	36..63  tag: bits 6 to 33 of the hash; of a link zero
//	32..35  mark, which is the caller's, 0 to 14; 15 makes it a link
//	0..31   the piece's Ref; of a link the number of the overflow bucket. An empty slot is zero altogether
//
// Example: the slot 0x00000293_0000a001 is an entry with the tag 0x29, of a hash
// that ends in the 34 bits 0x29<<6 + b, where b are the low six bits of the
// bucket's number; its mark is 3 and its piece Ref 0xa001.
//
// # Growth
//
// The table is a linear hash (W. Litwin, "Linear hashing: a new tool for file
// and table addressing", 1980). There are n buckets; with 2^L <= n < 2^(L+1) a
// hash belongs to the bucket that its lowest L+1 bits name, or, if there is none
// yet, its lowest L bits. The n-th bucket is made by splitting bucket n - 2^L,
// when entries are more than 4.5 to a bucket, and merged back into it when they
// are less than 3; an insert splits at most one, a removal merges at most one.
// Six bits of the hash are known from the number of any bucket, since there are
// always 64 at least, and the next 28 from the tag: so entries move without a
// look at their keys. A tag tells the more apart the less of it went into the
// number: 2^13 hashes at ten million entries.
//
// # Readers beside the writer
//
// The number of buckets and a version are one atomic word, the state. A writer
// who moves an entry writes the copy, then a new state, and then clears the
// original. So a reader who has seen no entry of his key, because he came to the
// copy's place too early and to the original's too late, finds the state changed
// and looks again; who sees an entry need not look at the state at all.
//
// What an empty place was used for before does not matter either. A reader who
// is left behind in a bucket that was taken out of its chain sees nothing, or
// entries of other keys, which he has to expect anyway, and then the state
// changed. So buckets are used again at once, and no grace period is needed.
// Memory that is not in use any more goes back to the system, but its addresses
// stay until Release, and read as empty slots.
//
// # Invariants
//
//	H1  An entry is in the chain of the bucket that its hash belongs to, once.
//	H2  All buckets of a chain are full, but for the last, which has an entry if it is an overflow bucket.
//	H3  Each overflow bucket is in one chain or free. Slots of free buckets and of those past the n-th are empty.
//	H4  An entry is in one slot only, but for the time of a move, in which it does not change.
//	H5  What is counted (entries, buckets) is what is there.
//
// Thread safety: Probe, Next, Len and Bytes may be called at any time before
// Release. All else needs external order, as one writer has.
package hashdir

import (
	"math/bits"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab/internal/arena"
)

// MaxMark is the greatest mark of an entry.
const MaxMark = linkMark - 1

const (
	// A split is due at more than 4.5 entries to a bucket: 14 bytes an
	// entry, and one entry in 12 in an overflow bucket. At 4 it is one in 20
	// for 16 bytes, at 5 one in 8 for 13.
	splitLoad = 9 // halves
	// A merge is due at less than 3, so that a table whose size swings by a
	// third does not split and merge all the time.
	mergeLoad = 6 // halves

	minBuckets = 64      // 4 KiB
	maxBuckets = 1 << 31 // that is 128 GiB
	knownBits  = 6       // of a hash that every bucket's number tells
	versionOne = 1 << 32 // of the state
)

// A Dir is a hash table from 64-bit hashes to entries. Several entries may have
// the same hash.
type Dir struct {
	state   atomic.Uint64 // high half: version, low half: number of buckets
	buckets area
	spill   spill

	_     [64]byte // what follows changes with each insert
	count atomic.Int64
}

// An Entry is what is found under a hash: a piece and a mark of up to MaxMark.
// The zero Entry is none.
type Entry struct {
	Ref  arena.Ref
	Mark uint8
}

// Hash is the hash of a key: xxHash64, with a fixed seed, so that two runs put
// the same entries into the same buckets.
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }

// New returns an empty table. The only error is that the system has no memory.
// It must be released.
func New() (*Dir, error) {
	d := new(Dir)
	if err := d.buckets.reach(0); err != nil {
		return nil, err
	}
	d.state.Store(minBuckets)
	return d, nil
}

// Len returns the number of entries.
func (d *Dir) Len() int { return int(d.count.Load()) }

// Bytes returns the memory in use, in bytes. Up to 2 MiB more of each kind of
// bucket are taken from the system, which shows in what is resident where huge
// pages are to be had.
func (d *Dir) Bytes() int64 {
	return (int64(numBuckets(d.state.Load())) + d.spill.inUse.Load()) * bucketSize
}

// Release gives all memory back. Using d afterwards is a fault, but for Len,
// Bytes and Release itself.
func (d *Dir) Release() {
	d.buckets.release()
	d.spill.release()
	d.state.Store(0)
	d.count.Store(0)
}

func numBuckets(state uint64) uint32 { return uint32(state) }

// bucketOf returns the number of the bucket of a hash, among n.
func bucketOf(hash uint64, n uint32) uint32 {
	level := bits.Len32(n) - 1
	number := uint32(hash) & (2<<level - 1)
	if number >= n {
		number &= 1<<level - 1
	}
	return number
}

// Touch reads from the bucket of a hash, and returns what it has read. Who
// touches the buckets of several hashes, and only then looks them up, waits for
// memory once and not for each of them.
func (d *Dir) Touch(hash uint64) uint64 {
	return d.buckets.at(bucketOf(hash, numBuckets(d.state.Load())))[0].Load()
}

// A Probe is a look-up under way. It visits the entries that may have a hash:
// those with its tag in its bucket.
type Probe struct {
	d     *Dir
	hash  uint64
	state uint64 // as of when the look-up began, or began again
	at    *bucket
	slot  int
}

// Probe begins a look-up.
func (d *Dir) Probe(hash uint64) Probe {
	p := Probe{d: d, hash: hash}
	p.begin()
	return p
}

func (p *Probe) begin() {
	p.state = p.d.state.Load()
	p.at = p.d.buckets.at(bucketOf(p.hash, numBuckets(p.state)))
	p.slot = 0
}

// Next returns the next entry that may have the hash, which the caller finds out
// from the key of its piece, or the zero Entry if there is none. An entry that
// was there when the look-up began and still is will be visited, at least once.
func (p *Probe) Next() Entry {
	want := tagOf(p.hash)
	for {
		for ; p.slot < slots; p.slot++ {
			s := p.at[p.slot].Load()
			if (s^want)&tagMask == 0 && uint32(s) != 0 && !isLink(s) {
				p.slot++
				return entryOf(s)
			}
		}
		if link := p.at[slots-1].Load(); isLink(link) {
			p.at, p.slot = p.d.spill.at(uint32(link)), 0
		} else if p.state == p.d.state.Load() {
			return Entry{}
		} else {
			p.begin()
		}
	}
}
