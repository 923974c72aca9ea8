package storetest

import (
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

// timelineOf returns a timeline over states in which key k has these values in
// turn, the first there from the beginning, and the others made.
func timelineOf(values ...string) *timeline {
	t := newTimeline(holding(values[0]))
	for _, v := range values[1:] {
		t.begin(holding(v))
		t.end(true)
	}
	return t
}

func holding(value string) *model {
	m := newModel()
	m.apply([]statelab.Op{putOp("k", value, never)})
	return m
}

func reads(value string) func(*model) bool {
	return func(m *model) bool { got, _ := m.value("k"); return got == value }
}

func TestReadsFitWhatWasThereWhileTheyRan(t *testing.T) {
	line := timelineOf("a", "b")
	from := line.from()
	if line.find(from, reads("a")) {
		t.Error("a read fits what was replaced before it began")
	}
	if where := line.where(from, reads("a")); !strings.Contains(where, "before a change that had returned") {
		t.Errorf("of a stale read it is said: %s", where)
	}
	line.begin(holding("c"))
	if !line.find(from, reads("b")) {
		t.Error("a read amid a change does not fit what was there before")
	}
	line.end(true)
	if !line.find(from, reads("b")) || !line.find(from, reads("c")) {
		t.Error("a read that began before a change does not fit what was there before, or afterwards")
	}
	if line.find(from, reads("d")) || !strings.Contains(line.where(from, reads("d")), "never there") {
		t.Error("a read fits what was never there")
	}
}

func TestNoReadGoesBackBehindAnother(t *testing.T) {
	line := timelineOf("a")
	line.begin(holding("b"))
	first := line.from()
	line.saw(1)
	second := line.from()
	if line.find(second, reads("a")) {
		t.Error("a read fits the state before a change that another had seen when it began")
	}
	if !line.find(first, reads("a")) {
		t.Error("a read does not fit the state before a change that another has seen since it began")
	}
}

func TestARefusedChangeIsNeverSeen(t *testing.T) {
	line := timelineOf("a")
	from := line.from()
	line.begin(holding("b"))
	fits := make(chan bool)
	go func() { fits <- line.find(from, reads("b")) }() // before the change is decided or after
	line.end(false)
	if <-fits {
		t.Error("a read fits a change that was refused")
	}
	if !line.find(from, reads("a")) || !strings.Contains(line.where(from, reads("b")), "refused") {
		t.Error("after a refused change a read does not fit what was there before")
	}
}
