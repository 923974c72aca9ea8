// Package perf reads the processor's event counters: instructions, cycles,
// cache misses, as perf_event_open(2) gives them.
//
//	thread 1   thread 2   thread 3 ...    at the time of Open
//	 │ instr.   │ instr.   │ instr.
//	 │ cycles   │ cycles   │ cycles       one counter for each pair, inherited
//	 │ ...      │ ...      │ ...          by the threads that a thread starts
//	 └──────────┴──────────┘
//	        Read: sums, by event
//
// # Words
//
// An [Event] is what the processor counts, such as a miss in the first-level data
// cache. A [Set] counts several events for all threads of this process. A
// [Snapshot] is what the counters say at a moment; the difference of two is what
// happened between them.
//
// # Rules
//
//	E1  Every thread of the process is counted once, those that are started later included.
//	E2  Only what runs in user mode is counted: the kernel allows no more to an
//	    ordinary user (perf_event_paranoid=2), and a figure must not depend on who measures.
//	E3  A processor has fewer counters than events; the kernel then lets them take
//	    turns, and a count is scaled by the share of time it was on. One that was
//	    never on is absent.
//	E4  An event that this machine cannot count is absent, with the reason.
//
// Virtual machines often expose no counters at all; Open's error then says so.
// The kernel's software events (processor time, page faults) can be counted
// everywhere, and the tests use them.
package perf

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Event is something that a processor or the kernel counts.
type Event struct {
	Name   string // such as "instructions"
	kind   uint32 // perf_event_attr.type
	config uint64 // perf_event_attr.config
}

// The kinds of events and their numbers, as <linux/perf_event.h> has them.
const (
	kindHardware = 0
	kindSoftware = 1
	kindCache    = 3

	hardwareCycles       = 0
	hardwareInstructions = 1
	hardwareBranchMisses = 5

	softwareTaskClock  = 1 // ns
	softwarePageFaults = 2

	cacheL1D  = 0
	cacheLL   = 2
	cacheDTLB = 3
)

// readMisses is the number of a cache's event: which cache, reads (0), misses (1).
func readMisses(cache uint64) uint64 { return cache | 0<<8 | 1<<16 }

// Names of the events that Hardware returns.
const (
	Instructions = "instructions"
	Cycles       = "cycles"
	L1DMisses    = "L1D read misses"
	LLMisses     = "LL read misses" // last-level cache
	BranchMisses = "branch misses"
	DTLBMisses   = "dTLB read misses"
)

// Hardware returns the events of the processor that cost of a data structure
// shows in.
func Hardware() []Event {
	return []Event{
		{Instructions, kindHardware, hardwareInstructions},
		{Cycles, kindHardware, hardwareCycles},
		{L1DMisses, kindCache, readMisses(cacheL1D)},
		{LLMisses, kindCache, readMisses(cacheLL)},
		{BranchMisses, kindHardware, hardwareBranchMisses},
		{DTLBMisses, kindCache, readMisses(cacheDTLB)},
	}
}

// A source is one counter: one event of one thread, and of those it has
// started since.
type source interface {
	read() (count, error)
	Close() error
}

// A count is what the kernel says of a counter: its value, and for how many
// nanoseconds it should have counted and did.
type count struct{ value, enabled, running uint64 }

// A machine is where threads run and counters are opened.
type machine interface {
	threads() ([]int, error) // of this process
	open(e Event, thread int) (source, error)
}

// A Set counts events for all threads of this process. It is not safe for
// concurrent use.
type Set struct {
	events  []Event
	sources [][]source // by event
	missing map[string]error
}

// A Snapshot is what a set's counters say at a moment, by event and source.
type Snapshot struct{ counts [][]count }

// Open starts counting events. Those that cannot be counted are in
// Missing; if none can, that is an error which says why.
func Open(events []Event) (*Set, error) { return open(thisMachine{}, events) }

// attempts is how often Open tries to catch the process between two
// starts of threads. It takes microseconds, and threads are started rarely.
const attempts = 10

func open(m machine, events []Event) (*Set, error) {
	for range attempts {
		before, err := m.threads()
		if err != nil {
			return nil, fmt.Errorf("list threads: %w", err)
		}
		s, err := openFor(m, events, before)
		if err != nil {
			return nil, err
		}
		// A thread that appeared meanwhile is counted if its parent was, and
		// nobody knows whether it was. So it must not have appeared (E1).
		after, err := m.threads()
		if err == nil && slices.Equal(before, after) {
			return s, nil
		}
		if err := errors.Join(err, s.Close()); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("this process starts threads faster than they can be counted")
}

// openFor opens a counter for each event and thread.
func openFor(m machine, events []Event, threads []int) (*Set, error) {
	s := &Set{missing: map[string]error{}}
	for _, e := range events {
		sources, err := openEvent(m, e, threads)
		if err != nil {
			s.missing[e.Name] = err
			continue
		}
		s.events = append(s.events, e)
		s.sources = append(s.sources, sources)
	}
	if len(s.events) == 0 {
		return nil, reasons(events, s.missing)
	}
	return s, nil
}

func openEvent(m machine, e Event, threads []int) ([]source, error) {
	var sources []source
	for _, thread := range threads {
		src, err := m.open(e, thread)
		if err != nil {
			return nil, errors.Join(err, closeAll(sources))
		}
		sources = append(sources, src)
	}
	return sources, nil
}

// reasons is why no event can be counted: the one reason, or each with its event.
func reasons(events []Event, missing map[string]error) error {
	var texts []string
	same := true
	for _, e := range events {
		same = same && missing[e.Name].Error() == missing[events[0].Name].Error()
		texts = append(texts, e.Name+": "+missing[e.Name].Error())
	}
	switch {
	case len(events) == 0:
		return errors.New("no event was asked for")
	case same:
		return missing[events[0].Name]
	}
	return errors.New(strings.Join(texts, "; "))
}

// Missing returns the events that are not counted, and why.
func (s *Set) Missing() map[string]error { return s.missing }

// Read returns what the counters say now.
func (s *Set) Read() (Snapshot, error) {
	snap := Snapshot{counts: make([][]count, len(s.sources))}
	for i, sources := range s.sources {
		snap.counts[i] = make([]count, len(sources))
		for j, src := range sources {
			c, err := src.read()
			if err != nil {
				return Snapshot{}, fmt.Errorf("read counter of %s: %w", s.events[i].Name, err)
			}
			snap.counts[i][j] = c
		}
	}
	return snap, nil
}

// Since returns how often each event happened between two snapshots of this
// set, by name. An event that was never on while it should have been is absent.
func (s *Set) Since(before, after Snapshot) map[string]float64 {
	events := map[string]float64{}
	for i, e := range s.events {
		sum, known := 0.0, true
		for j := range s.sources[i] {
			v, ok := after.counts[i][j].since(before.counts[i][j])
			sum, known = sum+v, known && ok
		}
		if known {
			events[e.Name] = sum
		}
	}
	return events
}

// since returns the value between two readings of a counter, scaled to the time
// in which it should have counted (E3); false if it was never on in it.
func (c count) since(before count) (float64, bool) {
	enabled, running := c.enabled-before.enabled, c.running-before.running
	switch {
	case enabled == 0:
		return 0, true // its threads did not run
	case running == 0:
		return 0, false
	}
	return float64(c.value-before.value) * float64(enabled) / float64(running), true
}

// Close stops counting.
func (s *Set) Close() error {
	var errs []error
	for _, sources := range s.sources {
		errs = append(errs, closeAll(sources))
	}
	s.events, s.sources = nil, nil
	return errors.Join(errs...)
}

func closeAll(sources []source) error {
	var errs []error
	for _, src := range sources {
		errs = append(errs, src.Close())
	}
	return errors.Join(errs...)
}
