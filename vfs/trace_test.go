package vfs

import (
	"slices"
	"testing"
)

func TestTraceTellsEveryOperationInOrder(t *testing.T) {
	var got []TraceOp
	m := NewMem()
	put(t, m, "old", "old")
	fsys := NewTrace(m, func(op TraceOp) { got = append(got, op) })
	must(t, fsys.MkdirAll("d"))
	f, err := fsys.Create("d/a")
	must(t, err)
	_, err = f.WriteAt([]byte("hello"), 3)
	must(t, err)
	_, err = f.ReadAt(make([]byte, 2), 4)
	must(t, err)
	must(t, fsys.Rename("d/a", "d/b"))
	must(t, fsys.Link("d/b", "d/c"))
	must(t, fsys.Rename("d", "e"))
	must(t, f.Truncate(4))
	must(t, f.Sync())
	must(t, f.Close())
	must(t, fsys.Remove("e/b"))
	must(t, fsys.SyncDir("e"))
	put(t, fsys, "e/b", "x")
	must(t, fsys.Rename("old", "e/c"))
	f, err = fsys.Open("e/c")
	must(t, err)
	must(t, f.Close())
	must(t, fsys.Remove("e/c"))
	must(t, fsys.Remove("e/b"))
	must(t, fsys.Remove("e"))
	want := []TraceOp{
		{Op: OpMkdir, Path: "d"},
		{Op: OpCreate, Path: "d/a", File: 1},
		{Op: OpWrite, Path: "d/a", File: 1, Offset: 3, Length: 5},
		{Op: OpRead, Path: "d/a", File: 1, Offset: 4, Length: 2},
		{Op: OpRename, Path: "d/a", NewPath: "d/b", File: 1},
		{Op: OpLink, Path: "d/b", NewPath: "d/c", File: 1},
		{Op: OpRename, Path: "d", NewPath: "e"},
		{Op: OpTruncate, Path: "d/a", File: 1, Length: 4},
		{Op: OpSync, Path: "d/a", File: 1},
		{Op: OpRemove, Path: "e/b", File: 1},
		{Op: OpSyncDir, Path: "e"},
		{Op: OpCreate, Path: "e/b", File: 2},
		{Op: OpWrite, Path: "e/b", File: 2, Length: 1},
		{Op: OpRename, Path: "old", NewPath: "e/c", File: 3},
		{Op: OpOpen, Path: "e/c", File: 3},
		{Op: OpRemove, Path: "e/c", File: 3},
		{Op: OpRemove, Path: "e/b", File: 2},
		{Op: OpRemove, Path: "e"},
	}
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Fatalf("not reported: %+v", want[i])
		case i >= len(want) || got[i] != want[i]:
			t.Fatalf("report %d is %+v, want %+v", i, got[i], want[min(i, len(want)-1)])
		}
	}
}

func TestTraceIsSilentAboutWhatFailed(t *testing.T) {
	var got []TraceOp
	faulty := NewFaulty(NewMem(), Fault{Op: OpWrite, N: 1, Short: true}, Fault{Op: OpSync, N: 1}, Fault{Op: OpRemove, N: 1})
	fsys := NewTrace(faulty, func(op TraceOp) { got = append(got, op) })
	f, err := fsys.Create("f")
	must(t, err)
	if _, err := f.WriteAt([]byte("abcd"), 0); err == nil {
		t.Fatal("the write did not fail")
	}
	if f.Sync() == nil || fsys.Remove("f") == nil || fsys.Rename("none", "x") == nil {
		t.Fatal("sync, remove or rename did not fail")
	}
	want := []TraceOp{{Op: OpCreate, Path: "f", File: 1}, {Op: OpWrite, Path: "f", File: 1, Length: 2}}
	if !slices.Equal(got, want) {
		t.Fatalf("reported %+v, want %+v", got, want)
	}
}

func TestAChangeTraceLeavesOutReadsAndNothingElse(t *testing.T) {
	var all, changes []TraceOp
	fsys := NewChangeTrace(NewTrace(NewMem(), func(op TraceOp) { all = append(all, op) }), func(op TraceOp) { changes = append(changes, op) })
	put(t, fsys, "a", "hello")
	if data, err := ReadFile(fsys, "a"); err != nil || string(data) != "hello" {
		t.Fatalf("read %q, error %v", data, err)
	}
	must(t, fsys.Remove("a"))
	without := slices.DeleteFunc(slices.Clone(all), func(op TraceOp) bool { return op.Op == OpRead })
	if len(without) == len(all) || !slices.Equal(changes, without) {
		t.Fatalf("reported %+v of %+v", changes, all)
	}
}
