package mrc

import (
	"encoding/binary"
	"slices"
)

// A Trace is what happened to the sampled blocks. It is good until its Sampler is
// closed.
type Trace struct {
	// LookUps is how many look-ups the curves are of, sampled or not: those since
	// Sampler.Begin.
	LookUps int64

	// Sampled is how many blocks were sampled, and Rate the lowest rate of a kind.
	Sampled int
	Rate    float64

	// Shed says that the trace became too long, so that the oldest part of what
	// came before Begin was forgotten; Cut, that even so it did not hold all, and
	// ends early: LookUps then counts no further.
	Shed, Cut bool

	blocks []block
	events []byte // eventSize bytes each
	begin  int    // index of the first event that counts
}

// A block is one that was sampled. bytes are those of all that it stands for,
// and weight is their number.
type block struct {
	bytes  int64
	weight int64
}

// An event is four bytes, little-endian: the number of the block times four,
// and in the two low bits what happened.
const (
	eventSize = 4
	eventOps  = 2 // bits

	opLookUp = 0
	opMade   = 1
	opGone   = 2
)

func (t *Trace) len() int { return len(t.events) / eventSize }

func (t *Trace) event(i int) (block int32, op uint32) {
	e := binary.LittleEndian.Uint32(t.events[i*eventSize:])
	return int32(e >> eventOps), e & (1<<eventOps - 1)
}

// MissRatio returns the share of look-ups that a cache of this policy and so
// many bytes would have missed, by replaying the trace. There must be look-ups.
func (t *Trace) MissRatio(p Policy, capacity int64) float64 {
	c := newCache(p, capacity, len(t.blocks))
	missed := int64(0)
	for i := range t.len() {
		number, op := t.event(i)
		b := &t.blocks[number]
		if op == opGone {
			c.forget(number)
		} else if !c.lookUp(number, b.bytes) && op == opLookUp && i >= t.begin {
			missed += b.weight
		}
	}
	return t.ratio(missed)
}

// LRU returns the share of look-ups that LRU caches of these sizes, which
// ascend, would have missed: all in one pass, by stack distance. It agrees with
// MissRatio for sizes not below the longest block, and where blocks are of one
// length or none of them goes; elsewhere nearly.
func (t *Trace) LRU(capacities []int64) []float64 {
	hits := make([]int64, len(capacities)+1) // by the least size that would have hit
	all := int64(0)
	r := newRecency(len(t.blocks))
	for i := range t.len() {
		number, op := t.event(i)
		b := &t.blocks[number]
		if op == opGone {
			r.forget(number)
			continue
		}
		distance, found := r.access(number, b.bytes)
		if op != opLookUp || i < t.begin {
			continue
		}
		all += b.weight
		if found {
			at, _ := slices.BinarySearch(capacities, distance)
			hits[at] += b.weight
		}
	}
	ratios := make([]float64, len(capacities))
	for i := range capacities {
		all -= hits[i]
		ratios[i] = t.ratio(all)
	}
	return ratios
}

// ratio returns misses per look-up. A sample may have too many of them by
// chance; a ratio does not exceed one.
func (t *Trace) ratio(missed int64) float64 {
	return min(1, float64(missed)/float64(t.LookUps))
}

// Footprint returns the greatest number of bytes of accessed blocks that were in
// existence at one time: a larger cache is of no use.
func (t *Trace) Footprint() int64 {
	there := make([]bool, len(t.blocks))
	now, most := int64(0), int64(0)
	for i := range t.len() {
		number, op := t.event(i)
		switch is := op != opGone; {
		case is == there[number]:
		case is:
			there[number] = true
			now += t.blocks[number].bytes
			most = max(most, now)
		default:
			there[number] = false
			now -= t.blocks[number].bytes
		}
	}
	return most
}

// Sizes returns n sizes from a share least of the footprint to all of it, each
// greater than the one before by the same factor, as near as whole bytes allow.
func (t *Trace) Sizes(least float64, n int) []int64 {
	return logSpaced(float64(t.Footprint()), least, n)
}
