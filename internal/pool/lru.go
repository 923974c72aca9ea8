package pool

import "sync"

// LRU gives up the page that was not found for longest. A page that cannot be given up
// when its turn comes counts as used then. Each use takes a lock.
type LRU struct {
	mu    sync.Mutex
	queue queue
	used  []uint64 // the use that was the last, by frame
	uses  uint64
}

// NewLRU returns an LRU policy over frames 0 to frames-1.
func NewLRU(frames int) *LRU {
	return &LRU{queue: newQueue(make([]link, frames), 1), used: make([]uint64, frames)}
}

// Added puts the frame at the young end.
func (p *LRU) Added(frame int, _ uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.push(frame)
}

func (p *LRU) push(frame int) {
	p.queue.push(frame)
	p.uses++
	p.used[frame] = p.uses
}

// Touch moves the frame to the young end.
func (p *LRU) Touch(frame int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.remove(frame)
	p.push(frame)
}

// Removed takes the frame out.
func (p *LRU) Removed(frame int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.remove(frame)
}

// Cold says that half as many other uses came since the last one as there are frames.
func (p *LRU) Cold(frame int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.uses-p.used[frame] > uint64(len(p.used)/2)
}

// Victim takes the oldest frame that can be taken.
func (p *LRU) Victim(take func(frame int) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queue.take(take)
}
