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
// To find a page that is in the pool takes no lock (frame.go, table.go); whatever
// changes which pages are there takes the pool's.
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
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

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

	// Ahead, if set before the pool is used, is told which pages are about to be written,
	// in order, before any of them is, and may refuse. It is called as the backing is.
	Ahead func(ids []uint32) error

	// Told, if set before the pool is used, is told of every page that is looked
	// up, new or dropped, in the pool or not; of a dropped page the kind is
	// zero. It is called with the pool's lock held.
	Told func(id uint32, kind uint8, event statelab.BlockEvent)

	// Step is by how much the ids of pages differ that are neighbours in the file. It is 1, and
	// may be set before the pool is used.
	Step uint32

	// Kept, if set before the pool is used, says which kinds of page are given up
	// or written to make room only when there is no other.
	Kept [Kinds]bool

	backing  Backing
	pageSize int
	stride   int    // from page to page in memory
	overhead int    // of a frame, beside that
	memory   []byte // the frames
	staging  []byte // where runs of pages are put together for writing

	mu        sync.Mutex
	changed   sync.Cond    // a frame was unpinned or a load ended, while someone waited
	waiters   atomic.Int32 // changes under the lock, and is looked at without
	policy    Policy
	table     table
	frames    []frame
	unused    []int32 // frames that hold no page
	dirty     int
	lent      int           // frames
	mostLent  int           // of them, at most
	sweep     int           // where cleaning goes on
	order     []int32       // scratch of writing
	ids       []uint32      // the same, for Ahead
	counts    [Kinds]Counts // but for hits of pages that are in the pool
	takeAny   func(int) bool
	takePlain func(int) bool // takeAny, but for kinds that are kept
}

// frameOverhead is what a frame costs beside its page: its entry in frames,
// order and unused, and up to four slots of the table. What the policy takes comes on top.
const frameOverhead = int(unsafe.Sizeof(frame{})) + 4 + 4 + 32

// cacheLine is by how much the places of neighbouring pages differ from multiples
// of the page size. If they did not, the headers of all pages, which are looked at most,
// would share a few sets of the processor's caches and drive each other out.
const cacheLine = 64

// stagingSize bounds the bytes of one write: enough for what a device takes in
// one command, and little beside the frames.
const stagingSize = 64 << 10

// New returns a pool that takes at most memory bytes in all. It refuses one
// that could not hold MinFrames pages.
func New(backing Backing, pageSize int, memory int64, kind Kind) (*Pool, error) {
	staging := max(pageSize, min(stagingSize, int(memory/32)/pageSize*pageSize))
	stride := pageSize + cacheLine
	overhead := frameOverhead + kind.overhead()
	frames := int((memory - int64(staging)) / int64(stride+overhead))
	if frames < MinFrames {
		return nil, fmt.Errorf("buffer pool: %d bytes hold %d pages of %d bytes, fewer than the least of %d", memory, frames, pageSize, MinFrames)
	}
	block, err := offheap.Alloc(frames*stride + staging)
	if err != nil {
		return nil, fmt.Errorf("buffer pool: %w", err)
	}
	offheap.PreferHugePages(block)
	p := &Pool{
		Step: 1, backing: backing, pageSize: pageSize, stride: stride, overhead: overhead,
		memory: block, staging: block[frames*stride:],
		policy: kind.New(frames), table: newTable(frames),
		frames: make([]frame, frames), unused: make([]int32, frames),
		order: make([]int32, 0, frames),
	}
	p.changed.L = &p.mu
	p.takeAny = func(f int) bool { return !p.frames[f].dirty && p.frames[f].close() }
	p.takePlain = func(f int) bool { return !p.Kept[p.frames[f].kind] && p.takeAny(f) }
	for i := range p.unused {
		p.unused[i] = int32(frames - 1 - i)
		p.frames[i].close()
	}
	return p, nil
}

// Charge returns the bytes that a page takes in the pool.
func (p *Pool) Charge() int { return p.stride + p.overhead }

// Close gives the memory back. No handle may be out.
func (p *Pool) Close() {
	offheap.Free(p.memory)
	p.memory = nil
}

// Memory returns the bytes that the pool takes.
func (p *Pool) Memory() int64 {
	return int64(len(p.memory) + len(p.frames)*p.overhead)
}

// Frames returns the number of frames.
func (p *Pool) Frames() int { return len(p.frames) }

// Counts returns how often pages of each kind were found, since New.
func (p *Pool) Counts() [Kinds]Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := p.counts
	for f := range p.frames {
		fr := &p.frames[f]
		counts[fr.kind].Hits += fr.hits()
	}
	return counts
}

// Get returns page id, pinned, reading it if it is not in the pool. Where it is,
// that takes no lock, unless the policy has one.
func (p *Pool) Get(id uint32) (Page, error) {
	if h, ok := p.resident(id); ok {
		return h, nil
	}
	p.mu.Lock()
	for {
		f := p.table.find(id)
		switch {
		case f < 0:
			if f := p.takeOrWait(); f >= 0 {
				return p.load(id, f)
			}
		case p.frames[f].pin(id):
			p.tell(id, p.frames[f].kind, statelab.BlockHit)
			p.mu.Unlock()
			p.policy.Touch(f)
			return Page{pool: p, frame: int32(f)}, nil
		default: // it is being read
			p.wait()
		}
	}
}

// resident returns page id, pinned, if it finds it without the lock. It may fail to
// when the page has just come or another one has just been moved in the table.
func (p *Pool) resident(id uint32) (Page, bool) {
	f := p.table.find(id)
	if f < 0 || !p.frames[f].pin(id) {
		return Page{}, false
	}
	p.policy.Touch(f)
	if p.Told != nil {
		p.mu.Lock()
		p.tell(id, p.frames[f].kind, statelab.BlockHit)
		p.mu.Unlock()
	}
	return Page{pool: p, frame: int32(f)}, true
}

// load reads page id into the frame taken for it. It is called with the lock
// held and returns without; while it reads, others who want the page wait.
func (p *Pool) load(id uint32, f int) (Page, error) {
	fr := &p.frames[f]
	fr.id.Store(id)
	p.table.put(id, f)
	p.mu.Unlock()

	kind, err := p.backing.ReadPage(id, p.bytes(f))

	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiters.Load() > 0 {
		p.changed.Broadcast()
	}
	if err != nil {
		p.table.remove(id)
		p.release(f)
		return Page{}, err
	}
	fr.kind = kind
	p.policy.Added(f, id)
	fr.open()
	p.counts[kind].Misses++
	p.tell(id, kind, statelab.BlockMiss)
	return Page{pool: p, frame: int32(f)}, nil
}

// New returns a frame for page id, pinned and dirty, whatever the file holds: a
// copy of the page from, or zeros if that is nil. The page must not be in the
// pool. The error is of a write that had to make room.
func (p *Pool) New(id uint32, kind uint8, from []byte) (Page, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.makeRoom(); err != nil {
		return Page{}, err
	}
	f := p.mustTake()
	if p.table.find(id) >= 0 {
		panic(fmt.Sprintf("pool: P1: page %d is new and has a frame", id))
	}
	if from != nil {
		copy(p.bytes(f), from)
	} else {
		clear(p.bytes(f))
	}
	fr := &p.frames[f]
	fr.id.Store(id)
	fr.kind, fr.dirty = kind, true
	p.policy.Added(f, id)
	fr.open()
	p.table.put(id, f)
	p.dirty++
	p.tell(id, kind, statelab.BlockMade)
	return Page{pool: p, frame: int32(f)}, nil
}

// MarkDirty says that the page is about to be changed. The error is of a write
// that had to make room; the page must not be changed then.
func (p *Pool) MarkDirty(h Page) error {
	if p.frames[h.frame].dirty { // which the writer alone changes
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
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
	if !p.frames[f].close() {
		panic(fmt.Sprintf("pool: P2: page %d is dropped and has %d pins", id, p.frames[f].pins()))
	}
	if p.frames[f].dirty {
		p.dirty--
	}
	p.policy.Removed(f)
	p.table.remove(id)
	p.release(f)
}

// take returns a closed frame that holds no page, giving one up if need be, or
// -1 if all are pinned or dirty. Kinds that are kept go last.
func (p *Pool) take() int {
	if n := len(p.unused); n > 0 {
		f := p.unused[n-1]
		p.unused = p.unused[:n-1]
		return int(f)
	}
	f := p.policy.Victim(p.takePlain)
	if f < 0 {
		f = p.policy.Victim(p.takeAny)
	}
	if f >= 0 {
		p.table.remove(p.frames[f].id.Load())
		p.empty(f)
	}
	return f
}

// takeOrWait is take, or -1 once a frame may have become free.
func (p *Pool) takeOrWait() int {
	f := p.take()
	if f < 0 {
		// Who unpins looks for waiters after that, and we for pins after this.
		p.waiters.Add(1)
		if f = p.take(); f < 0 {
			p.changed.Wait()
		}
		p.waiters.Add(-1)
	}
	return f
}

// mustTake is take that waits for a frame.
func (p *Pool) mustTake() int {
	f := p.takeOrWait()
	for f < 0 {
		f = p.takeOrWait()
	}
	return f
}

// empty forgets the page of a closed frame.
func (p *Pool) empty(f int) {
	fr := &p.frames[f]
	p.counts[fr.kind].Hits += fr.hits()
	fr.reset()
}

// release makes the closed frame f one that holds no page.
func (p *Pool) release(f int) {
	p.empty(f)
	p.unused = append(p.unused, int32(f))
}

func (p *Pool) tell(id uint32, kind uint8, event statelab.BlockEvent) {
	if p.Told != nil {
		p.Told(id, kind, event)
	}
}

func (p *Pool) wait() {
	p.waiters.Add(1)
	p.changed.Wait()
	p.waiters.Add(-1)
}
