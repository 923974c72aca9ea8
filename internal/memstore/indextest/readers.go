package indextest

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/epoch"
	"github.com/statelab/statelab/internal/memstore"
)

// A limbo keeps what is unlinked until no reader can look at it.
type limbo struct {
	a       *arena.Arena
	epoch   epoch.Domain
	waiting []unlinked
}

type unlinked struct {
	ref    arena.Ref
	size   int
	period uint64
}

// Retire implements memstore.Retirer.
func (l *limbo) Retire(ref arena.Ref, size int) {
	l.waiting = append(l.waiting, unlinked{ref, size, l.epoch.Period()})
}

func (l *limbo) retireRecord(ref arena.Ref) { l.Retire(ref, 0) }

// turn moves time on, and frees what is free.
func (l *limbo) turn() {
	l.epoch.Advance()
	for len(l.waiting) > 0 && l.epoch.Period() >= l.waiting[0].period+epoch.Grace {
		u := l.waiting[0]
		l.waiting = l.waiting[1:]
		if u.size == 0 {
			memstore.Keys{Mem: l.a}.FreeRecord(u.ref)
		} else {
			l.a.Free(u.ref, u.size)
		}
	}
}

func (l *limbo) drain() {
	for len(l.waiting) > 0 {
		l.turn()
		runtime.Gosched()
	}
}

// Of the keys that readers look for, multiples of stayEvery are always there;
// every stayEvery-th of those is replaced all the time, and all others come and go.
const (
	readerKeys = 400
	stayEvery  = 4
)

func readerKey(i int) []byte {
	key := append([]byte("key"), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(key[3:], uint32(i))
	return key
}

// runReaders lets readers check, beside a writer, that the records which are
// there all the time are found in every way, and that keys come in order.
func runReaders(t *testing.T, newArena func() *arena.Arena, make Make) {
	m := newModel(t, newArena, make, 5)
	defer m.release()
	for i := range readerKeys {
		if i%stayEvery == 0 {
			m.insert(string(readerKey(i)))
		}
	}
	var (
		stop    atomic.Bool
		readers sync.WaitGroup
	)
	for seed := range uint64(3) {
		readers.Go(func() {
			r := &reader{T: t, x: m.x, of: m.of, rnd: rand.New(rand.NewPCG(seed, 3))}
			for !stop.Load() && !t.Failed() {
				g := m.epoch.Enter()
				r.read()
				m.epoch.Leave(g)
				runtime.Gosched()
			}
		})
	}
	for i := 0; i < 3000 && !t.Failed(); i++ {
		m.churn(m.rnd.IntN(readerKeys))
		runtime.Gosched()
	}
	stop.Store(true)
	readers.Wait()
	m.compare()
}

// churn inserts, replaces or removes a key.
func (m *model) churn(i int) {
	key := string(readerKey(i))
	switch at, found := m.find(key); {
	case i%(stayEvery*stayEvery) == 0:
		m.replace(at)
	case i%stayEvery == 0:
	case found:
		m.remove(at)
	default:
		m.insert(key)
	}
}

// A reader looks at an index beside its writer.
type reader struct {
	*testing.T
	x    memstore.Index
	of   memstore.Keys
	rnd  *rand.Rand
	refs [40]arena.Ref
}

func (r *reader) read() {
	i := r.rnd.IntN(readerKeys)
	key := readerKey(i)
	if ref := r.x.Find(key); ref == 0 && i%stayEvery == 0 || ref != 0 && string(r.of.Of(ref)) != string(key) {
		r.Errorf("Find(%x) is record %d", key, ref)
	}
	refs := r.refs[: 0 : 1+r.rnd.IntN(len(r.refs))]
	up := r.x.Ascend(refs, key, false)
	r.check("Ascend", up, i, readerKeys, 1, len(up) == cap(refs))
	down := r.x.Descend(refs, key, false)
	r.check("Descend", down, i-1, -1, -1, len(down) == cap(refs))
}

// check verifies that records are in order, from key number i towards number
// end, and that none is left out which is there all the time.
func (r *reader) check(what string, refs []arena.Ref, i, end, step int, full bool) {
	for n, ref := range refs {
		key := r.of.Of(ref)
		if len(key) != 7 {
			r.Errorf("%s: record %d has the key %x", what, n, key)
			return
		}
		at := int(binary.BigEndian.Uint32(key[3:]))
		for ; i != at && i != end; i += step {
			if i%stayEvery == 0 {
				r.Errorf("%s: record %d has key %d, and key %d is left out", what, n, at, i)
				return
			}
		}
		if i == end {
			r.Errorf("%s: record %d has key %d, out of order", what, n, at)
			return
		}
		i += step
	}
	for ; !full && i != end; i += step {
		if i%stayEvery == 0 {
			r.Errorf("%s: key %d is left out after %d records", what, i, len(refs))
			return
		}
	}
}
