package trace

import (
	"fmt"

	"github.com/statelab/statelab"
)

// A Kind says which call on a store a record stands for. The values are part of
// the format.
type Kind uint8

const (
	Get     Kind = 1 // Store.Get and what it found
	Put     Kind = 2 // one operation of an Apply
	Append  Kind = 3 // the same
	Delete  Kind = 4 // the same
	Scan    Kind = 5 // an iterator, opened, moved and closed with no call in between
	Open    Kind = 6 // an iterator opened, with other calls before its Close
	Moves   Kind = 7 // moves of such an iterator, and perhaps its Close
	Advance Kind = 8 // Store.Advance
	Sync    Kind = 9 // Store.Sync
	// Measure is no call: it stands where the warm-up of a recorded run ended.
	Measure Kind = 10

	kinds = 11
)

var kindNames = [kinds]string{"", "get", "put", "append", "delete", "scan", "open", "moves", "advance", "sync", "measure"}

func (k Kind) String() string {
	if k > 0 && k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// batched says whether records of the kind are operations of a batch.
func (k Kind) batched() bool { return k >= Put && k <= Delete }

// A Record is one call on a store, or one operation of an Apply. Which fields
// count depends on its kind; the others are zero. Slices of a record that was
// read belong to the Reader until its next call of Next.
type Record struct {
	Kind    Kind
	Time    int64 // event time in microseconds, as far as it was known
	Arrival int64 // microseconds of wall time since recording began

	Key    []byte // Get, Put, Append, Delete
	Size   int    // bytes: of the value that Get found, of the element that Put or Append brought
	Found  bool   // Get: the key has a live record
	Expiry int64  // Put, Append: when the element dies; statelab.NoExpiry for never
	Last   bool   // Put, Append, Delete: the batch ends here. Moves: then the iterator is closed

	Range statelab.Range // Scan, Open
	Slot  int            // Open, Moves: tells iterators apart that are open together
	Legs  []Leg          // Scan, Moves: the moves, in order
	Bytes int64          // Scan, Moves: of the values of the records that the moves led to

	Watermark int64 // Advance
}

// A Move is a method of statelab.Iterator. The values are part of the format.
type Move uint8

const (
	First  Move = 0
	Last   Move = 1
	SeekGE Move = 2
	SeekLT Move = 3
	Next   Move = 4
	Prev   Move = 5

	moves = 6
)

var moveNames = [moves]string{"First", "Last", "SeekGE", "SeekLT", "Next", "Prev"}

func (m Move) String() string {
	if m < moves {
		return moveNames[m]
	}
	return fmt.Sprintf("move(%d)", uint8(m))
}

func (m Move) seeks() bool { return m == SeekGE || m == SeekLT }

// A Leg is the same move again and again: Records times it led to a record, and
// then, if Ended, once to none.
type Leg struct {
	Move    Move
	Ended   bool
	Records int
	Key     []byte // of SeekGE and SeekLT; such a leg is one move
}

// records returns how many records the legs led to.
func records(legs []Leg) int {
	n := 0
	for i := range legs {
		n += legs[i].Records
	}
	return n
}

// Probes says whether a range is a probe: all keys that begin with a prefix of
// its lower bound, or those of them that follow the bound. Joins read the
// records of one join key with such a range.
func Probes(r statelab.Range) bool { return probePrefix(r) > 0 }

// probePrefix returns the length of the prefix of r.Lower whose successor
// r.Upper is; 0 if there is none.
func probePrefix(r statelab.Range) int {
	n := len(r.Upper)
	if n == 0 || n > len(r.Lower) || r.Upper[n-1] == 0 || string(r.Upper[:n-1]) != string(r.Lower[:n-1]) {
		return 0
	}
	if r.Lower[n-1] == 0xff || r.Lower[n-1]+1 != r.Upper[n-1] {
		return 0
	}
	return n
}
