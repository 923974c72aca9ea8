package mrc

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
)

// Limits bound what a Sampler keeps. Zero fields are replaced by those of
// DefaultLimits, but for Shift.
type Limits struct {
	// Blocks is how many sampled blocks of a kind there may be at one time; with
	// one more the kind's rate is halved. Least is how many have to be left for a
	// rate to be halved because the trace is full.
	Blocks, Least int

	// Events is how many events a trace holds.
	Events int

	// Shift makes the first rate of every kind 1/2^Shift.
	Shift uint8
}

// DefaultLimits take at most 64 MiB for events, as they come, and about as much
// for blocks.
// Of a kind whose rate is halved some 32 thousand blocks are left. With the 8
// thousand that SHARDS finds enough, one in six of the curves of this package's
// synthetic streams was off by more than 2 percentage points at its worst point, and one
// by 3.7; with 16 thousand none by more than 1.96, with 32 thousand by 1.33.
func DefaultLimits() Limits { return Limits{Blocks: 64 << 10, Least: 8 << 10, Events: 16 << 20} }

// maxKinds is how many kinds of block have a rate of their own; kinds beyond
// share the last.
const maxKinds = 16

// A Sampler records what stores tell of their blocks. It is safe for concurrent use.
type Sampler struct {
	limits Limits
	seed   uint64

	mu      sync.Mutex
	kinds   []stratum
	entries []entry
	numbers map[name]int32 // of the sampled blocks that exist
	newest  map[uint64]int32
	memory  []byte // for events
	trace   Trace
	begun   bool
	ended   bool
}

// A stratum is the blocks of one kind.
type stratum struct {
	kind  string
	shift uint8 // the rate is 1/2^shift
	live  int   // sampled blocks that exist
}

// A name is that of a block while it exists.
type name struct{ file, block uint64 }

// An entry is a sampled block.
type entry struct {
	name
	bytes int32
	older int32 // entry of the same file, or none
	kind  uint8
	gone  bool
}

// NewSampler returns a sampler, to be closed. Samples of other seeds are of
// other blocks. The only error is that the system has no memory.
func NewSampler(l Limits, seed uint64) (*Sampler, error) {
	d := DefaultLimits()
	for _, f := range []struct {
		at   *int
		zero int
	}{{&l.Blocks, d.Blocks}, {&l.Least, d.Least}, {&l.Events, d.Events}} {
		if *f.at == 0 {
			*f.at = f.zero
		}
	}
	memory, err := offheap.Alloc(l.Events * eventSize)
	if err != nil {
		return nil, fmt.Errorf("sample blocks: %w", err)
	}
	return &Sampler{
		limits: l, seed: seed, memory: memory,
		kinds:   make([]stratum, 0, maxKinds),
		numbers: map[name]int32{}, newest: map[uint64]int32{},
	}, nil
}

// Close gives the memory back. The trace is gone with it.
func (s *Sampler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	offheap.Free(s.memory)
	s.memory, s.trace, s.ended = nil, Trace{}, true
}

// Begin says that what comes now counts. What came before only says what
// caches would hold.
func (s *Sampler) Begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun, s.trace.begin, s.trace.LookUps = true, s.trace.len(), 0
}

// Trace ends the recording, since a store may go on in the background, and
// returns what was recorded.
func (s *Sampler) Trace() *Trace {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	t := &s.trace
	t.blocks = make([]block, len(s.entries))
	t.Sampled, t.Rate = len(s.entries), 1
	for i := range s.entries {
		e := &s.entries[i]
		shift := s.kinds[e.kind].shift
		t.blocks[i] = block{bytes: int64(e.bytes) << shift, weight: 1 << shift}
		t.Rate = min(t.Rate, 1/float64(int64(1)<<shift))
	}
	return t
}

// Record takes what a store tells. It allocates only when the sample grows.
func (s *Sampler) Record(a statelab.BlockAccess) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.trace.Cut {
		return
	}
	if a.Event == statelab.BlockGone {
		s.forget(a)
		return
	}
	n, kind := name{a.File, a.Block}, s.kindOf(a.Kind)
	if s.sampled(n, kind) && !s.makeRoom(1) {
		return
	}
	op := uint32(opMade)
	if a.Event.LookUp() {
		op = opLookUp
		s.trace.LookUps++
	}
	if !s.sampled(n, kind) { // room may have been made by sampling less
		return
	}
	number, known := s.numbers[n]
	if !known {
		number = s.admit(n, kind, a.Bytes)
	}
	s.append(number, op)
	for s.kinds[kind].live > s.limits.Blocks {
		s.kinds[kind].shift++
		s.rebuild(0)
	}
}

// sampled says whether a block is below the threshold of its kind.
func (s *Sampler) sampled(n name, kind uint8) bool {
	return n.hash(s.seed)>>(64-s.kinds[kind].shift) == 0
}

// hash is the finalizer of splitmix64, over both numbers.
func (n name) hash(seed uint64) uint64 {
	return mix(mix(n.file^seed*0x9e3779b97f4a7c15) ^ n.block)
}

func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (s *Sampler) kindOf(kind string) uint8 {
	for i := range s.kinds {
		if s.kinds[i].kind == kind {
			return uint8(i)
		}
	}
	if len(s.kinds) == maxKinds {
		return maxKinds - 1
	}
	s.kinds = append(s.kinds, stratum{kind: kind, shift: s.limits.Shift})
	return uint8(len(s.kinds) - 1)
}

// admit makes an entry of a block that was not known.
func (s *Sampler) admit(n name, kind uint8, bytes int) int32 {
	number := int32(len(s.entries))
	s.entries = append(s.entries, entry{name: n, kind: kind, bytes: int32(bytes)})
	s.list(number)
	return number
}

// list makes an entry that exists known by its name and its file.
func (s *Sampler) list(number int32) {
	e := &s.entries[number]
	older, ok := s.newest[e.file]
	if !ok {
		older = none
	}
	e.older = older
	s.newest[e.file], s.numbers[e.name] = number, number
	s.kinds[e.kind].live++
}

// forget takes note that a block, or a file, is no more.
func (s *Sampler) forget(a statelab.BlockAccess) {
	if a.Block == statelab.AllBlocks {
		s.forgetFile(a.File)
		return
	}
	n := name{a.File, a.Block}
	if _, ok := s.numbers[n]; !ok || !s.makeRoom(1) {
		return
	}
	if number, ok := s.numbers[n]; ok { // room may have been made by sampling less
		s.bury(number)
	}
}

func (s *Sampler) forgetFile(file uint64) {
	live := 0
	s.eachLive(file, func(int32) { live++ })
	if s.makeRoom(live) {
		s.eachLive(file, s.bury)
		delete(s.newest, file)
	}
}

// eachLive calls do for the sampled blocks of a file that exist.
func (s *Sampler) eachLive(file uint64, do func(number int32)) {
	number, ok := s.newest[file]
	for ok && number != none {
		if !s.entries[number].gone {
			do(number)
		}
		number = s.entries[number].older
	}
}

func (s *Sampler) bury(number int32) {
	e := &s.entries[number]
	e.gone = true
	delete(s.numbers, e.name)
	s.kinds[e.kind].live--
	s.append(number, opGone)
}

// append adds an event, which the caller has made sure there is room for.
func (s *Sampler) append(number int32, op uint32) {
	events := s.trace.events
	s.trace.events = s.memory[:len(events)+eventSize]
	binary.LittleEndian.PutUint32(s.trace.events[len(events):], uint32(number)<<eventOps|op)
}
