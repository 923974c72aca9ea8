package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab"
)

// readers read a store beside the one writer that plays a history on it, and
// compare what they read with the timeline of its states. They stand still while
// the store is closed and opened again; their iterators do not outlive that, and
// must say so.
type readers struct {
	p        *player
	seed     uint64
	keys     [][]byte // of the history
	timeline *timeline
	apart    bool         // the store tells elements apart
	calls    sync.RWMutex // held for reading during each call, for writing while the store is reopened
	openings int          // of the store; guarded by calls
	hot      atomic.Pointer[[][]byte]
	stopping atomic.Bool
	running  sync.WaitGroup
	failure  atomic.Pointer[failure]
}

// readersBeside is how many goroutines read beside the writer.
const readersBeside = 2

// newReaders returns the readers of a history; they start when the player has
// opened its store.
func newReaders(seed uint64, steps []step) *readers {
	r := &readers{seed: seed}
	seen := map[string]bool{}
	for _, s := range steps {
		for _, o := range s.ops {
			if key := o.key.string(); !seen[key] {
				seen[key] = true
				r.keys = append(r.keys, []byte(key))
			}
		}
	}
	if len(r.keys) == 0 {
		r.keys = [][]byte{[]byte("absent")}
	}
	return r
}

func (r *readers) start(p *player) {
	r.p, r.apart, r.timeline = p, p.apart, newTimeline(p.journal.now())
	p.journal.timeline = r.timeline
	for i := range readersBeside {
		one := &reader{readers: r, Rand: rand.New(rand.NewPCG(r.seed, uint64(i))), counts: map[string]int64{}}
		r.running.Go(one.run)
	}
}

// stop waits for the readers to close what they have open, and returns the
// first failure.
func (r *readers) stop() *failure {
	if r == nil {
		return nil
	}
	r.dismiss()
	r.running.Wait()
	return r.failure.Load()
}

// dismiss tells the readers to stop.
func (r *readers) dismiss() {
	if r != nil && r.timeline != nil {
		r.stopping.Store(true)
		r.timeline.finish()
	}
}

// while makes f, which closes the store or changes it in more steps than one,
// while nobody reads.
func (r *readers) while(f func() (*failure, error)) (*failure, error) {
	if r == nil {
		return f()
	}
	r.calls.Lock()
	defer r.calls.Unlock()
	return f()
}

// reopened says that there is another store in the player. The caller is in while.
func (r *readers) reopened() {
	if r != nil {
		r.openings++
	}
}

// heat says which keys are about to be written.
func (r *readers) heat(ops []statelab.Op) {
	if r == nil || len(ops) == 0 {
		return
	}
	keys := make([][]byte, len(ops))
	for i, op := range ops {
		keys[i] = op.Key
	}
	r.hot.Store(&keys)
}

// found returns a failure that a reader has found so far.
func (r *readers) found() *failure {
	if r == nil {
		return nil
	}
	return r.failure.Load()
}

// A reader is one of the goroutines.
type reader struct {
	*readers
	*rand.Rand
	buf    []byte
	walks  []*walk
	counts map[string]int64
}

func (r *reader) run() {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil { // the store may hold its locks: leave it alone
			r.failure.CompareAndSwap(nil, failed("C1", "a reader beside the writer: panic: %v\n%s", v, debug.Stack()))
		}
		for name, n := range r.counts {
			r.p.cfg.tally.add("reads beside the writer: "+name, r.p.o.Durability, n)
		}
	}()
	for !r.stopping.Load() && r.failure.Load() == nil {
		if f := r.read(); f != nil {
			f.text = "a reader beside the writer: " + f.text
			r.failure.CompareAndSwap(nil, f)
		}
		if r.IntN(4) == 0 {
			runtime.Gosched()
		}
	}
	for len(r.walks) > 0 {
		r.closeWalk(0)
	}
}

// read makes one read of some kind.
func (r *reader) read() *failure {
	switch at := r.IntN(20); {
	case at < 5:
		return r.get()
	case at < 8:
		return r.multiGet()
	case at < 10:
		return r.elements()
	case at < 11:
		return r.watermark()
	case at < 14:
		return r.probe()
	case at < 15 || len(r.walks) == 0:
		return r.openWalk()
	}
	return r.moveWalk()
}

// call makes a call on the store, if it is still the same as at the opening.
func (r *reader) call(f func(statelab.Store)) {
	r.calls.RLock()
	defer r.calls.RUnlock()
	f(r.p.store)
}

// key picks a key, often one that is being written.
func (r *reader) key() []byte {
	if hot := r.hot.Load(); hot != nil && r.IntN(2) == 0 {
		return (*hot)[r.IntN(len(*hot))]
	}
	return r.keys[r.IntN(len(r.keys))]
}

// fit judges a read that began at from.
func (r *reader) fit(name, clause string, from int, fits func(*model) bool, what func() string) *failure {
	r.counts[name]++
	if r.timeline.find(from, fits) {
		return nil
	}
	return failed(clause, "%s, %s", what(), r.timeline.where(from, fits))
}

func (r *reader) get() *failure {
	key := r.key()
	from := r.timeline.from()
	var err error
	r.call(func(s statelab.Store) { r.buf, err = s.Get(r.buf[:0], key) })
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return failed("K1", "Get(%s): %v", quote(key), err)
	}
	return r.fit("Get", "K12", from, func(m *model) bool {
		want, ok := m.value(string(key))
		return ok == (err == nil) && want == string(r.buf)
	}, func() string { return fmt.Sprintf("Get(%s) gives %s and %v", quote(key), quote(r.buf), err) })
}

// multiGet reads all keys that are being written, or some. Stores that have the
// ability must answer as of one moment.
func (r *reader) multiGet() *failure {
	var keys [][]byte
	if hot := r.hot.Load(); hot != nil && r.IntN(2) == 0 {
		keys = *hot
	} else {
		for range 1 + r.IntN(6) {
			keys = append(keys, r.key())
		}
	}
	from := r.timeline.from()
	got := make([]string, len(keys))
	there := make([]bool, len(keys))
	var err error
	atOnce := false
	r.call(func(s statelab.Store) {
		_, atOnce = s.(statelab.MultiGetStore)
		err = statelab.MultiGet(s, keys, func(i int, value []byte) { got[i], there[i] = string(value), true })
	})
	if err != nil {
		return failed("K1", "MultiGet: %v", err)
	}
	one := func(i int) func(m *model) bool {
		return func(m *model) bool {
			want, ok := m.value(string(keys[i]))
			return ok == there[i] && want == got[i]
		}
	}
	if atOnce {
		return r.fit("MultiGet", "K13", from, func(m *model) bool {
			for i := range keys {
				if !one(i)(m) {
					return false
				}
			}
			return true
		}, func() string { return fmt.Sprintf("MultiGet of %s gives %s", quoteAll(keys), quoteAll(got)) })
	}
	for i, key := range keys {
		if f := r.fit("MultiGet, key by key", "K12", from, one(i), func() string { return fmt.Sprintf("MultiGet gives for %s %s: %v", quote(key), quote(got[i]), there[i]) }); f != nil {
			return f
		}
	}
	return nil
}

func quoteAll[T ~string | ~[]byte](of []T) string {
	quoted := make([]string, len(of))
	for i, b := range of {
		quoted[i] = quote(b)
	}
	return fmt.Sprint(quoted)
}

func (r *reader) elements() *failure {
	if !r.apart {
		return r.get()
	}
	key := r.key()
	from := r.timeline.from()
	var got []element
	var err error
	r.call(func(s statelab.Store) {
		err = statelab.Elements(s, key, func(e []byte, expireAt int64) bool {
			got = append(got, element{string(e), expireAt})
			return true
		})
	})
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return failed("K6", "Elements(%s): %v", quote(key), err)
	}
	return r.fit("Elements", "K6", from, func(m *model) bool { return slices.Equal(got, m.records[string(key)]) },
		func() string { return fmt.Sprintf("Elements(%s) gives %s", quote(key), elementText(got)) })
}

func (r *reader) watermark() *failure {
	from := r.timeline.from()
	var got int64
	r.call(func(s statelab.Store) { got = s.Stats().Watermark })
	return r.fit("Stats", "T1", from, func(m *model) bool { return m.watermark == got },
		func() string { return fmt.Sprintf("Stats says that the watermark is %s", timeText(got)) })
}
