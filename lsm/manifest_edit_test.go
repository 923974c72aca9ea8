package lsm

import (
	"bytes"
	"testing"
)

func described(number uint64, first, last string) tableState {
	return tableState{number: number, size: 100, tableMeta: tableMeta{records: 1, first: []byte(first), last: []byte(last)}}
}

// A table that moves to another run is named and not described again.
func TestEditsDescribeATableOnce(t *testing.T) {
	before := &state{nextFile: 9, runs: []runState{
		{id: 3, tables: []tableState{described(4, "a", "b")}},
		{id: 5, level: 1, tables: []tableState{described(6, "c", "d")}},
	}}
	known := map[uint64]bool{3: true, 4: true, 5: true, 6: true}
	after := &state{nextFile: 9, runs: []runState{
		{id: 7, level: 2, tables: []tableState{before.runs[0].tables[0], before.runs[1].tables[0]}},
	}}
	full, edit := appendEdit(nil, after, nil), appendEdit(nil, after, known)
	if want := []byte{9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7, 2, 2, 4, 0, 6, 0, 0}; !bytes.Equal(edit, want) {
		t.Errorf("the edit is % x, want % x", edit, want)
	}
	got, damage := applyEdit(before, edit)
	if damage != "" || !bytes.Equal(appendEdit(nil, got, nil), full) || got.runs[0].level != 2 {
		t.Errorf("the edit leads to %+v (%s)", got, damage)
	}
	if _, damage := applyEdit(&state{}, edit); damage != "edit names table 4, which nothing describes" {
		t.Errorf("without the tables: %q", damage)
	}
	unchanged := appendEdit(nil, before, known)
	if _, damage := applyEdit(after, unchanged); damage != "edit names run 3, which nothing describes" {
		t.Errorf("without the runs: %q", damage)
	}
	deep := bytes.Replace(edit, []byte{7, 2, 2}, []byte{7, 2, maxLevel + 1}, 1)
	if _, damage := applyEdit(before, deep); damage == "" {
		t.Error("a level beyond the last is taken")
	}
}
