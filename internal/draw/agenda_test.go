package draw

import "testing"

func TestAnAgendaGivesWhatIsDueFirst(t *testing.T) {
	var a Agenda
	r := New(1, 0)
	for i := range uint64(1000) {
		a.Add(i, int64(r.Below(50)), int64(r.Below(50)))
	}
	last := Due{Time: -1}
	for range 1000 {
		at, ok := a.Next()
		d := a.Take()
		if !ok || d.Time != at || !last.before(d) {
			t.Fatalf("%+v came after %+v", d, last)
		}
		last = d
	}
	if _, ok := a.Next(); ok {
		t.Fatal("an empty agenda has something due")
	}
}
