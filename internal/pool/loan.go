package pool

import "errors"

// ErrNoLoan is returned by Borrow when as many frames are lent as may be.
var ErrNoLoan = errors.New("no more frames of the buffer pool can be lent")

// SetLoan says how many frames can be lent at a time, and returns how many that
// is: the pool keeps MinFrames, whatever is asked for.
func (p *Pool) SetLoan(frames int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mostLent = max(0, min(frames, len(p.frames)-MinFrames))
	return p.mostLent
}

// Borrow lends a frame to the writer, for a page that is of no file, until it
// is given to Return. Its bytes are what they were. Nothing has to be pinned: a
// handle to a lent frame is good as long as the loan, and unpinning it does
// nothing. The error is ErrNoLoan, or of a write that had to make room.
func (p *Pool) Borrow() (Page, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lent >= p.mostLent {
		return Page{}, ErrNoLoan
	}
	p.lent++
	if err := p.makeRoom(); err != nil {
		p.lent--
		return Page{}, err
	}
	f := p.mustTake()
	return p.Lent(uint32(f)), nil
}

// Lent returns a handle to a lent frame.
func (p *Pool) Lent(frame uint32) Page { return Page{pool: p, frame: int32(frame), lent: true} }

// Frame returns which frame a handle is to: of a lent one what Lent and Return take.
func (h Page) Frame() uint32 { return uint32(h.frame) }

// Return gives a lent frame back.
func (p *Pool) Return(frame uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lent--
	p.release(int(frame))
	if p.waiters.Load() > 0 {
		p.changed.Broadcast()
	}
}

// OnLoan returns the number of frames that are lent.
func (p *Pool) OnLoan() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lent
}
