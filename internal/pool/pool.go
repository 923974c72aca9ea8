// Package pool is a buffer pool: a fixed number of page frames, off the Go
// heap, that hold the pages of a file that are in use or were lately.
//
//	    Get(id)            New(id)
//	       │                  │
//	    ┌──▼──────────────────▼──┐   table: id -> frame
//	    │ frame frame frame ...  │   policy: which clean frame to give up
//	    └──┬──────────────────▲──┘
//	WritePages            ReadPage      (the Backing)
//
// Words: a page is pinned while a Page handle to it is out; it is dirty while
// its frame holds what the file does not; only pages that are neither can be
// given up. Readers never write: at most three quarters of the frames are
// dirty at a time, and it is the one writer who pays for cleaning some when
// the mark is reached. So after a failed write readers still find frames.
// Frames can be lent (loan.go), for pages that are of no file.
//
//	P1  A page has one frame at most, and all handles to it see the same bytes.
//	P2  A frame is given up only when its page is neither pinned nor dirty.
//	P3  There is one writer at a time: only it calls New, MarkDirty, Drop, Flush,
//	    Stamp, Borrow and Return, and only it changes bytes, when no reader reads them.
//	P4  Whoever waits for a frame holds no pin, but for the writer, which may
//	    hold up to WriterPins while it is the only one to hold any.
//	P5  A frame is lent, and then in neither table nor file, or the pool's; no more are lent than SetLoan allows.
package pool

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
)

// WriterPins is how many pages the writer may hold pinned at a time without
// the pool's running out of frames, and MinFrames what a pool needs for that.
const (
	WriterPins = 8
	MinFrames  = WriterPins + 3
)

// Kinds is the number of kinds of page that statistics tell apart.
const Kinds = 4

// A Backing is where pages come from and go to. ReadPage may be called
// by many goroutines at a time, WritePages by the writer's only.
type Backing interface {
	// ReadPage fills buf with page id, verified, and returns its kind (below
	// Kinds). Errors are returned from Get as they are.
	ReadPage(id uint32, buf []byte) (kind uint8, err error)
	// WritePages writes pages that follow one another, the first of them id.
	// buf is the pool's copy and may be changed, to seal the pages.
	WritePages(id uint32, buf []byte) error
}

// Counts is how often pages of one kind were found in the pool, and not.
type Counts struct{ Hits, Misses int64 }

// A Pool is safe for concurrent use within P3.
type Pool struct {
	// Cleaned, if set before the pool is used, is told whenever pages were
	// written to make room: when that began, and how many bytes of pages.
	Cleaned func(start time.Time, bytes int64)

	// Told, if set before the pool is used, is told of every page that is looked
	// up, new or dropped, in the pool or not; of a dropped page the kind is
	// zero. It is called with the pool's lock held.
	Told func(id uint32, kind uint8, event statelab.BlockEvent)

	backing  Backing
	pageSize int
	memory   []byte // the frames
	staging  []byte // where runs of pages are put together for writing

	mu        sync.Mutex
	changed   sync.Cond // a frame was unpinned or a load ended, while someone waited
	waiters   int
	policy    Policy
	table     table
	frames    []frame
	unused    []int32 // frames that hold no page
	dirty     int
	lent      int     // frames
	mostLent  int     // of them, at most
	sweep     int     // where cleaning goes on
	order     []int32 // scratch of writing
	counts    [Kinds]Counts
	evictable func(int) bool
}

type frame struct {
	stamp   uint64
	id      uint32
	pins    int32
	kind    uint8
	loading bool
	dirty   bool
}

// frameOverhead is what a frame costs beside its page: its entry in frames,
// order and unused, two slots of the table and the policy's byte.
const frameOverhead = 24 + 4 + 4 + 16 + 1

// stagingSize bounds the bytes of one write: enough for what a device takes in
// one command, and little beside the frames.
const stagingSize = 64 << 10

// New returns a pool that takes at most memory bytes in all. It refuses one
// that could not hold MinFrames pages.
func New(backing Backing, pageSize int, memory int64, policy func(frames int) Policy) (*Pool, error) {
	staging := max(pageSize, min(stagingSize, int(memory/32)/pageSize*pageSize))
	frames := int((memory - int64(staging)) / int64(pageSize+frameOverhead))
	if frames < MinFrames {
		return nil, fmt.Errorf("buffer pool: %d bytes hold %d pages of %d bytes, fewer than the least of %d", memory, frames, pageSize, MinFrames)
	}
	block, err := offheap.Alloc(frames*pageSize + staging)
	if err != nil {
		return nil, fmt.Errorf("buffer pool: %w", err)
	}
	p := &Pool{
		backing: backing, pageSize: pageSize,
		memory: block, staging: block[frames*pageSize:],
		policy: policy(frames), table: newTable(frames),
		frames: make([]frame, frames), unused: make([]int32, frames),
		order: make([]int32, 0, frames),
	}
	p.changed.L = &p.mu
	p.evictable = func(f int) bool { return p.frames[f].pins == 0 && !p.frames[f].dirty }
	for i := range p.unused {
		p.unused[i] = int32(frames - 1 - i)
	}
	return p, nil
}

// Charge returns the bytes that a page takes in the pool.
func (p *Pool) Charge() int { return p.pageSize + frameOverhead }

// Close gives the memory back. No handle may be out.
func (p *Pool) Close() {
	offheap.Free(p.memory)
	p.memory = nil
}

// Memory returns the bytes that the pool takes.
func (p *Pool) Memory() int64 {
	return int64(len(p.memory) + len(p.frames)*frameOverhead)
}

// Frames returns the number of frames.
func (p *Pool) Frames() int { return len(p.frames) }

// Counts returns how often pages of each kind were found, since New.
func (p *Pool) Counts() [Kinds]Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// A Page is a handle to a pinned page, to be unpinned once. The zero Page is
// a handle to nothing.
type Page struct {
	pool  *Pool
	frame int32
	lent  bool // and so neither pinned nor unpinned
}

// Bytes returns the page, valid until it is unpinned.
func (h Page) Bytes() []byte { return h.pool.bytes(int(h.frame)) }

// Unpin gives the handle up.
func (h Page) Unpin() {
	if h.lent {
		return
	}
	p := h.pool
	p.mu.Lock()
	p.frames[h.frame].pins--
	if p.waiters > 0 {
		p.changed.Broadcast()
	}
	p.mu.Unlock()
}

// Stamp returns what SetStamp last gave the page since it came into the pool,
// or zero. Stamps are the writer's, who tells by them what it has done to a
// page already; they are forgotten when the page leaves the pool.
func (h Page) Stamp() uint64 { return h.pool.frames[h.frame].stamp }

// SetStamp marks the page for its writer.
func (h Page) SetStamp(s uint64) { h.pool.frames[h.frame].stamp = s }

// Stamped says whether page id is in the pool, not pinned, under this stamp.
func (p *Pool) Stamped(id uint32, stamp uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.table.find(id)
	return f >= 0 && p.frames[f].pins == 0 && p.frames[f].stamp == stamp
}

// Pin returns another handle to a pinned page.
func (p *Pool) Pin(h Page) Page {
	if h.lent {
		return h
	}
	p.mu.Lock()
	p.frames[h.frame].pins++
	p.mu.Unlock()
	return h
}

func (p *Pool) bytes(frame int) []byte {
	at := frame * p.pageSize
	return p.memory[at : at+p.pageSize : at+p.pageSize]
}

// Get returns page id, pinned, reading it if it is not in the pool.
func (p *Pool) Get(id uint32) (Page, error) {
	p.mu.Lock()
	for {
		if f := p.table.find(id); f >= 0 {
			fr := &p.frames[f]
			if fr.loading {
				p.wait()
				continue
			}
			fr.pins++
			p.policy.Touch(f)
			p.counts[fr.kind].Hits++
			p.tell(id, fr.kind, statelab.BlockHit)
			p.mu.Unlock()
			return Page{pool: p, frame: int32(f)}, nil
		}
		if f := p.take(); f >= 0 {
			return p.load(id, f)
		}
		p.wait()
	}
}

// load reads page id into the frame taken for it. It is called with the lock
// held and returns without; while it reads, others who want the page wait.
func (p *Pool) load(id uint32, f int) (Page, error) {
	p.frames[f] = frame{id: id, pins: 1, loading: true}
	p.table.put(id, f)
	p.mu.Unlock()

	kind, err := p.backing.ReadPage(id, p.bytes(f))

	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiters > 0 {
		p.changed.Broadcast()
	}
	if err != nil {
		p.table.remove(id)
		p.release(f)
		return Page{}, err
	}
	fr := &p.frames[f]
	fr.loading, fr.kind = false, kind
	p.policy.Touch(f)
	p.counts[kind].Misses++
	p.tell(id, kind, statelab.BlockMiss)
	return Page{pool: p, frame: int32(f)}, nil
}

// New returns a frame of zeros for page id, pinned and dirty, whatever the
// file holds. The page must not be in the pool. The error is of a write that
// had to make room.
func (p *Pool) New(id uint32, kind uint8) (Page, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.makeRoom(); err != nil {
		return Page{}, err
	}
	f := p.mustTake()
	if p.table.find(id) >= 0 {
		panic(fmt.Sprintf("pool: P1: page %d is new and has a frame", id))
	}
	p.frames[f] = frame{id: id, pins: 1, kind: kind, dirty: true}
	p.table.put(id, f)
	p.policy.Touch(f)
	p.dirty++
	p.tell(id, kind, statelab.BlockMade)
	clear(p.bytes(f))
	return Page{pool: p, frame: int32(f)}, nil
}

// MarkDirty says that the page is about to be changed. The error is of a write
// that had to make room; the page must not be changed then.
func (p *Pool) MarkDirty(h Page) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frames[h.frame].dirty {
		return nil
	}
	if err := p.makeRoom(); err != nil {
		return err
	}
	p.frames[h.frame].dirty = true
	p.dirty++
	return nil
}

// Dirty says whether page id is in the pool and dirty.
func (p *Pool) Dirty(id uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.table.find(id)
	return f >= 0 && p.frames[f].dirty
}

// Drop forgets page id, dirty or not. It must not be pinned.
func (p *Pool) Drop(id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(id, 0, statelab.BlockGone)
	f := p.table.find(id)
	if f < 0 {
		return
	}
	if p.frames[f].pins != 0 {
		panic(fmt.Sprintf("pool: P2: page %d is dropped and has %d pins", id, p.frames[f].pins))
	}
	if p.frames[f].dirty {
		p.dirty--
	}
	p.table.remove(id)
	p.release(f)
}

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
	for _, coldOnly := range []bool{true, false} {
		for range p.frames {
			if len(p.order) == want {
				return
			}
			f := p.sweep
			if p.sweep++; p.sweep == len(p.frames) {
				p.sweep = 0
			}
			fr := &p.frames[f]
			if fr.dirty && fr.pins == 0 && p.policy.Cold(f) == coldOnly {
				p.order = append(p.order, int32(f))
			}
		}
	}
}

// write writes the frames in order, runs of neighbours at once. It is called
// with the lock held, and lets go of it while it writes: the pages cannot go
// away, because they are dirty, nor change, because the writer is here.
func (p *Pool) write() error {
	slices.SortFunc(p.order, func(a, b int32) int {
		return int(p.frames[a].id) - int(p.frames[b].id)
	})
	for rest := p.order; len(rest) > 0; {
		first := p.frames[rest[0]].id
		n := 0
		for n < len(rest) && (n+1)*p.pageSize <= len(p.staging) && p.frames[rest[n]].id == first+uint32(n) {
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
	if p.waiters > 0 {
		p.changed.Broadcast()
	}
	return nil
}

// take returns a frame that holds no page, giving one up if need be, or -1 if
// all are pinned or dirty.
func (p *Pool) take() int {
	if n := len(p.unused); n > 0 {
		f := p.unused[n-1]
		p.unused = p.unused[:n-1]
		return int(f)
	}
	f := p.policy.Victim(p.evictable)
	if f >= 0 {
		p.table.remove(p.frames[f].id)
	}
	return f
}

// mustTake is take that waits for a frame.
func (p *Pool) mustTake() int {
	f := p.take()
	for f < 0 {
		p.wait()
		f = p.take()
	}
	return f
}

// release makes f a frame that holds no page.
func (p *Pool) release(f int) {
	p.frames[f] = frame{}
	p.unused = append(p.unused, int32(f))
}

func (p *Pool) tell(id uint32, kind uint8, event statelab.BlockEvent) {
	if p.Told != nil {
		p.Told(id, kind, event)
	}
}

func (p *Pool) wait() {
	p.waiters++
	p.changed.Wait()
	p.waiters--
}
