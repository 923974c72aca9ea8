package lsm

import (
	"encoding/binary"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// momentKey is a key that sorts by time.
func momentKey(at int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(at)) }

// Scans that follow one another over moments, few of which are in each table, open
// few tables, and find what a scan of all finds, newer records in between included.
func TestScansPassByTablesInWhoseGapsTheyLie(t *testing.T) {
	const runs, moments, span = 8, 4000, 10
	o := inline(statelab.DurabilityCheckpoint)
	o.Memory, o.Compaction = 4<<20, CompactionWindow
	s := open(t, vfs.NewMem(), o)
	defer shut(t, s)
	write := func(from, step int, value string) {
		t.Helper()
		var b statelab.Batch
		for at := from; at < moments; at += step {
			b.Put(momentKey(at), []byte(value), moments)
		}
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
		syncNow(t, s)
	}
	for i := range runs {
		write(40*i, 500, "early")
	}
	if n := len(s.view.Load().version.runs); n != runs {
		t.Fatalf("%d runs", n)
	}
	scan := func() (found int) {
		t.Helper()
		for from := 0; from < moments; from += span {
			it, err := s.Iter(statelab.Range{Lower: momentKey(from), Upper: momentKey(from + span)})
			if err != nil {
				t.Fatal(err)
			}
			forwards, backwards := 0, 0
			for it.Next() {
				forwards++
			}
			for ok := it.Last(); ok; ok = it.Prev() {
				backwards++
			}
			if err := it.Close(); err != nil || it.Err() != nil || forwards != backwards {
				t.Fatalf("from %d: %d records forwards and %d backwards, %v, %v", from, forwards, backwards, it.Err(), err)
			}
			found += forwards
		}
		return found
	}
	for round, want := range []int{64, 64, 128} {
		if round == 2 {
			write(20, 500, "late")
			for i := 1; i < runs; i++ {
				write(40*i+20, 500, "late")
			}
		}
		found := 0
		c := costOf(s, func() { found = scan() })
		if found != want {
			t.Errorf("round %d: scans find %d records, want %d", round, found, want)
		}
		if scans := int64(moments / span); round < 2 && c.data > scans*runs/3 {
			t.Errorf("round %d: %d scans of %d runs look at %d blocks", round, scans, runs, c.data)
		}
	}
}
