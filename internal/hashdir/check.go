package hashdir

import (
	"fmt"
	"iter"
	"math/bits"
)

// All visits all entries, in no order. Nothing may change meanwhile.
func (d *Dir) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for i := range numBuckets(d.state.Load()) {
			for p, ok := (place{at: d.buckets.at(i)}), true; ok; p, ok = d.next(p) {
				if s := p.load(); s != 0 && !yield(entryOf(s)) {
					return
				}
			}
		}
	}
}

// Check verifies H1 to H3 and H5, as far as tags tell; that an entry's hash is
// that of its piece's key is for the caller to see, by looking it up. It needs
// external order with the writer.
func (d *Dir) Check() error {
	n := numBuckets(d.state.Load())
	chained := make(map[uint32]bool)
	count := 0
	for i := range n {
		entries, err := d.checkChain(i, n, chained)
		if err != nil {
			return fmt.Errorf("bucket %d of %d: %w", i, n, err)
		}
		count += entries
	}
	if count != d.Len() || n < minBuckets {
		return fmt.Errorf("H5: %d entries in %d buckets, and %d are counted", count, n, d.Len())
	}
	for i := n; i>>chunkLog < uint32(d.buckets.used); i++ {
		if !d.buckets.isEmpty(i) {
			return fmt.Errorf("H3: bucket %d is not empty, of %d", i, n)
		}
	}
	return d.checkSpill(chained)
}

// checkChain verifies the chain of bucket i, of n, and returns how many entries
// it has. It adds its overflow buckets to those that are known to be in a chain.
func (d *Dir) checkChain(i, n uint32, chained map[uint32]bool) (entries int, err error) {
	for b := d.buckets.at(i); ; {
		inBucket := 0
		for slot := range b {
			s := b[slot].Load()
			if s == 0 || slot == slots-1 && isLink(s) {
				continue
			}
			// Of the hash, the bits that the tag has not were true to i when
			// there were 64 buckets.
			hash := s&tagMask>>(tagShift-knownBits) | uint64(i%minBuckets)
			if isLink(s) || uint32(s) == 0 || bucketOf(hash, n) != i {
				return entries, fmt.Errorf("H1: slot %d is %#x", slot, s)
			}
			inBucket++
		}
		entries += inBucket
		link := b[slots-1].Load()
		if !isLink(link) {
			if entries > 0 && inBucket == 0 {
				return entries, fmt.Errorf("H2: its last overflow bucket is empty")
			}
			return entries, nil
		}
		number := uint32(link)
		if inBucket != slots-1 || chained[number] || int(number/64) >= len(d.spill.taken) || d.spill.taken[number/64]>>(number%64)&1 == 0 {
			return entries, fmt.Errorf("H2, H3: %d entries stand before the link to overflow bucket %d", inBucket, number)
		}
		chained[number] = true
		b = d.spill.at(number)
	}
}

// checkSpill verifies that overflow buckets that are in no chain are free and empty.
func (d *Dir) checkSpill(chained map[uint32]bool) error {
	taken := 0
	for word, x := range d.spill.taken {
		taken += bits.OnesCount64(x)
		if word < d.spill.lowest && x != ^uint64(0) {
			return fmt.Errorf("H3: one of the overflow buckets from %d on is free, and thought to be in use", word*64)
		}
	}
	if taken != len(chained) || int64(taken) != d.spill.inUse.Load() {
		return fmt.Errorf("H3, H5: %d overflow buckets are in chains, %d in use and %d counted", len(chained), taken, d.spill.inUse.Load())
	}
	for number := uint32(0); number>>chunkLog < uint32(d.spill.used); number++ {
		if !chained[number] && !d.spill.isEmpty(number) {
			return fmt.Errorf("H3: overflow bucket %d is free and not empty", number)
		}
	}
	return nil
}
