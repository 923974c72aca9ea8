package storetest

import "github.com/statelab/statelab"

func timeCases() []testCase {
	return []testCase{
		{"T1", "start and way", settled, watermarkRises},
		{"T2", "comes back", 0, watermarkReturns},
		{"T2", "in its place", 0, watermarkInPlace},
	}
}

func (s *store) wantWatermark(want int64) {
	s.l.Helper()
	if got := s.Stats().Watermark; got != want {
		s.l.fail("the watermark is %s, want %s", timeText(got), timeText(want))
	}
}

func watermarkRises(l *lab) {
	s := l.open()
	s.wantWatermark(statelab.MinWatermark)
	s.put("k", "v", 5)
	s.advance(statelab.MinWatermark)
	s.wantWatermark(statelab.MinWatermark)
	s.advance(-7)
	s.wantWatermark(-7)
	s.advance(4)
	s.advance(-100)
	s.advance(3)
	s.advance(4)
	s.wantWatermark(4)
	s.wantAll("k", "v")
	s.advance(9)
	s.advance(4)
	s.wantWatermark(9)
	s.wantAll()
	s.put("dead", "v", 9)
	s.put("live", "v", 10)
	s.wantAll("live", "v")
}

// watermarkReturns reopens a store after a Sync, and after a Close without one.
func watermarkReturns(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		o := l.options()
		o.Durability = d
		s := l.openWith(o)
		s.advance(5)
		s.sync()
		s.reopen()
		s.wantWatermark(5)
		s.advance(8) // alone: no Apply and no Sync follows
		s.reopen()
		if d == statelab.DurabilityCheckpoint {
			s.wantWatermark(5)
		} else {
			s.wantWatermark(8)
		}
	})
}

// watermarkInPlace advances between Applies of elements that are dead
// afterwards but not before, so that a replay out of order shows.
func watermarkInPlace(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		o := l.options()
		o.Durability = d
		s := l.openWith(o)
		s.put("k", "old", never)
		s.put("dies", "v", 5)
		s.add("mixed", "1", 5)
		s.advance(5)
		s.put("dies late", "v", 6)
		s.put("dead", "v", 5)
		s.put("k", "dead on arrival", 5)
		s.add("mixed", "2", 6)
		s.sync()
		s.reopen()
		s.wantWatermark(5)
		s.wantAll("dies late", "v", "mixed", "2")
		s.add("k", "new", never)
		s.advance(6)
		s.sync()
		s.reopen()
		s.wantAll("k", "new")
	})
}
