package memstore

import (
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// An openView is a view that somebody reads by for longer than an epoch, and
// what is held for it: the garbage that it sees and no newer open view does.
type openView struct {
	view
	internal bool        // the store's own: it is never given up
	gone     atomic.Bool // it was given up
	held     arena.Ref   // list of garbage
	bytes    int64       // of it
}

// views are the open ones. Whoever opens or closes one takes the lock, and the
// writer when it has something for them.
//
// The writer looks at count without the lock. If it is zero, then a view that
// is being opened will look at the sequence and the watermark later, and so not
// see what the writer has just let die.
type views struct {
	mu      sync.Mutex
	count   atomic.Int32
	open    []*openView  // oldest first
	pinned  int64        // bytes of what they hold
	orphans []arena.Ref  // lists of garbage that closed views have held
	waiting atomic.Int32 // of these; looked at without the lock
	adopted arena.Ref    // the list that is being looked through; the writer's
}

// maxViewDistance is how many batches the present may be ahead of an open view,
// so that halves of sequences can be compared. A view of the store's own is
// never that slow.
const maxViewDistance = 1 << 30

// open makes v a view of the present.
func (r *records) open(v *openView, internal bool) {
	vs := &r.views
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.count.Add(1)
	v.view, v.internal = r.present(), internal
	vs.open = append(vs.open, v)
}

// close closes a view, which may have been given up, and says whether it held
// anything. That is looked through later, a bounded number at a time.
func (r *records) close(v *openView) (held bool) {
	r.views.mu.Lock()
	defer r.views.mu.Unlock()
	return r.views.remove(v)
}

func (vs *views) remove(v *openView) (held bool) {
	at := slices.Index(vs.open, v)
	if at < 0 {
		return false
	}
	vs.open = slices.Delete(vs.open, at, at+1)
	vs.count.Add(-1)
	vs.pinned -= v.bytes
	if held = v.held != 0; held {
		vs.orphans = append(vs.orphans, v.held)
		vs.waiting.Add(1)
	}
	v.held, v.bytes = 0, 0
	return held
}

// giveUp closes a view in the middle of its life.
func (vs *views) giveUp(v *openView) {
	v.gone.Store(true)
	vs.remove(v)
}

// limit gives up the oldest views that may be, until no more than pinned bytes
// are held for open ones (I8); and those that the batch seq has left too far
// behind.
func (vs *views) limit(pinned int64, seq uint64) {
	if vs.count.Load() == 0 {
		return
	}
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for len(vs.open) > 0 && seq-vs.open[0].seq > maxViewDistance {
		vs.giveUp(vs.open[0])
	}
	for i := 0; vs.pinned > pinned && i < len(vs.open); {
		if v := vs.open[i]; v.internal {
			i++
		} else {
			vs.giveUp(v)
		}
	}
}

// pinnedBytes returns how many bytes are held for open views.
func (vs *views) pinnedBytes() int64 {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.pinned
}

// pinnedInternally says whether a view of the store's own holds anything.
func (vs *views) pinnedInternally() bool {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return slices.ContainsFunc(vs.open, func(v *openView) bool { return v.internal && v.bytes > 0 })
}

// holdOrLet gives garbage to the newest open view that sees it, or, if there is
// none, lets it go when the readers of this moment have left.
func (r *records) holdOrLet(ref arena.Ref, e *element) {
	if r.views.count.Load() == 0 || !r.hold(ref, e) {
		r.unlinkLater(ref)
	}
}

func (r *records) hold(ref arena.Ref, e *element) bool {
	vs := &r.views
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v := vs.viewer(e)
	if v == nil {
		return false
	}
	e.next = v.held
	v.held = ref
	n := int64(r.sizeOf(e))
	v.bytes += n
	vs.pinned += n
	return true
}

// viewer returns the newest open view that sees garbage. Sequences and
// watermarks of views ascend together, so those that see it are neighbours.
func (vs *views) viewer(e *element) *openView {
	n := sort.Search(len(vs.open), func(i int) bool {
		v := vs.open[i]
		return e.shadowedBy(v.seq) || statelab.Expired(e.expireAt(), v.watermark)
	})
	if n == 0 || vs.open[n-1].seq < e.born() {
		return nil
	}
	return vs.open[n-1]
}

// adopt takes an element that a closed view has held, if there is one, and gives
// it to another view or lets it go.
func (r *records) adopt() bool {
	vs := &r.views
	if vs.adopted == 0 && !vs.nextOrphans() {
		return false
	}
	ref := vs.adopted
	e := r.elem(ref)
	vs.adopted = e.next
	r.holdOrLet(ref, e)
	return true
}

func (vs *views) nextOrphans() bool {
	if vs.waiting.Load() == 0 {
		return false
	}
	vs.mu.Lock()
	defer vs.mu.Unlock()
	n := len(vs.orphans)
	vs.adopted, vs.orphans = vs.orphans[n-1], vs.orphans[:n-1]
	vs.waiting.Add(-1)
	return true
}

func (v *openView) String() string {
	return fmt.Sprintf("view of batch %d at watermark %d holds %d bytes", v.seq, v.watermark, v.bytes)
}

// openView opens a view of the present for the store itself, holding write.
func (s *Store) openView() *openView {
	v := new(openView)
	s.records.open(v, true)
	return v
}

// closeView closes a view, and reclaims some of what it held if nobody else is
// busy writing.
func (s *Store) closeView(v *openView) {
	if !s.records.close(v) || !s.write.TryLock() {
		return
	}
	if !s.closed.Load() {
		s.records.reap(reapPerAdvance)
	}
	s.write.Unlock()
}
