package mrc

// eventsPerBlock bounds the entries: there is one for so many events that fit.
// An entry takes ten times as much as an event, and a block that is worth a look
// has several.
const eventsPerBlock = 16

// makeRoom makes room for n events more, or says that there cannot be: the trace
// ends here then.
func (s *Sampler) makeRoom(n int) bool {
	for s.trace.len()+n > s.limits.Events || len(s.entries) >= s.limits.Events/eventsPerBlock {
		if !s.halve() && !s.shed() {
			s.trace.Cut = true
			return false
		}
	}
	return true
}

// halve halves the rates of all kinds that have blocks enough, if there are any.
func (s *Sampler) halve() bool {
	var left [maxKinds]int // live blocks, once the kind's rate is halved
	for _, number := range s.numbers {
		e := &s.entries[number]
		if e.hash(s.seed)>>(63-s.kinds[e.kind].shift) == 0 {
			left[e.kind]++
		}
	}
	some := false
	for kind := range s.kinds {
		if left[kind] >= s.limits.Least {
			s.kinds[kind].shift++
			some = true
		}
	}
	if some {
		s.rebuild(0)
	}
	return some
}

// shed forgets the older half of what came before Begin, if that is anything.
func (s *Sampler) shed() bool {
	before := s.trace.begin
	if !s.begun {
		before = s.trace.len()
	}
	if before == 0 {
		return false
	}
	s.trace.Shed = true
	s.rebuild((before + 1) / 2)
	return true
}

// rebuild forgets the events before the one with index from, and all of blocks
// that are sampled no more. Blocks without events are forgotten too.
func (s *Sampler) rebuild(from int) {
	t := &s.trace
	used := make([]bool, len(s.entries))
	for i := from; i < t.len(); i++ {
		number, _ := t.event(i)
		used[number] = true
	}
	renumbered := s.keepEntries(used)
	events, begin := t.events, 0
	old := *t
	t.events = s.memory[:0]
	for i := from; i < len(events)/eventSize; i++ {
		number, op := old.event(i)
		if i == old.begin {
			begin = t.len()
		}
		if now := renumbered[number]; now != none {
			s.append(now, op)
		}
	}
	if old.begin >= old.len() {
		begin = t.len()
	}
	t.begin = begin
}

// keepEntries keeps the entries that are used and still sampled, and returns the
// new numbers of all.
func (s *Sampler) keepEntries(used []bool) []int32 {
	renumbered := make([]int32, len(used))
	kept := s.entries[:0]
	for i, e := range s.entries {
		renumbered[i] = none
		if used[i] && s.sampled(e.name, e.kind) {
			renumbered[i] = int32(len(kept))
			kept = append(kept, e)
		}
	}
	s.entries = kept
	clear(s.numbers)
	clear(s.newest)
	for kind := range s.kinds {
		s.kinds[kind].live = 0
	}
	for number := range s.entries {
		if !s.entries[number].gone {
			s.list(int32(number))
		}
	}
	return renumbered
}
