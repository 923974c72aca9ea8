package meter

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func TestEveryPurposeIsCountedUnderItsName(t *testing.T) {
	var m Meter
	fsys := vfs.NewMem()
	for p := range purposes {
		raw, err := fsys.Create("f")
		if err != nil {
			t.Fatal(err)
		}
		f := m.File(raw, p)
		if _, err := f.WriteAt(make([]byte, 1<<p), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadAt(make([]byte, 1), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var s statelab.Stats
	m.Fill(&s)
	want := statelab.Written{
		Log: 1 << Log, Flush: 1 << Flush, Compaction: 1 << Compaction, Page: 1 << Page, Images: 1 << Images,
		Snapshot: 1 << Snapshot, Checkpoint: 1 << Checkpoint, Meta: 1 << Meta,
	}
	if s.Written != want {
		t.Errorf("written %+v, want %+v", s.Written, want)
	}
	if got, all := s.Written.Total(), int64(1<<purposes-1); got != all {
		t.Errorf("the total is %d, want %d: a purpose is missing from it", got, all)
	}
	if s.ReadBytes != int64(purposes) || s.Syncs != int64(purposes) {
		t.Errorf("%d bytes read and %d syncs, want %d each", s.ReadBytes, s.Syncs, purposes)
	}
}

// shortFile writes half of what it is given, and says so.
type shortFile struct{ vfs.File }

func (f shortFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b[:len(b)/2], off)
	if err == nil {
		err = errShort
	}
	return n, err
}

var errShort = &statelab.CorruptError{Reason: "short"}

func TestAShortWriteCountsWhatWasWritten(t *testing.T) {
	var m Meter
	raw, err := vfs.NewMem().Create("f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.File(shortFile{raw}, Log).WriteAt(make([]byte, 10), 0); err != errShort {
		t.Fatalf("WriteAt: %v", err)
	}
	var s statelab.Stats
	if m.Fill(&s); s.Written.Log != 5 {
		t.Errorf("counted %d bytes, want 5", s.Written.Log)
	}
}
