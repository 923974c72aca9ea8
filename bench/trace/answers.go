package trace

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// Answers digests what a store answered, as far as a trace keeps it: for each
// Get whether it found something and how many bytes, for each leg of an iterator
// how many records it led to and whether it ended, and their bytes. It tells
// two recordings of the same calls apart if any answer differs. The zero value
// is ready for use.
type Answers struct {
	hash  xxhash.Digest
	begun bool
	buf   [9]byte
}

// Add adds a record's answers; records of calls that answer nothing add nothing.
func (a *Answers) Add(r *Record) {
	switch r.Kind {
	case Get:
		a.number(byte(r.Kind), uint64(r.Size)<<1|bit(r.Found))
	case Scan, Moves:
		for i := range r.Legs {
			a.number(byte(r.Kind), uint64(r.Legs[i].Records)<<1|bit(r.Legs[i].Ended))
		}
		a.number(0, uint64(r.Bytes))
	}
}

func (a *Answers) number(kind byte, v uint64) {
	if !a.begun {
		a.hash.Reset()
		a.begun = true
	}
	a.buf[0] = kind
	binary.LittleEndian.PutUint64(a.buf[1:], v)
	a.hash.Write(a.buf[:])
}

// Sum returns the digest; 0 if nothing was answered.
func (a *Answers) Sum() uint64 {
	if !a.begun {
		return 0
	}
	return a.hash.Sum64()
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
