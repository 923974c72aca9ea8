package bench

import (
	rtmetrics "runtime/metrics"
	"time"

	"github.com/statelab/statelab/bench/host"
)

// The time line has between half of maxSlots and maxSlots slots, of firstSlot
// times a power of two each: whenever all are full, two by two become one.
const (
	maxSlots  = 256
	firstSlot = int64(10 * time.Millisecond)
)

// A slot is what happened in one stretch of the measured phase. A call belongs
// to the slot in which the event arrived that it was made for.
type slot struct {
	events   int64
	longest  [opKinds]int64 // ns
	lag      int64          // the greatest, ns
	leastLag int64          // ns; noLag if no event arrived
	heap     uint64         // bytes of heap objects at its end
	// preempted is how often a thread of this process had to give up its
	// processor though it could have gone on: to a neighbour, or to one of its own.
	preempted int64
}

// noLag is the least lag of a slot in which no event arrived.
const noLag = int64(1<<63 - 1)

func (s *slot) take(op opKind, d int64) {
	if d > s.longest[op] {
		s.longest[op] = d
	}
}

// merge makes s what s and the slot after it were together.
func (s *slot) merge(next *slot) {
	s.events += next.events
	for op, d := range next.longest {
		s.take(opKind(op), d)
	}
	s.preempted += next.preempted
	s.lag, s.leastLag, s.heap = max(s.lag, next.lag), min(s.leastLag, next.leastLag), next.heap
}

// slots cuts time into slots of equal length. Its memory is bounded, and it
// allocates nothing after init.
type slots struct {
	current *slot
	end     int64 // of the current slot, as the recorder's times
	from    int64 // when the first began
	length  int64
	n       int // slots begun
	all     []slot
	heap    []rtmetrics.Sample
	// preempted is the process's count of preemptions when a slot last ended.
	preempted int64
}

func (s *slots) init() {
	s.all = make([]slot, maxSlots)
	s.heap = []rtmetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	s.begin(0)
}

// begin forgets everything and starts again.
func (s *slots) begin(now int64) {
	s.from, s.length, s.n = now, firstSlot, 0
	s.preempted = host.ReadUsage().Involuntary
	s.open()
}

// open begins the next slot.
func (s *slots) open() {
	s.all[s.n] = slot{leastLag: noLag}
	s.current = &s.all[s.n]
	s.n++
	s.end = s.from + int64(s.n)*s.length
}

// roll ends slots until now is within the current one.
func (s *slots) roll(now int64) {
	if now < s.end {
		return
	}
	heap := s.gauge()
	for now >= s.end {
		s.current.heap = heap
		if s.n == len(s.all) {
			s.double()
			continue
		}
		s.open()
	}
	s.current.heap = heap
}

// gauge looks at what is not told call by call: heap and preemptions.
func (s *slots) gauge() (heap uint64) {
	preempted := host.ReadUsage().Involuntary
	s.current.preempted += preempted - s.preempted
	s.preempted = preempted
	rtmetrics.Read(s.heap)
	return s.heap[0].Value.Uint64()
}

// close ends the last slot.
func (s *slots) close(now int64) {
	s.roll(now)
	s.current.heap = s.gauge()
}

// preemptions returns how many there were in the slots from one time to another.
func (s *slots) preemptions(from, to int64) (n int64) {
	used := s.used()
	first := max(0, (from-s.from)/s.length)
	last := min((to-s.from)/s.length, int64(len(used))-1)
	for i := first; i <= last; i++ {
		n += used[i].preempted
	}
	return n
}

// double makes one slot of each two.
func (s *slots) double() {
	for i := range s.n / 2 {
		s.all[i] = s.all[2*i]
		s.all[i].merge(&s.all[2*i+1])
	}
	s.n /= 2
	s.length *= 2
	s.current = &s.all[s.n-1]
	s.end = s.from + int64(s.n)*s.length
}

// used returns the slots that were begun.
func (s *slots) used() []slot { return s.all[:s.n] }

// leastLag returns the least lag of the last tenth of the slots, in
// nanoseconds: what could not be caught up with to the end. It is 0 without any.
func (s *slots) leastLag() int64 {
	used := s.used()
	least := noLag
	for i := len(used) - 1; i >= 0 && (i >= len(used)*9/10 || least == noLag); i-- {
		least = min(least, used[i].leastLag)
	}
	if least == noLag {
		return 0
	}
	return least
}
