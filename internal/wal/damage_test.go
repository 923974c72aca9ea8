package wal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// closedLog returns the files of a log of two segments, closed or not, and
// what it holds.
func closedLog(t *testing.T, clean bool) (*vfs.Mem, []string) {
	t.Helper()
	mem := newFS(t)
	o := testOptions(mem, statelab.DurabilityAlways)
	l := create(t, o)
	var records []string
	for i := range 8 {
		records = append(records, fmt.Sprintf("record %d", i))
		pos := add(t, l, records[i])
		if i != 5 { // 5 and 6 share a sync
			must(t, l.Commit(pos))
		}
		if i == 3 {
			_, err := l.Rotate()
			must(t, err)
		}
	}
	if clean {
		must(t, l.Close())
	} else {
		must(t, abandon(l))
	}
	return mem, records
}

// damage calls try with a copy of mem for each byte of each file, with the byte
// flipped, and one cut there.
func damage(t *testing.T, mem *vfs.Mem, try func(what, file string, at int64, damaged *vfs.Mem)) {
	t.Helper()
	names, err := mem.List(testDir)
	must(t, err)
	for _, base := range names {
		name := filepath.Join(testDir, base)
		data, err := vfs.ReadFile(mem, name)
		must(t, err)
		if frames := len(bytes.TrimRight(data, "\x00")); len(data) > frames+frameHeaderSize {
			data = data[:frames+frameHeaderSize] // what else is reserved is no different
		}
		for at := range data {
			flipped := mem.Kill()
			f, err := flipped.OpenReadWrite(name)
			must(t, err)
			_, err = f.WriteAt([]byte{data[at] ^ 0x10}, int64(at))
			must(t, err)
			must(t, f.Close())
			try("flip", base, int64(at), flipped)

			cut := mem.Kill()
			f, err = cut.OpenReadWrite(name)
			must(t, err)
			must(t, f.Truncate(int64(at)))
			must(t, f.Close())
			try("cut", base, int64(at), cut)
		}
	}
}

func TestDamageOfAClosedLogIsDetected(t *testing.T) {
	mem, _ := closedLog(t, true)
	damage(t, mem, func(what, file string, at int64, damaged *vfs.Mem) {
		_, _, err := reopen(testOptions(damaged, statelab.DurabilityAlways), 1)
		var corrupt *statelab.CorruptError
		if !errors.As(err, &corrupt) || filepath.Base(corrupt.File) != file {
			t.Fatalf("%s of %s at %d: %v", what, file, at, err)
		}
		if err := Verify(damaged, testDir, 1); !errors.As(err, &corrupt) {
			t.Fatalf("%s of %s at %d: Verify says %v", what, file, at, err)
		}
	})
}

func TestDamageOfAKilledLogIsDetectedButInTheLastRecord(t *testing.T) {
	mem, records := closedLog(t, false)
	last := int64(segmentHeaderSize + 3*(frameHeaderSize+len(records[0]))) // in segment 2
	damage(t, mem, func(what, file string, at int64, damaged *vfs.Mem) {
		l, got, err := reopen(testOptions(damaged, statelab.DurabilityAlways), 1)
		var corrupt *statelab.CorruptError
		if errors.As(err, &corrupt) {
			return
		}
		must(t, err)
		must(t, l.Close())
		if file == "000002.log" && what == "cut" && slices.Equal(got, records[:len(got)]) {
			return // nothing outside the file knows its length until Close
		}
		if file != "000002.log" || at < last || len(got) < len(records)-1 || !slices.Equal(got, records[:len(got)]) {
			t.Fatalf("%s of %s at %d: opened with %q", what, file, at, got)
		}
	})
}

// TestSyncedGroupTestifies shows that several records under one sync are
// known to be durable though no record follows them.
func TestSyncedGroupTestifies(t *testing.T) {
	mem := newFS(t)
	o := testOptions(mem, statelab.DurabilityInterval)
	l := create(t, o)
	add(t, l, "a", "b", "c")
	must(t, l.Sync())
	must(t, abandon(l))
	f, err := mem.OpenReadWrite(filepath.Join(testDir, "000001.log"))
	must(t, err)
	_, err = f.WriteAt([]byte{0xff}, segmentHeaderSize+2)
	must(t, err)
	must(t, f.Close())
	var corrupt *statelab.CorruptError
	if _, _, err := reopen(o, 1); !errors.As(err, &corrupt) || corrupt.Offset != segmentHeaderSize {
		t.Fatalf("damage to the first of three synced records: %v", err)
	}
}

// TestRecoveryTestifies shows that what recovery has found, and made durable,
// is known to be durable though the log was not closed.
func TestRecoveryTestifies(t *testing.T) {
	mem := newFS(t)
	o := testOptions(mem, statelab.DurabilityInterval)
	l := create(t, o)
	add(t, l, "a", "b", "c")
	l.mu.Lock()
	must(t, l.drainHolding())
	l.mu.Unlock()
	must(t, abandon(l))
	l, got, err := reopen(o, 1)
	must(t, err)
	wantRecords(t, got, []string{"a", "b", "c"})
	must(t, abandon(l))
	f, err := mem.OpenReadWrite(filepath.Join(testDir, "000001.log"))
	must(t, err)
	_, err = f.WriteAt([]byte{0xff}, segmentHeaderSize+2)
	must(t, err)
	must(t, f.Close())
	var corrupt *statelab.CorruptError
	if _, _, err := reopen(o, 1); !errors.As(err, &corrupt) {
		t.Fatalf("damage to what recovery found: %v", err)
	}
}

func TestUnknownVersionIsNamed(t *testing.T) {
	mem := newFS(t)
	o := testOptions(mem, statelab.DurabilityAlways)
	must(t, create(t, o).Close())
	header := encodeSegmentHeader(1, 0)
	header[8] = 9
	header = sealed(header[:28])
	f, err := mem.OpenReadWrite(filepath.Join(testDir, "000001.log"))
	must(t, err)
	_, err = f.WriteAt(header, 0)
	must(t, err)
	must(t, f.Close())
	if _, _, err := reopen(o, 1); !errors.Is(err, statelab.ErrMismatch) {
		t.Fatalf("version 9: %v", err)
	}
}

func TestFramesListsEverything(t *testing.T) {
	mem := newFS(t)
	o := testOptions(mem, statelab.DurabilityCheckpoint)
	l := create(t, o)
	_, err := l.AppendPending([]byte("p"))
	must(t, err)
	add(t, l, "r")
	must(t, l.Sync())
	_, err = l.AppendPending([]byte("lost"))
	must(t, err)
	must(t, l.Close())
	l, _, err = reopen(o, 1)
	must(t, err)
	add(t, l, "s")
	must(t, l.Close())
	var got []string
	must(t, Frames(mem, testDir, 1, func(f Frame) error {
		got = append(got, fmt.Sprintf("%d:%d %s %q durable %d", f.Pos.Segment, f.Pos.Offset, f.Kind, f.Payload, f.Durable))
		return nil
	}))
	want := []string{
		`1:32 pending "p" durable 32`, `1:50 record "r" durable 32`, `1:68 mark "" durable 68`,
		`1:85 pending "lost" durable 68`, `1:106 void "" durable 106`, `1:123 record "s" durable 106`,
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
}
