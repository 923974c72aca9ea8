package bench

import (
	"encoding/binary"

	"github.com/statelab/statelab/internal/draw"
)

// A payload makes values of any size that compress about two to one, from a
// number alone: oracle and driver make the same ones without passing them
// around.
//
// Values are cut from a pool in which every 16 random bytes are followed by
// their copy. So a dictionary coder (s2) and an entropy coder (zstd) both find
// one half, and neither finds more: the pool is large enough that two values of
// one block seldom share a piece of it. Each value begins with its number, so
// that no two are equal and a store that hands out the wrong one is found out.
type payload struct{ pool []byte }

const (
	poolSize   = 4 << 20
	poolPiece  = 16
	stampSize  = 8
	poolStream = 0x706f6f6c // the number of the pool's random stream
)

func newPayload(seed uint64) *payload {
	r := draw.New(seed, poolStream)
	pool := make([]byte, poolSize)
	for at := 0; at < len(pool); at += 2 * poolPiece {
		for i := 0; i < poolPiece; i += 8 {
			binary.LittleEndian.PutUint64(pool[at+i:], r.Next())
		}
		copy(pool[at+poolPiece:], pool[at:at+poolPiece])
	}
	return &payload{pool: pool}
}

// fill writes the value with this number over the whole of dst, which must not
// be longer than the pool.
func (p *payload) fill(dst []byte, number uint64) {
	var stamp [stampSize]byte
	binary.BigEndian.PutUint64(stamp[:], number)
	rest := dst[copy(dst, stamp[:]):]
	pairs := uint64(len(p.pool)-len(rest)) / (2 * poolPiece)
	at := draw.Mix(number) % (pairs + 1) * (2 * poolPiece) // whole pairs, or a short value would lose its copies
	copy(rest, p.pool[at:])
}

// stampOf returns the number of a value that fill has made; 0 of one that is too short.
func stampOf(value []byte) uint64 {
	if len(value) < stampSize {
		return 0
	}
	return binary.BigEndian.Uint64(value)
}
