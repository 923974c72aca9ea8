package trace

import (
	"encoding/binary"
	"fmt"

	"github.com/statelab/statelab"
)

// The bits of a record's head beside its kind.
const (
	kindMask    = 0x0f
	flagA       = 0x10 // Get: found. Put, Append, Delete, Moves: last
	flagB       = 0x20 // Put, Append: the element expires
	flagTime    = 0x40 // a change of event time follows
	flagArrival = 0x80 // a change of arrival follows
)

// The bits of a range's shape.
const (
	shapeLower  = 1 // a lower bound follows
	shapeUpper  = 2 // an upper bound follows
	shapePrefix = 4 // the upper bound is the successor of a prefix of the lower, whose length follows
	shapes      = 8
)

// The bits of a leg's head. What is above them is the number of records.
const (
	legMove  = 0x07
	legEnded = 0x08
	legShift = 4
)

// Bounds of what a block and its dictionary hold. A reader refuses more, so
// that its memory is bounded whatever it is given.
const (
	blockTarget = 256 << 10 // bytes of records after which a block is closed
	keysTarget  = 4 << 20   // bytes of distinct keys after which it is
	maxBlock    = 1 << 20   // bytes of records in a block
	maxKeys     = 8 << 20   // bytes of distinct keys
	maxSlots    = 1 << 16   // iterators open together
	maxLegs     = 16        // legs of one record, so that a record fits a block whatever its keys
)

// An encoder makes the records of one block. Times, arrivals and keys refer to
// earlier ones of the same block only, so that each block can be read alone.
type encoder struct {
	buf     []byte
	count   int
	time    int64
	arrival int64
	places  map[string]int // of distinct keys, in order of appearance from 0
	last    []byte         // the latest of them
	keys    int            // bytes of them
}

func (e *encoder) reset() {
	if e.places == nil {
		e.places = map[string]int{}
	}
	clear(e.places)
	e.buf, e.last = e.buf[:0], e.last[:0]
	e.count, e.time, e.arrival, e.keys = 0, 0, 0, 0
}

// full says whether the block should be closed.
func (e *encoder) full() bool { return len(e.buf) >= blockTarget || e.keys >= keysTarget }

// add encodes a record that check has passed.
func (e *encoder) add(r *Record) {
	e.addHead(r)
	switch r.Kind {
	case Get:
		e.addKey(r.Key)
		if r.Found {
			e.uvarint(uint64(r.Size))
		}
	case Put, Append:
		e.addKey(r.Key)
		e.uvarint(uint64(r.Size))
		if r.Expiry != statelab.NoExpiry {
			e.varint(r.Expiry - r.Time)
		}
	case Delete:
		e.addKey(r.Key)
	case Scan:
		e.addRange(r.Range)
		e.addLegs(r)
	case Open:
		e.uvarint(uint64(r.Slot))
		e.addRange(r.Range)
	case Moves:
		e.uvarint(uint64(r.Slot))
		e.addLegs(r)
	case Advance:
		e.varint(r.Watermark - r.Time)
	}
	e.count++
}

func (e *encoder) addHead(r *Record) {
	head := byte(r.Kind)
	if r.Kind == Get && r.Found || (r.Kind.batched() || r.Kind == Moves) && r.Last {
		head |= flagA
	}
	if (r.Kind == Put || r.Kind == Append) && r.Expiry != statelab.NoExpiry {
		head |= flagB
	}
	arrival := max(r.Arrival, e.arrival) // concurrent callers may be overtaken
	if r.Time != e.time {
		head |= flagTime
	}
	if arrival != e.arrival {
		head |= flagArrival
	}
	e.buf = append(e.buf, head)
	if head&flagTime != 0 {
		e.varint(r.Time - e.time)
	}
	if head&flagArrival != 0 {
		e.uvarint(uint64(arrival - e.arrival))
	}
	e.time, e.arrival = r.Time, arrival
}

// addKey writes a key: how many distinct keys back it is, or 0 and what it does
// not share with the latest of them.
func (e *encoder) addKey(key []byte) {
	if place, ok := e.places[string(key)]; ok {
		e.uvarint(uint64(len(e.places) - place))
		return
	}
	shared := 0
	for shared < len(key) && shared < len(e.last) && key[shared] == e.last[shared] {
		shared++
	}
	e.uvarint(0)
	e.uvarint(uint64(shared))
	e.uvarint(uint64(len(key) - shared))
	e.buf = append(e.buf, key[shared:]...)
	e.places[string(key)] = len(e.places)
	e.last = append(e.last[:0], key...)
	e.keys += len(key)
}

func (e *encoder) addRange(r statelab.Range) {
	prefix := probePrefix(r)
	var shape byte
	if len(r.Lower) > 0 {
		shape |= shapeLower
	}
	if prefix > 0 {
		shape |= shapePrefix
	} else if r.Upper != nil {
		shape |= shapeUpper
	}
	e.buf = append(e.buf, shape)
	if shape&shapeLower != 0 {
		e.addKey(r.Lower)
	}
	if shape&shapeUpper != 0 {
		e.addKey(r.Upper)
	}
	if shape&shapePrefix != 0 {
		e.uvarint(uint64(prefix))
	}
}

func (e *encoder) addLegs(r *Record) {
	e.uvarint(uint64(len(r.Legs)))
	for i := range r.Legs {
		leg := &r.Legs[i]
		head := uint64(leg.Records)<<legShift | uint64(leg.Move)
		if leg.Ended {
			head |= legEnded
		}
		e.uvarint(head)
		if leg.Move.seeks() {
			e.addKey(leg.Key)
		}
	}
	e.uvarint(uint64(r.Bytes))
}

func (e *encoder) uvarint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoder) varint(v int64)   { e.buf = binary.AppendVarint(e.buf, v) }

// check says what is wrong with a record. Records that were read have passed it
// too.
func (r *Record) check() error {
	switch {
	case r.Kind == 0 || r.Kind >= kinds:
		return fmt.Errorf("unknown kind %d", uint8(r.Kind))
	case len(r.Key) > statelab.MaxKeySize:
		return fmt.Errorf("%s of a key of %d bytes, over %d", r.Kind, len(r.Key), statelab.MaxKeySize)
	case r.Size < 0 || r.Size > statelab.MaxRecordSize:
		return fmt.Errorf("%s of %d bytes, not within 0 and %d", r.Kind, r.Size, statelab.MaxRecordSize)
	case r.Slot < 0 || r.Slot >= maxSlots:
		return fmt.Errorf("%s of slot %d, not within 0 and %d", r.Kind, r.Slot, maxSlots-1)
	case len(r.Range.Lower) > statelab.MaxKeySize || len(r.Range.Upper) > statelab.MaxKeySize:
		return fmt.Errorf("%s of a range with a bound over %d bytes", r.Kind, statelab.MaxKeySize)
	case r.Bytes < 0 || r.Bytes > maxMoveBytes:
		return fmt.Errorf("%s of %d bytes", r.Kind, r.Bytes)
	case len(r.Legs) > maxLegs:
		return fmt.Errorf("%s of %d legs, over %d", r.Kind, len(r.Legs), maxLegs)
	}
	for i := range r.Legs {
		if err := r.Legs[i].check(); err != nil {
			return fmt.Errorf("%s: leg %d: %w", r.Kind, i, err)
		}
	}
	return nil
}

// Bounds of what the moves of a record may claim to have led to, so that sums
// over any trace that fits a disk stay within an int64.
const (
	maxLegRecords = 1 << 40
	maxMoveBytes  = 1 << 45
)

func (l *Leg) check() error {
	switch {
	case l.Move >= moves:
		return fmt.Errorf("unknown move %d", uint8(l.Move))
	case l.Records < 0 || l.Records > maxLegRecords:
		return fmt.Errorf("%d records", l.Records)
	case l.Records == 0 && !l.Ended:
		return fmt.Errorf("%s that led nowhere and did not end", l.Move)
	case l.Move < Next && l.Records > 0 && (l.Ended || l.Records > 1):
		return fmt.Errorf("%s to %d records", l.Move, l.Records)
	case len(l.Key) > statelab.MaxKeySize:
		return fmt.Errorf("%s to a key of %d bytes", l.Move, len(l.Key))
	}
	return nil
}
