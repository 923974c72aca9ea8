package ftl

import (
	"fmt"
	"slices"
)

// Check verifies the invariants of the package's documentation, in time linear
// in the size of the device. Its error names the one that is broken.
func (d *Device) Check() error {
	for _, check := range []func() error{d.checkMap, d.checkBlocks, d.checkCounters, d.checkQueues} {
		if err := check(); err != nil {
			return fmt.Errorf("flash device: %w", err)
		}
	}
	return nil
}

func (d *Device) checkMap() error {
	valid := int64(0)
	for page, at := range d.mapped {
		if at == nowhere {
			continue
		}
		valid++
		if int(at) >= len(d.owner) || d.owner[at] != uint32(page) {
			return fmt.Errorf("A1: logical page %d is mapped to physical page %d, which does not name it back", page, at)
		}
	}
	owned := int64(0)
	for _, page := range d.owner {
		if page != nowhere {
			owned++
		}
	}
	if owned != valid || valid != d.valid {
		return fmt.Errorf("A1: %d pages are mapped, %d physical pages valid, %d counted", valid, owned, d.valid)
	}
	return nil
}

func (d *Device) checkBlocks() error {
	isFree := make([]bool, len(d.blocks))
	for _, n := range d.free {
		if isFree[n] {
			return fmt.Errorf("A3: block %d is free twice", n)
		}
		isFree[n] = true
	}
	for i := range d.blocks {
		n, b := uint32(i), &d.blocks[i]
		valid := uint32(0)
		for j, page := range d.owner[n*d.per : (n+1)*d.per] {
			if page == nowhere {
				continue
			}
			valid++
			if uint32(j) >= b.filled {
				return fmt.Errorf("A3: page %d of block %d is valid, but only %d were programmed", j, i, b.filled)
			}
		}
		if valid != b.valid {
			return fmt.Errorf("A2: block %d has %d valid pages and counts %d", i, valid, b.valid)
		}
		switch open := slices.Contains(d.open[:], n); {
		case isFree[n] && (open || b.filled != 0):
			return fmt.Errorf("A3: block %d is free, yet open or programmed", i)
		case !isFree[n] && open == (b.filled == d.per):
			return fmt.Errorf("A3: block %d has %d pages programmed, and open is %v", i, b.filled, open)
		}
	}
	if d.count.Host > 0 && len(d.free) == 0 {
		return fmt.Errorf("A6: no block is free")
	}
	return nil
}

func (d *Device) checkCounters() error {
	inBlocks := int64(0)
	for i := range d.blocks {
		inBlocks += int64(d.blocks[i].filled)
	}
	if past := d.count.Erased * int64(d.per); past+inBlocks != d.count.Programmed() {
		return fmt.Errorf("A5: %d pages are in erased blocks and %d in blocks now, but %d were programmed", past, inBlocks, d.count.Programmed())
	}
	return nil
}

func (d *Device) checkQueues() error {
	queued := 0
	for count, e := range d.queues.ends {
		prev := uint32(nowhere)
		for n := e.head; n != nowhere; n = d.blocks[n].next {
			b := &d.blocks[n]
			if b.filled != d.per || d.queueOf(b) != uint32(count) || b.prev != prev {
				return fmt.Errorf("A7: block %d, with %d pages programmed and %d valid, stands in queue %d after block %d", n, b.filled, b.valid, count, prev)
			}
			if uint32(count) < d.queues.least {
				return fmt.Errorf("A7: queue %d is occupied and below the least, %d", count, d.queues.least)
			}
			prev = n
			if queued++; queued > len(d.blocks) {
				return fmt.Errorf("A7: the queues hold more blocks than there are")
			}
		}
		if e.tail != prev {
			return fmt.Errorf("A7: queue %d ends with block %d and not with %d", count, e.tail, prev)
		}
	}
	closed := 0
	for i := range d.blocks {
		if d.blocks[i].filled == d.per {
			closed++
		}
	}
	if queued != closed {
		return fmt.Errorf("A7: %d blocks are closed and %d in queues", closed, queued)
	}
	return nil
}
