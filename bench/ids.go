package bench

import "github.com/statelab/statelab/internal/draw"

// idSize is the length of the identifiers that workloads use as join keys.
const idSize = 16

// An id is a join key: 16 bytes without order, as a UUID has none.
type id [idSize]byte

// idOf returns the identifier with a number, so that neither generator nor
// oracle has to remember identifiers. Distinct numbers have distinct ids.
func idOf(space, number uint64) (k id) {
	a := draw.Mix(number ^ draw.Mix(space))
	b := draw.Mix(a)
	for i := range 8 {
		k[i], k[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	return k
}
