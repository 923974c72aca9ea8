package bench

import (
	"bytes"
	"slices"
)

// absent marks a record that is not there.
const absent = ^uint64(0)

// keyValueOracle remembers of each record the stamp of its value.
type keyValueOracle struct {
	records *storedRecords
	stamps  []uint64
	order   []uint64 // the records' numbers in the order of their keys; only of seeks
	place   []int    // of each record in it
	output  *digest
	key     id
	value   []byte
}

func (mix keyValueMix) truth(seed uint64, k Knobs) Truth {
	warm, measured := mix.operations(k)
	loaded := uint64(k["records"])
	most := loaded // records that there can be: what is inserted is numbered on
	if mix.inserts > 0 {
		for source, n := mix.source(seed, k), warm+measured; n > 0; n-- {
			most = max(most, source.next().number+1)
		}
	}
	o := &keyValueOracle{
		records: mix.records(seed, k), stamps: make([]uint64, most),
		output: newDigest(), value: make([]byte, int(k["value_bytes"])),
	}
	for number := range o.stamps {
		o.stamps[number] = absent
		if mix.load && uint64(number) < loaded {
			o.stamps[number] = uint64(number)
		}
	}
	if mix.seeks {
		o.sort()
	}
	source := mix.source(seed, k)
	for range warm + measured {
		o.see(source.next())
	}
	live := int64(loaded)
	if !mix.readsOnly {
		live = o.finish()
	}
	return Truth{Checksum: o.output.sum(), Events: measured, LiveRecords: live, LiveBytes: live * o.records.bytes()}
}

func (o *keyValueOracle) sort() {
	keys := make([]id, len(o.stamps))
	o.order, o.place = make([]uint64, len(keys)), make([]int, len(keys))
	for i := range keys {
		keys[i], o.order[i] = o.records.key(uint64(i)), uint64(i)
	}
	slices.SortFunc(o.order, func(a, b uint64) int { return bytes.Compare(keys[a][:], keys[b][:]) })
	for at, number := range o.order {
		o.place[number] = at
	}
}

func (o *keyValueOracle) see(op keyValueOp) {
	if op.kind == seekOp {
		left := op.nexts + 1
		for _, number := range o.order[o.place[op.number]:] {
			if left == 0 {
				break
			}
			if o.make(number) { // or it is still to be inserted
				o.output.bytes(o.key[:])
				o.output.bytes(o.value)
				left--
			}
		}
		return
	}
	if op.kind != updateOp {
		if o.make(op.number) {
			o.output.bytes(o.value)
		} else {
			o.output.bytes(nil)
		}
	}
	if op.kind != readOp {
		o.stamps[op.number] = op.stamp
	}
}

// make makes key and value of a record, if it is there.
func (o *keyValueOracle) make(number uint64) bool {
	if number >= uint64(len(o.stamps)) || o.stamps[number] == absent {
		return false
	}
	o.key = o.records.key(number)
	o.records.payload.fill(o.value, o.stamps[number])
	return true
}

// finish adds what is there in the end to the output, and returns the number of records.
func (o *keyValueOracle) finish() (live int64) {
	var all unordered
	for number := range o.stamps {
		if o.make(uint64(number)) {
			all.add(o.key[:], o.value)
			live++
		}
	}
	o.output.number(int64(all.sum()))
	return live
}
