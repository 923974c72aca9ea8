package pool

import "sync/atomic"

// S3FIFO lets what is new pass through a short queue of a tenth of the frames, and only
// what was used more than once there, or comes back soon after it was given up, into the
// long one (Yang and others, "FIFO queues are all you need for cache eviction", SOSP
// 2023). A page of the long queue that was used goes round again. A use costs a load, and
// a store if it counts: up to three do.
type S3FIFO struct {
	small, main queue
	ids         []uint32
	uses        []atomic.Uint32
	out         ghosts
	share       int // of frames, that the small queue may have
}

// mostUses is how many uses count.
const mostUses = 3

// NewS3FIFO returns an S3-FIFO policy over frames 0 to frames-1.
func NewS3FIFO(frames int) *S3FIFO {
	links := make([]link, frames)
	return &S3FIFO{
		small: newQueue(links, 1), main: newQueue(links, 2), ids: make([]uint32, frames),
		uses: make([]atomic.Uint32, frames), out: newGhosts(frames - frames/10), share: max(1, frames/10),
	}
}

// Added puts the frame into the small queue, or into the main one if the page comes back.
func (p *S3FIFO) Added(frame int, id uint32) {
	p.ids[frame] = id
	p.uses[frame].Store(0)
	if p.out.take(id) {
		p.main.push(frame)
	} else {
		p.small.push(frame)
	}
}

// Touch counts a use. That two at a time may count as one does no harm.
func (p *S3FIFO) Touch(frame int) {
	if n := p.uses[frame].Load(); n < mostUses {
		p.uses[frame].Store(n + 1)
	}
}

// Removed takes the frame out.
func (p *S3FIFO) Removed(frame int) {
	if p.main.holds(frame) {
		p.main.remove(frame)
	} else {
		p.small.remove(frame)
	}
}

// Cold says that the page has no uses to its credit.
func (p *S3FIFO) Cold(frame int) bool { return p.uses[frame].Load() == 0 }

// Victim takes from the small queue while that has its share, else from the main one;
// where nothing can be taken from one, from the other.
func (p *S3FIFO) Victim(take func(frame int) bool) int {
	f := -1
	if p.small.length < p.share {
		f = p.fromMain(take)
	}
	if f < 0 {
		f = p.fromSmall(take)
	}
	if f < 0 {
		f = p.fromMain(take)
	}
	return f
}

// fromSmall takes the oldest frame of the small queue that was used once at most; what
// was used more goes over to the main queue.
func (p *S3FIFO) fromSmall(take func(frame int) bool) int {
	for range p.small.length {
		f := int(p.small.old)
		if p.uses[f].Load() > 1 {
			p.small.remove(f)
			p.uses[f].Store(0)
			p.main.push(f)
			continue
		}
		ok := take(f)
		p.small.remove(f)
		if ok {
			p.out.add(p.ids[f])
			return f
		}
		p.small.push(f)
	}
	return -1
}

// fromMain takes the oldest frame of the main queue whose uses are used up.
func (p *S3FIFO) fromMain(take func(frame int) bool) int {
	for range (mostUses + 1) * p.main.length {
		f := int(p.main.old)
		n := p.uses[f].Load()
		p.main.remove(f)
		if n == 0 && take(f) {
			return f
		}
		if n > 0 {
			p.uses[f].Store(n - 1)
		}
		p.main.push(f)
	}
	return -1
}
