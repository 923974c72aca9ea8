package lsm

import (
	"encoding/binary"
	"slices"

	"github.com/statelab/statelab"
)

// octiles tell when a table dies: the i-th is the least expiry by which at
// least (i+1)/8 of the bytes of its elements are dead, as a sample says. The
// last eighth ends with the greatest expiry, which tableMeta holds exactly.
// Without elements they are all NoExpiry.
type octiles [7]int64

// deadShare returns how many eighths of the bytes are dead at watermark, which
// is less than one eighth too few, but for what the sample is off.
func (o *octiles) deadShare(watermark int64) int64 {
	n := int64(0)
	for _, at := range o {
		if statelab.Expired(at, watermark) {
			n++
		}
	}
	return n
}

// appendExpiries appends the bounds of the expiries and their octiles.
func appendExpiries(dst []byte, least, greatest int64, o *octiles) []byte {
	dst = appendFixed64(dst, uint64(least))
	dst = appendFixed64(dst, uint64(greatest))
	before := least
	for _, at := range o {
		dst = binary.AppendUvarint(dst, uint64(at)-uint64(before))
		before = at
	}
	return dst
}

func (d *decoder) expiries() (least, greatest int64, o octiles) {
	least, greatest = int64(d.fixed64()), int64(d.fixed64())
	before := least
	for i := range o {
		before = int64(uint64(before) + d.uvarint())
		o[i] = before
	}
	return least, greatest, o
}

// maxExpirySamples is how many expiries a sample keeps. The share of bytes that
// it tells is off by one in a thousand at most.
const maxExpirySamples = 2048

// expirySample samples the expiries of the elements of a table in the order they
// are written: that of the element at each step-th byte. When it has too many
// it drops every second and doubles the step. So it depends on the elements
// alone, and Check can compute it again.
type expirySample struct {
	at    int64 // bytes so far
	next  int64 // where the next sample is taken
	step  int64
	taken []int64
}

func (s *expirySample) reset() { *s = expirySample{step: 1, taken: s.taken[:0]} }

// add takes an element into account. One without bytes counts as one byte.
func (s *expirySample) add(e element) {
	s.at += max(1, int64(len(e.data)))
	for s.next < s.at {
		if len(s.taken) == maxExpirySamples {
			s.thin()
			continue
		}
		s.taken = append(s.taken, e.expireAt)
		s.next += s.step
	}
}

// thin keeps every second sample.
func (s *expirySample) thin() {
	n := len(s.taken) / 2
	for i := range n {
		s.taken[i] = s.taken[2*i]
	}
	s.taken = s.taken[:n]
	s.step *= 2
	s.next = int64(n) * s.step
}

// octiles sums the sample up, and reorders it.
func (s *expirySample) octiles() octiles {
	slices.Sort(s.taken)
	var o octiles
	for i := range o {
		o[i] = statelab.NoExpiry
		if n := len(s.taken); n > 0 {
			o[i] = s.taken[((i+1)*n+7)/8-1]
		}
	}
	return o
}

// deadBytes estimates how much of the table is dead at watermark, in bytes of
// the file. A table without elements has tombstones in it and nothing dead.
func (t *table) deadBytes(watermark int64) int64 {
	switch {
	case t.elements == 0:
		return 0
	case t.dead(watermark):
		return t.size
	}
	return t.size / 8 * t.octiles.deadShare(watermark)
}

// deadBytes sums up what is dead in the tables of a run.
func (r *run) deadBytes(watermark int64) int64 {
	total := int64(0)
	for _, t := range r.tables {
		total += t.deadBytes(watermark)
	}
	return total
}
