package hashdir

import (
	"sync/atomic"

	"github.com/statelab/statelab/internal/arena"
)

const (
	slots      = 8
	bucketSize = 8 * slots

	markShift = 32
	linkMark  = 15
	tagShift  = 36
	tagMask   = 1<<64 - 1<<tagShift
)

// A bucket is a cache line of slots. The zero bucket is empty.
type bucket [slots]atomic.Uint64

// tagOf returns the tag of a hash, where it is in a slot.
func tagOf(hash uint64) uint64 { return hash << (tagShift - knownBits) & tagMask }

// hashBit says whether bit i of an entry's hash is set, for i >= knownBits.
func hashBit(slot uint64, i int) bool { return slot>>(tagShift-knownBits+i)&1 != 0 }

func isLink(slot uint64) bool { return slot>>markShift&15 == linkMark }

func linkTo(number uint32) uint64 { return linkMark<<markShift | uint64(number) }

func entryOf(slot uint64) Entry {
	return Entry{Ref: arena.Ref(slot), Mark: uint8(slot >> markShift & 15)}
}

func slotOf(hash uint64, e Entry) uint64 {
	return tagOf(hash) | uint64(e.Mark)<<markShift | uint64(e.Ref)
}

// A place is a slot of a chain.
type place struct {
	at   *bucket
	slot int
}

func (p place) load() uint64   { return p.at[p.slot].Load() }
func (p place) store(s uint64) { p.at[p.slot].Store(s) }

// next returns the place after p that is no link, or false at the chain's end.
func (d *Dir) next(p place) (place, bool) {
	if p.slot++; p.slot < slots-1 {
		return p, true
	}
	last := p.at[slots-1].Load()
	if p.slot == slots-1 && !isLink(last) {
		return p, true
	}
	if isLink(last) {
		return place{at: d.spill.at(uint32(last))}, true
	}
	return p, false
}

// find returns the place of the entry for ref in the chain of its hash.
func (d *Dir) find(hash uint64, ref arena.Ref) (place, bool) {
	first := d.buckets.at(bucketOf(hash, numBuckets(d.state.Load())))
	for p, ok := (place{at: first}), true; ok; p, ok = d.next(p) {
		if s := p.load(); arena.Ref(s) == ref && s&tagMask == tagOf(hash) {
			return p, true
		}
	}
	return place{}, false
}

// add puts s into the first empty slot of a chain. If there is none it moves
// the last entry into an overflow bucket, with s, and in its place puts the
// link to there, at once: no reader misses it.
func (d *Dir) add(first *bucket, s uint64) error {
	for p, ok := (place{at: first}), true; ok; p, ok = d.next(p) {
		if p.load() == 0 {
			p.store(s)
			return nil
		}
		first = p.at
	}
	number, err := d.spill.take()
	if err != nil {
		return err
	}
	b := d.spill.at(number)
	b[0].Store(first[slots-1].Load())
	b[1].Store(s)
	first[slots-1].Store(linkTo(number))
	return nil
}

// moved tells readers who are under way that an entry is elsewhere now, or that
// a bucket has left its chain.
func (d *Dir) moved() { d.state.Add(versionOne) }

// compact restores H2 in a chain some of whose slots were cleared: it fills them
// with entries from the chain's end, and frees overflow buckets that have none
// left.
func (d *Dir) compact(first *bucket) {
	d.trim(first)
	for p, ok := (place{at: first}), true; ok && isLink(p.at[slots-1].Load()); p, ok = d.next(p) {
		if p.load() == 0 {
			from := d.last(p)
			p.store(from.load())
			d.moved()
			from.store(0)
			d.trim(first)
		}
	}
}

// last returns the place of the last entry of the chain that p is in. It is
// after p, if the last bucket is and has one.
func (d *Dir) last(p place) (last place) {
	for ok := true; ok; p, ok = d.next(p) {
		if p.load() != 0 {
			last = p
		}
	}
	return last
}

// trim frees the overflow buckets at the end of a chain that are empty.
func (d *Dir) trim(first *bucket) {
	for {
		prev, at, number := (*bucket)(nil), first, uint32(0)
		for link := at[slots-1].Load(); isLink(link); link = at[slots-1].Load() {
			number = uint32(link)
			prev, at = at, d.spill.at(number)
		}
		if prev == nil || !at.empty() {
			return
		}
		prev[slots-1].Store(0)
		d.moved()
		d.spill.give(number)
	}
}

func (b *bucket) empty() bool {
	for i := range b {
		if b[i].Load() != 0 {
			return false
		}
	}
	return true
}
