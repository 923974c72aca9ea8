package bench

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/statelab/statelab"
)

// Kinds of marks that do not come from the store's own reports.
const (
	markCheckpoint = "checkpoint" // a Sync that the driver asked for
	markGC         = "gc"         // the pauses of one collection of the Go heap
	markSlowest    = "slowest"    // one of the slowest calls; its note says what went on meanwhile
)

// maxMarks bounds the marks of a time line; of more the shorter half is dropped.
const maxMarks = 512

// A mark is something that went on beside the events, or for their sake.
// Times are those of the recorder, in nanoseconds.
type mark struct {
	kind            string
	start, duration int64
	bytes           int64
}

func (m *mark) end() int64 { return m.start + m.duration }

// marks collects marks. Any goroutine may add one.
type marks struct {
	base time.Time

	mu      sync.Mutex
	list    []mark // of a fixed capacity
	dropped int

	gc     debug.GCStats // reused; belongs to the recorder's goroutine
	gcSeen int64         // collections that are marked already
}

func (m *marks) init(base time.Time) {
	m.base = base
	m.list = make([]mark, 0, maxMarks)
	const history = 256 // of the runtime, in collections
	m.gc = debug.GCStats{Pause: make([]time.Duration, 0, 2*history+3), PauseEnd: make([]time.Time, 0, history)}
}

// reset forgets everything.
func (m *marks) reset() {
	m.mu.Lock()
	m.list, m.dropped = m.list[:0], 0
	m.mu.Unlock()
	debug.ReadGCStats(&m.gc)
	m.gcSeen = m.gc.NumGC
}

func (m *marks) add(k mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.list) == cap(m.list) {
		m.halve()
	}
	m.list = append(m.list, k)
}

// halve drops the shorter half.
func (m *marks) halve() {
	slices.SortFunc(m.list, func(a, b mark) int { return cmp.Compare(b.duration, a.duration) })
	keep := len(m.list) / 2
	m.dropped += len(m.list) - keep
	m.list = m.list[:keep]
}

// lacking returns how many marks were dropped.
func (m *marks) lacking() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dropped
}

// report is an Options.OnMaintenance.
func (m *marks) report(e statelab.MaintenanceEvent) {
	m.add(mark{e.Kind, int64(e.Start.Sub(m.base)), int64(e.Duration), e.Bytes})
}

// pollGC marks the collections that have ended since the last call. The runtime
// knows when the last pause of each ended, and how long its pauses were together.
func (m *marks) pollGC() {
	debug.ReadGCStats(&m.gc)
	fresh := min(m.gc.NumGC-m.gcSeen, int64(len(m.gc.Pause)))
	m.gcSeen = m.gc.NumGC
	for i := fresh - 1; i >= 0; i-- {
		pause := int64(m.gc.Pause[i])
		m.add(mark{kind: markGC, start: int64(m.gc.PauseEnd[i].Sub(m.base)) - pause, duration: pause})
	}
}

// within returns the marks that were, at least in part, between two times, in order.
func (m *marks) within(from, to int64) []mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []mark
	for _, k := range m.list {
		if k.end() >= from && k.start <= to {
			found = append(found, k)
		}
	}
	slices.SortStableFunc(found, func(a, b mark) int { return cmp.Compare(a.start, b.start) })
	return found
}

// A call is one that was slow.
type call struct {
	op              opKind
	start, duration int64
}

// slowestKept is how many of the slowest calls are kept.
const slowestKept = 8

// slowest keeps the slowest calls, the slowest first.
type slowest struct {
	floor int64 // what is not longer than this need not be added
	n     int
	calls [slowestKept]call
}

func (s *slowest) reset() { *s = slowest{} }

func (s *slowest) add(c call) {
	at := s.n
	if s.n < slowestKept {
		s.n++
	} else {
		at--
	}
	for at > 0 && s.calls[at-1].duration < c.duration {
		s.calls[at] = s.calls[at-1]
		at--
	}
	s.calls[at] = c
	if s.n == slowestKept {
		s.floor = s.calls[s.n-1].duration
	}
}

// during says what else went on during a call, and for how much of it: the
// name of a stall. Preemptions are those of the slots that it was in.
func (c *call) during(all []mark, preemptions int64) string {
	var kinds []string
	shared := map[string]int64{}
	for i := range all {
		k := &all[i]
		if k.end() < c.start || k.start > c.start+c.duration {
			continue
		}
		if !slices.Contains(kinds, k.kind) {
			kinds = append(kinds, k.kind)
		}
		shared[k.kind] += min(k.end(), c.start+c.duration) - max(k.start, c.start)
	}
	slices.SortStableFunc(kinds, func(a, b string) int { return cmp.Compare(shared[b], shared[a]) })
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%s %s ms", kind, humanFloat(float64(shared[kind])/1e6))
	}
	if preemptions > 0 {
		kinds = append(kinds, fmt.Sprintf("%d preemptions thereabouts", preemptions))
	}
	if len(kinds) == 0 {
		kinds = []string{"nothing that is marked"}
	}
	return opNames[c.op] + "; meanwhile " + strings.Join(kinds, ", ")
}
