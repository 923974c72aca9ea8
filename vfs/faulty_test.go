package vfs

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// session does each kind of operation at least once, and twice a few.
func session(fsys FS) error {
	var errs []error
	do := func(err error) { errs = append(errs, err) }
	do(fsys.MkdirAll("d"))
	lock, err := fsys.Lock("d/LOCK")
	do(err)
	for _, name := range []string{"d/a", "d/b"} {
		f, err := fsys.Create(name)
		do(err)
		if err != nil {
			continue
		}
		_, err = f.WriteAt([]byte("1234567890"), 0)
		do(err)
		do(f.Truncate(5))
		_, err = f.Size()
		do(err)
		_, err = f.ReadAt(make([]byte, 1), 0)
		do(err)
		do(f.Sync())
		do(f.Close())
	}
	do(fsys.Link("d/a", "d/c"))
	do(fsys.Rename("d/b", "d/a"))
	do(fsys.SyncDir("d"))
	f, err := fsys.Open("d/a")
	do(err)
	if err == nil {
		do(f.Close())
	}
	_, err = fsys.List("d")
	do(err)
	do(fsys.Remove("d/a"))
	if lock != nil {
		do(lock.Close())
	}
	return errors.Join(errs...)
}

func TestFaultyCountsAndFailsEachOperation(t *testing.T) {
	clean := NewFaulty(NewMem())
	must(t, session(clean))
	var sum int64
	for _, op := range Ops() {
		n := clean.Count(op)
		if n == 0 {
			t.Errorf("the session does no %s", op)
		}
		sum += n
		for i := range n {
			f := NewFaulty(NewMem(), Fault{Op: op, N: i + 1})
			err := session(f)
			if !errors.Is(err, syscall.EIO) {
				t.Errorf("%s %d of %d did not fail: %v", op, i+1, n, err)
			}
			if f.Struck() != 1 {
				t.Errorf("%s %d of %d: %d operations failed, want 1", op, i+1, n, f.Struck())
			}
		}
	}
	if total := clean.Count(OpAny); total != sum {
		t.Fatalf("%d operations of any kind, but %d of all", total, sum)
	}
}

func TestFaultyStaysFailedIfSticky(t *testing.T) {
	full := errors.New("full")
	f := NewFaulty(NewMem(), Fault{Op: OpCreate, N: 2, Sticky: true, Err: full})
	for i := range 4 {
		_, err := f.Create(fmt.Sprint(i))
		if got, want := errors.Is(err, full), i > 0; got != want {
			t.Fatalf("create %d: %v", i+1, err)
		}
	}
	f.Heal()
	_, err := f.Create("again")
	must(t, err)
	f.Fail(Fault{Op: OpAny, N: 2})
	_, err = f.Stat("again")
	must(t, err)
	_, err = f.Stat("again")
	wantIs(t, err, syscall.EIO)
}

func TestFaultyWritesShort(t *testing.T) {
	m := NewMem()
	f, err := NewFaulty(m, Fault{Op: OpWrite, N: 1, Short: true}).Create("f")
	must(t, err)
	n, err := f.WriteAt([]byte("abcdef"), 0)
	if n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("WriteAt returned %d, %v, want 3, ENOSPC", n, err)
	}
	want(t, m, "f", "abc")
}

func TestFaultyStrikesOnlyWhereTold(t *testing.T) {
	f := NewFaulty(NewMem(), Fault{Op: OpCreate, N: 1})
	f.Only = func(path string) bool { return strings.HasSuffix(path, ".log") }
	_, err := f.Create("a.table")
	must(t, err)
	if n := f.Count(OpAny); n != 0 {
		t.Fatalf("%d operations counted, want 0", n)
	}
	_, err = f.Create("a.log")
	wantIs(t, err, syscall.EIO)
}

// V3: what was written before a failed sync is readable, and no later sync
// makes it durable; what is written after it is not affected.
func TestAFailedSyncIsNotMended(t *testing.T) {
	m := NewMem()
	faulty := NewFaulty(m)
	f, err := NewTrace(faulty, func(TraceOp) {}).Create("f")
	must(t, err)
	must(t, m.SyncDir("."))
	write := func(data string, off int64) {
		_, err := f.WriteAt([]byte(data), off)
		must(t, err)
	}
	write("aa", 0)
	must(t, f.Sync())
	write("bb", 1)
	faulty.Fail(Fault{Op: OpSync, N: 1})
	wantIs(t, f.Sync(), syscall.EIO)
	want(t, m, "f", "abb")
	wantOutcomes(t, outcomes(m, holds(t, "f")), "aa", "abb", "ab", "aab", "aa\x00", "ab\x00")
	must(t, f.Sync())
	write("c", 4)
	must(t, f.Sync())
	want(t, m, "f", "abb\x00c")
	want(t, m.Kill(), "f", "abb\x00c")
	wantOutcomes(t, outcomes(m.Kill(), holds(t, "f")), "aa\x00\x00c")
}
