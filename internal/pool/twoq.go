package pool

import "sync"

// TwoQ keeps pages that were used once, lately, apart from those that came back (Johnson
// and Shasha, "2Q: a low overhead high performance buffer management replacement
// algorithm", VLDB 1994). A new page goes through a queue of a quarter of the frames, in
// which uses do not count; who asks for it again when it has been given up there, but
// half as many pages ago as there are frames, gets it into the main queue, which is LRU.
// Each use of a page of the main queue takes a lock.
type TwoQ struct {
	mu    sync.Mutex
	in    queue
	main  queue
	ids   []uint32
	out   ghosts
	share int // of frames, that the first queue may have
}

// NewTwoQ returns a 2Q policy over frames 0 to frames-1.
func NewTwoQ(frames int) *TwoQ {
	links := make([]link, frames)
	return &TwoQ{
		in: newQueue(links, 1), main: newQueue(links, 2), ids: make([]uint32, frames),
		out: newGhosts(frames / 2), share: max(1, frames/4),
	}
}

// Added puts the frame into the first queue, or into the main one if the page comes back.
func (p *TwoQ) Added(frame int, id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids[frame] = id
	if p.out.take(id) {
		p.main.push(frame)
	} else {
		p.in.push(frame)
	}
}

// Touch moves a frame of the main queue to its young end.
func (p *TwoQ) Touch(frame int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.main.holds(frame) {
		p.main.remove(frame)
		p.main.push(frame)
	}
}

// Removed takes the frame out.
func (p *TwoQ) Removed(frame int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.main.holds(frame) {
		p.main.remove(frame)
	} else {
		p.in.remove(frame)
	}
}

// Cold says that the page is in the first queue.
func (p *TwoQ) Cold(frame int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.in.holds(frame)
}

// Victim takes from the first queue while that has more than its share, else from the
// main one; where nothing can be taken from one, from the other.
func (p *TwoQ) Victim(take func(frame int) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := -1
	if p.in.length <= p.share {
		f = p.main.take(take)
	}
	if f >= 0 {
		return f
	}
	if f = p.in.take(take); f >= 0 {
		p.out.add(p.ids[f])
		return f
	}
	return p.main.take(take)
}
