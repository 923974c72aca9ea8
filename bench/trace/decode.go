package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/statelab/statelab"
)

// errShort is what decoding ends with where a record runs over its block's end.
var errShort = errors.New("the record runs over the end of its block")

// A span is a key in a decoder's dictionary.
type span struct{ from, to int }

// A decoder reads the records of one block. It never panics on damaged bytes,
// and needs no more memory than the bounds of a block.
type decoder struct {
	data    []byte // what is left of the block
	size    int    // of the whole block
	left    int    // records
	time    int64
	arrival int64
	arena   []byte // the distinct keys
	places  []span
	upper   []byte // an upper bound that is no key of the dictionary
	err     error
}

func (d *decoder) reset(data []byte, count int) {
	*d = decoder{data: data, size: len(data), left: count, arena: d.arena[:0], places: d.places[:0], upper: d.upper}
}

// offset returns how far into the block the decoder is.
func (d *decoder) offset() int { return d.size - len(d.data) }

// next decodes a record. It returns false at the block's end, and at damage,
// which err tells.
func (d *decoder) next(r *Record) bool {
	if d.err != nil {
		return false
	}
	if d.left == 0 {
		if len(d.data) > 0 {
			d.fail(fmt.Errorf("%d bytes follow the last record of the block", len(d.data)))
		}
		return false
	}
	d.left--
	*r = Record{Legs: r.Legs[:0]}
	head := d.byte()
	r.Kind = Kind(head & kindMask)
	if head&flagTime != 0 {
		d.time += d.varint()
	}
	if head&flagArrival != 0 {
		d.arrival += d.natural(math.MaxInt64 - d.arrival)
	}
	r.Time, r.Arrival = d.time, d.arrival
	d.body(r, head)
	if d.err == nil {
		d.fail(r.check())
	}
	if d.err == nil && head&^r.Kind.flags() != 0 {
		d.fail(fmt.Errorf("flags %#x do not suit a %s", head&^kindMask, r.Kind))
	}
	return d.err == nil
}

// flags returns the bits that the head of a kind may have.
func (k Kind) flags() byte {
	bits := byte(kindMask | flagTime | flagArrival)
	switch k {
	case Put, Append:
		bits |= flagA | flagB
	case Get, Delete, Moves:
		bits |= flagA
	}
	return bits
}

func (d *decoder) body(r *Record, head byte) {
	switch r.Kind {
	case Get:
		r.Key = d.key()
		if r.Found = head&flagA != 0; r.Found {
			r.Size = int(d.natural(statelab.MaxRecordSize))
		}
	case Put, Append:
		r.Key, r.Last = d.key(), head&flagA != 0
		r.Size = int(d.natural(statelab.MaxRecordSize))
		r.Expiry = statelab.NoExpiry
		if head&flagB != 0 {
			r.Expiry = r.Time + d.varint()
		}
	case Delete:
		r.Key, r.Last = d.key(), head&flagA != 0
	case Scan:
		d.bounds(r)
		d.legs(r)
	case Open:
		r.Slot = int(d.natural(maxSlots - 1))
		d.bounds(r)
	case Moves:
		r.Last = head&flagA != 0
		r.Slot = int(d.natural(maxSlots - 1))
		d.legs(r)
	case Advance:
		r.Watermark = r.Time + d.varint()
	}
}

func (d *decoder) bounds(r *Record) {
	shape := d.byte()
	if shape >= shapes || shape&shapePrefix != 0 && shape != shapePrefix|shapeLower {
		d.fail(fmt.Errorf("unknown shape %#x of a range", shape))
		return
	}
	if shape&shapeLower != 0 {
		r.Range.Lower = d.key()
	}
	if shape&shapeUpper != 0 {
		r.Range.Upper = d.key()
	}
	if shape&shapePrefix == 0 {
		return
	}
	n := int(d.natural(int64(len(r.Range.Lower))))
	if d.err != nil {
		return
	}
	d.upper = append(d.upper[:0], r.Range.Lower[:n]...)
	if n == 0 || d.upper[n-1] == 0xff {
		d.fail(errors.New("the prefix of a range has no successor of its length"))
		return
	}
	d.upper[n-1]++
	r.Range.Upper = d.upper
}

func (d *decoder) legs(r *Record) {
	n := d.natural(maxLegs)
	for range n {
		head := d.uvarint()
		leg := Leg{Move: Move(head & legMove), Ended: head&legEnded != 0, Records: int(head >> legShift)}
		if leg.Move.seeks() {
			leg.Key = d.key()
		}
		if d.err != nil {
			return
		}
		r.Legs = append(r.Legs, leg)
	}
	r.Bytes = d.natural(maxMoveBytes)
}

// key decodes a key. Its bytes stay as they are until reset.
func (d *decoder) key() []byte {
	back := d.uvarint()
	if back > 0 {
		if back > uint64(len(d.places)) {
			d.fail(fmt.Errorf("a key is %d distinct keys back, and there are %d", back, len(d.places)))
			return nil
		}
		s := d.places[len(d.places)-int(back)]
		return d.arena[s.from:s.to:s.to]
	}
	last := span{}
	if n := len(d.places); n > 0 {
		last = d.places[n-1]
	}
	shared := int(d.natural(int64(last.to - last.from)))
	fresh := int(d.natural(statelab.MaxKeySize))
	switch {
	case d.err != nil:
		return nil
	case fresh > len(d.data):
		d.fail(errShort)
		return nil
	case len(d.arena)+shared+fresh > maxKeys:
		d.fail(fmt.Errorf("the keys of a block take over %d bytes", maxKeys))
		return nil
	}
	from := len(d.arena)
	d.arena = append(d.arena, d.arena[last.from:last.from+shared]...)
	d.arena = append(d.arena, d.data[:fresh]...)
	d.data = d.data[fresh:]
	d.places = append(d.places, span{from, len(d.arena)})
	return d.arena[from:len(d.arena):len(d.arena)]
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) byte() byte {
	if len(d.data) == 0 {
		d.fail(errShort)
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.data)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.data = d.data[n:]
	return v
}

// natural decodes a number that is at most most.
func (d *decoder) natural(most int64) int64 {
	v := d.uvarint()
	if v > uint64(most) {
		d.fail(fmt.Errorf("%d is more than %d", v, most))
		return 0
	}
	return int64(v)
}
