package pool

import (
	"slices"
	"time"
)

// Flush writes all dirty pages, in the order of their ids. What an error kept
// from being written stays dirty.
func (p *Pool) Flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.order = p.order[:0]
	for f := range p.frames {
		if p.frames[f].dirty {
			p.order = append(p.order, int32(f))
		}
	}
	return p.write()
}

// makeRoom cleans some frames if the mark is reached: a sixteenth, so that
// neighbours can be written together, cold ones first. Pinned pages are left
// alone, since the writer is about to change them.
func (p *Pool) makeRoom() error {
	if p.dirty < p.dirtyLimit() {
		return nil
	}
	start, before := time.Now(), p.dirty
	p.orderDirty(max(1, len(p.frames)/16))
	err := p.write()
	if p.Cleaned != nil {
		p.Cleaned(start, int64(before-p.dirty)*int64(p.pageSize))
	}
	return err
}

// dirtyLimit is how many frames may be dirty: three quarters of those not lent.
func (p *Pool) dirtyLimit() int { return (len(p.frames) - p.lent) * 3 / 4 }

// orderDirty puts up to want dirty frames that are not pinned into order.
func (p *Pool) orderDirty(want int) {
	p.order = p.order[:0]
	for round := range 3 { // cold ones, others, those that are kept
		for range p.frames {
			if len(p.order) == want {
				return
			}
			f := p.sweep
			if p.sweep++; p.sweep == len(p.frames) {
				p.sweep = 0
			}
			fr := &p.frames[f]
			if !fr.dirty || fr.pins() > 0 {
				continue
			}
			if kept := p.Kept[fr.kind]; kept == (round == 2) && (kept || p.policy.Cold(f) == (round == 0)) {
				p.order = append(p.order, int32(f))
			}
		}
	}
}

// aheadMost is how many pages Ahead is told of at a time: enough that what it does for
// all of them, such as a sync, costs each next to nothing.
const aheadMost = 1024

// write writes the frames in order, runs of neighbours at once. It is called
// with the lock held, and lets go of it while it writes: the pages cannot go
// away, because they are dirty, nor change, because the writer is here.
func (p *Pool) write() error {
	slices.SortFunc(p.order, func(a, b int32) int {
		return int(p.frames[a].id.Load()) - int(p.frames[b].id.Load())
	})
	for rest := p.order; len(rest) > 0; {
		part := rest
		if p.Ahead != nil {
			part = rest[:min(len(rest), aheadMost)]
			if err := p.announce(part); err != nil {
				return err
			}
		}
		if err := p.writeRuns(part); err != nil {
			return err
		}
		rest = rest[len(part):]
	}
	if p.waiters.Load() > 0 {
		p.changed.Broadcast()
	}
	return nil
}

// announce tells Ahead which pages are about to be written.
func (p *Pool) announce(frames []int32) error {
	p.ids = p.ids[:0]
	for _, f := range frames {
		p.ids = append(p.ids, p.frames[f].id.Load())
	}
	p.mu.Unlock()
	defer p.mu.Lock()
	return p.Ahead(p.ids)
}

// writeRuns writes frames that are in order.
func (p *Pool) writeRuns(rest []int32) error {
	for len(rest) > 0 {
		first := p.frames[rest[0]].id.Load()
		n := 0
		for n < len(rest) && (n+1)*p.pageSize <= len(p.staging) && p.frames[rest[n]].id.Load() == first+uint32(n)*p.Step {
			copy(p.staging[n*p.pageSize:], p.bytes(int(rest[n])))
			n++
		}
		p.mu.Unlock()
		err := p.backing.WritePages(first, p.staging[:n*p.pageSize])
		p.mu.Lock()
		if err != nil {
			return err
		}
		for _, f := range rest[:n] {
			p.frames[f].dirty = false
		}
		p.dirty -= n
		rest = rest[n:]
	}
	return nil
}
