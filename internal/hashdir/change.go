package hashdir

import (
	"math/bits"

	"github.com/statelab/statelab/internal/arena"
)

// Insert adds an entry, whose Ref is not zero, under a hash. The only error is
// that the system has no memory; nothing is added then.
func (d *Dir) Insert(hash uint64, e Entry) error {
	n := numBuckets(d.state.Load())
	if err := d.add(d.buckets.at(bucketOf(hash, n)), slotOf(hash, e)); err != nil {
		return err
	}
	count := d.count.Load() + 1
	d.count.Store(count)
	if 2*count > splitLoad*int64(n) && n < maxBuckets {
		d.split(n)
	}
	return nil
}

// Update puts e in place of the entry for ref under a hash, and says whether
// there was one.
func (d *Dir) Update(hash uint64, ref arena.Ref, e Entry) bool {
	p, ok := d.find(hash, ref)
	if ok {
		p.store(slotOf(hash, e))
	}
	return ok
}

// Remove takes the entry for ref under a hash out, and says whether there was
// one. It needs no memory.
func (d *Dir) Remove(hash uint64, ref arena.Ref) bool {
	p, ok := d.find(hash, ref)
	if !ok {
		return false
	}
	p.store(0)
	n := numBuckets(d.state.Load())
	d.compact(d.buckets.at(bucketOf(hash, n)))
	count := d.count.Load() - 1
	d.count.Store(count)
	if 2*count < mergeLoad*int64(n) && n > minBuckets {
		d.merge(n - 1)
	}
	return true
}

// partner returns the bucket that bucket n, when it is the last, was split from
// and is merged into, and the bit of the hash that tells their entries apart.
func partner(n uint32) (from uint32, bit int) {
	bit = bits.Len32(n) - 1
	return n &^ (1 << bit), bit
}

// split makes bucket n. If there is no memory for it there will be more
// entries to a bucket, and the next insert tries again.
func (d *Dir) split(n uint32) {
	if d.buckets.reach(n) != nil {
		return
	}
	number, bit := partner(n)
	from, to := d.buckets.at(number), d.buckets.at(n)
	moves := 0
	for p, ok := (place{at: from}), true; ok; p, ok = d.next(p) {
		if s := p.load(); s != 0 && hashBit(s, bit) {
			if d.add(to, s) != nil {
				d.clear(to)
				return
			}
			moves++
		}
	}
	d.state.Add(versionOne + 1)
	if moves == 0 {
		return
	}
	for p, ok := (place{at: from}), true; ok; p, ok = d.next(p) {
		if s := p.load(); s != 0 && hashBit(s, bit) {
			p.store(0)
		}
	}
	d.compact(from)
}

// merge takes bucket n away, the last, unless there is no memory for the
// overflow bucket that its entries need.
func (d *Dir) merge(n uint32) {
	number, _ := partner(n)
	from, to := d.buckets.at(n), d.buckets.at(number)
	for p, ok := (place{at: from}), true; ok; p, ok = d.next(p) {
		if s := p.load(); s != 0 && d.add(to, s) != nil {
			d.unmerge(to, n)
			return
		}
	}
	d.state.Add(versionOne - 1)
	d.clear(from)
	d.buckets.trim(n)
}

// unmerge takes the copies of entries of bucket n out of another again.
func (d *Dir) unmerge(from *bucket, n uint32) {
	_, bit := partner(n)
	for p, ok := (place{at: from}), true; ok; p, ok = d.next(p) {
		if s := p.load(); s != 0 && hashBit(s, bit) {
			p.store(0)
		}
	}
	d.compact(from)
}

// clear empties a chain that no hash belongs to, and frees its overflow buckets.
func (d *Dir) clear(first *bucket) {
	for p, ok := (place{at: first}), true; ok; p, ok = d.next(p) {
		p.store(0)
	}
	d.trim(first)
}
