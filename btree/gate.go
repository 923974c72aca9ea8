package btree

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statelab/statelab/internal/epoch"
)

// A gate keeps readers apart from the moments in which the writer changes what they
// read: pages of the trees where they are, and which pages the trees are. Through an
// open gate a reader goes without a lock, by two atomic additions to a counter that it
// shares with few others (package epoch), and so does not slow other readers down.
//
//	reader   enter ..... leave            enter  (waits)   ...
//	writer                     close .................. open
//	                           waits for who is inside
type gate struct {
	readers epoch.Domain
	closed  atomic.Bool
	mu      sync.Mutex // held by the writer while the gate is closed
	waits   int        // how often a reader had to wait since the gate was last closed; guarded by mu
}

// enter lets a reader in, who must not enter again before it leaves.
func (g *gate) enter() epoch.Guard {
	for {
		in := g.readers.Enter()
		if !g.closed.Load() {
			return in
		}
		g.readers.Leave(in)
		g.mu.Lock()
		g.waits++
		g.mu.Unlock()
	}
}

// leave lets a reader out.
func (g *gate) leave(in epoch.Guard) { g.readers.Leave(in) }

// spins is how often the writer looks whether readers have left before it sleeps in
// between: by then one of them is reading from the file.
const (
	spins = 64
	nap   = 20 * time.Microsecond
)

// close keeps readers out, and returns when the last one has left. It says whether
// there were any, then or since it was closed before.
func (g *gate) close() (some bool) {
	g.mu.Lock()
	some = g.waits > 0
	g.waits = 0
	g.closed.Store(true)
	// A reader who was not counted when the stripes were looked at finds the gate closed.
	for passed, tries := 0, 0; passed < epoch.Grace; tries++ {
		switch {
		case g.readers.Advance():
			passed++
			continue
		case tries < spins:
			runtime.Gosched()
		default:
			time.Sleep(nap)
		}
		some = true
	}
	return some
}

// open lets readers in again.
func (g *gate) open() {
	g.closed.Store(false)
	g.mu.Unlock()
}
