package perf

import (
	"errors"
	"strings"
	"testing"
)

// fake is a machine with threads and counters as a test wants them.
type fake struct {
	lists  [][]int          // what threads returns, call by call; the last one from then on
	refuse map[string]error // events that cannot be opened
	opened []*fakeSource
}

type fakeSource struct {
	event  string
	thread int
	count  count
	err    error
	closed int
}

func (s *fakeSource) read() (count, error) { return s.count, s.err }
func (s *fakeSource) Close() error         { s.closed++; return nil }

func (f *fake) threads() ([]int, error) {
	list := f.lists[0]
	if len(f.lists) > 1 {
		f.lists = f.lists[1:]
	}
	return list, nil
}

func (f *fake) open(e Event, thread int) (source, error) {
	if err := f.refuse[e.Name]; err != nil {
		return nil, err
	}
	s := &fakeSource{event: e.Name, thread: thread}
	f.opened = append(f.opened, s)
	return s, nil
}

// open returns the sources that are not closed.
func (f *fake) alive() (alive []*fakeSource) {
	for _, s := range f.opened {
		if s.closed == 0 {
			alive = append(alive, s)
		}
	}
	return alive
}

func TestCountsAreSummedOverThreadsAndScaledByTurns(t *testing.T) {
	f := &fake{lists: [][]int{{10, 11}}}
	s, err := open(f, Hardware()[:2])
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, src := range f.opened {
		src.count = count{value: 500, enabled: 1000, running: 1000}
	}
	before, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range f.opened {
		switch {
		case src.event == Instructions && src.thread == 10: // on all the time
			src.count = count{value: 800, enabled: 2000, running: 2000}
		case src.event == Instructions: // on a quarter of the time: 100 stand for 400
			src.count = count{value: 600, enabled: 2000, running: 1250}
		case src.thread == 10: // on for none of the time
			src.count = count{value: 500, enabled: 2000, running: 1000}
		} // and a thread that did not run
	}
	after, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	got := s.Since(before, after)
	if got[Instructions] != 300+400 {
		t.Errorf("%v instructions, not 700", got[Instructions])
	}
	if v, ok := got[Cycles]; ok {
		t.Errorf("%v cycles, of a counter that was never on", v)
	}
}

// A thread that has not run since is no reason to know nothing.
func TestAThreadThatSleepsCountsNothing(t *testing.T) {
	before := count{value: 5, enabled: 100, running: 50}
	if v, ok := before.since(before); v != 0 || !ok {
		t.Errorf("%v, %v", v, ok)
	}
}

func TestEventsThatAreMissingSayWhy(t *testing.T) {
	none := errors.New("no such counter")
	f := &fake{lists: [][]int{{10}}, refuse: map[string]error{LLMisses: none}}
	s, err := open(f, Hardware())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(s.Missing()) != 1 || !errors.Is(s.Missing()[LLMisses], none) {
		t.Errorf("missing: %v", s.Missing())
	}
	snap, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	if counted := s.Since(snap, snap); len(counted) != len(Hardware())-1 {
		t.Errorf("counted: %v", counted)
	}
}

func TestNoCounterAtAllIsAnErrorThatSaysWhy(t *testing.T) {
	none, forbidden := errors.New("none here"), errors.New("forbidden")
	refuse := map[string]error{}
	for _, e := range Hardware() {
		refuse[e.Name] = none
	}
	if _, err := open(&fake{lists: [][]int{{10}}, refuse: refuse}, Hardware()); err == nil || err.Error() != "none here" {
		t.Errorf("error %v instead of the one reason", err)
	}
	refuse[Cycles] = forbidden
	if _, err := open(&fake{lists: [][]int{{10}}, refuse: refuse}, Hardware()); err == nil || !strings.Contains(err.Error(), "cycles: forbidden; ") {
		t.Errorf("error %v instead of each event's reason", err)
	}
	if _, err := open(&fake{lists: [][]int{{10}}}, nil); err == nil {
		t.Error("a set of nothing was opened")
	}
}

// A thread that is born while counters are opened might be counted twice or
// not at all, so everything is opened anew.
func TestNoThreadIsCountedTwice(t *testing.T) {
	f := &fake{lists: [][]int{{10}, {10, 11}, {10, 11}}}
	s, err := open(f, Hardware()[:1])
	if err != nil {
		t.Fatal(err)
	}
	if alive := f.alive(); len(alive) != 2 || alive[0].thread != 10 || alive[1].thread != 11 || len(f.opened) != 3 {
		t.Errorf("%d counters were opened, %d are alive", len(f.opened), len(alive))
	}
	if err := s.Close(); err != nil || len(f.alive()) != 0 {
		t.Errorf("error %v, %d counters are left", err, len(f.alive()))
	}
	var restless [][]int
	for i := range 2*attempts + 1 {
		restless = append(restless, []int{i})
	}
	f = &fake{lists: restless}
	if _, err := open(f, Hardware()[:1]); err == nil || len(f.alive()) != 0 {
		t.Errorf("error %v, %d counters are left", err, len(f.alive()))
	}
}

func TestACounterThatCannotBeReadIsNamed(t *testing.T) {
	f := &fake{lists: [][]int{{10}}}
	s, err := open(f, Hardware()[:1])
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	broken := errors.New("broken")
	f.opened[0].err = broken
	if _, err := s.Read(); !errors.Is(err, broken) || !strings.Contains(err.Error(), Instructions) {
		t.Errorf("error %v", err)
	}
}
