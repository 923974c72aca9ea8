package bench

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// A digest is the checksum of a workload's output: of its records, their
// fields and their order. The driver feeds it what the backend made come out,
// the oracle what should have.
type digest struct {
	hash    xxhash.Digest
	scratch [8]byte
}

func newDigest() *digest {
	d := new(digest)
	d.hash.Reset()
	return d
}

// bytes adds a field, set apart from its neighbours by its length.
func (d *digest) bytes(b []byte) {
	d.number(int64(len(b)))
	d.hash.Write(b)
}

func (d *digest) number(n int64) {
	binary.LittleEndian.PutUint64(d.scratch[:], uint64(n))
	d.hash.Write(d.scratch[:])
}

// checksumBits is how many bits of the checksum are kept: as many as every
// reader of JSON numbers keeps too.
const checksumBits = 53

func cutChecksum(sum uint64) uint64 { return sum >> (64 - checksumBits) }

func (d *digest) sum() uint64 { return cutChecksum(d.hash.Sum64()) }

// combine returns the checksum of an output that consists of several.
func combine(parts ...*digest) uint64 {
	all := newDigest()
	for _, p := range parts {
		all.number(int64(p.hash.Sum64()))
	}
	return all.sum()
}
