package wal

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestCrashAmongRecycledSegments crashes a log whose segments are made of the
// files of earlier ones after each of its operations: what comes back is of
// the segments that are still wanted, and covers what was durable. (W5)
func TestCrashAmongRecycledSegments(t *testing.T) {
	for _, policy := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval, statelab.DurabilityAlways} {
		mem := newFS(t)
		h := &history{}
		first, ready := uint64(1), false
		traced := vfs.NewTrace(mem, func(op vfs.TraceOp) {
			if !ready || op.Op == vfs.OpRead || op.Op == vfs.OpOpen || t.Failed() {
				return
			}
			crashes(mem, 4, func(name string, left *vfs.Mem) {
				l, got, err := reopen(crashOptions(left, policy), first)
				if err == nil {
					err = abandon(l)
				}
				if err != nil || len(got) < h.durable || len(got) > len(h.records) || !slices.Equal(got, h.records[:len(got)]) {
					t.Errorf("%s, after %s %s, %s: %v, %d records of %d, %d durable", policy, op.Op, op.Path, name, err, len(got), len(h.records), h.durable)
				}
			})
		})
		o := crashOptions(traced, policy)
		o.SegmentSize = 1 << 20
		l := create(t, o)
		ready = true
		for generation := range 5 {
			for i := range 6 {
				record := fmt.Sprintf("generation %d record %d %s", generation, i, strings.Repeat("x", 70*(6-generation)))
				h.records = append(h.records, record)
				must(t, l.Commit(add(t, l, record)))
				if policy == statelab.DurabilityAlways {
					h.durable = len(h.records)
				}
				if i%3 == 2 {
					must(t, l.Sync())
					h.durable = len(h.records)
				}
			}
			next, err := l.Rotate()
			must(t, err)
			first, h.records, h.durable = next, nil, 0 // as if the caller had said so durably
			must(t, l.RemoveBefore(next))
		}
		spares := 1
		if policy == statelab.DurabilityCheckpoint {
			spares = 0
		}
		if len(l.spares) != spares || l.Segment() != 6 {
			t.Errorf("%d spares beside segment %d", len(l.spares), l.Segment())
		}
		must(t, l.Close())
	}
}

func TestSparesAreBoundedCountedAndTakenOver(t *testing.T) {
	fsys := newFS(t)
	o := testOptions(fsys, statelab.DurabilityInterval)
	o.SegmentSize = 200
	l := create(t, o)
	for i := range 50 {
		add(t, l, fmt.Sprintf("record %04d", i))
	}
	mid, err := l.Rotate()
	must(t, err)
	must(t, l.RemoveBefore(mid))
	filesAre := func(l *Log, want ...string) {
		t.Helper()
		names, err := fsys.List(testDir)
		must(t, err)
		names = slices.DeleteFunc(names, func(n string) bool { return n == durableName })
		bytes := int64(0)
		for _, name := range names {
			info, err := fsys.Stat(filepath.Join(testDir, name))
			must(t, err)
			bytes += info.Size
		}
		if !slices.Equal(names, want) || l.Disk() != bytes {
			t.Errorf("files %q, want %q; Disk says %d bytes of %d", names, want, l.Disk(), bytes)
		}
	}
	filesAre(l, "000001.spare", "000010.log")
	must(t, l.Close())
	l, _, err = reopen(o, mid)
	must(t, err)
	filesAre(l, "000001.spare", "000010.log")
	add(t, l, "a")
	_, err = l.Rotate()
	must(t, err)
	add(t, l, "b")
	filesAre(l, "000010.log", "000011.log")
	must(t, l.Close())
	must(t, create(t, o).Close())
	if names, _ := fsys.List(testDir); !slices.Equal(names, []string{"000001.log", durableName}) {
		t.Errorf("a new log beside %q", names)
	}
}

func TestAClosedLogGivesBackWhatItReserved(t *testing.T) {
	for _, end := range []func(*Log) error{(*Log).Close, (*Log).Discard} {
		fsys := newFS(t)
		l := create(t, testOptions(fsys, statelab.DurabilityAlways))
		must(t, l.Commit(add(t, l, "a")))
		name, length := filepath.Join(testDir, "000001.log"), l.Size()
		if info, err := fsys.Stat(name); err != nil || info.Size < length+leastReserve || info.Size != l.Disk() {
			t.Errorf("%+v of %d bytes, error %v: nothing is reserved", info, length, err)
		}
		must(t, end(l))
		if info, err := fsys.Stat(name); err != nil || info.Size != length {
			t.Errorf("%+v of %d bytes, error %v", info, length, err)
		}
	}
}

// slowFS lets writes through on command, and syncs at once.
type slowFS struct {
	vfs.FS
	gate chan struct{}
}

func (s slowFS) Create(name string) (vfs.File, error) {
	f, err := s.FS.Create(name)
	return slowFile{f, s.gate}, err
}

type slowFile struct {
	vfs.File
	gate chan struct{}
}

func (f slowFile) WriteAt(b []byte, off int64) (int, error) {
	if len(b) > bufferSize/2 {
		<-f.gate
	}
	return f.File.WriteAt(b, off)
}

// Under DurabilityInterval appenders go on while a full buffer is written, as
// far as there are buffers, and all that was appended arrives in order.
func TestAppendersGoOnWhileABufferIsWritten(t *testing.T) {
	fsys, gate := newFS(t), make(chan struct{})
	o := testOptions(slowFS{fsys, gate}, statelab.DurabilityInterval)
	l := create(t, o)
	var want []string
	for i := range (maxBuffers - 1) * bufferSize / 1100 {
		want = append(want, fmt.Sprintf("%04d %s", i, strings.Repeat("x", 1000)))
		add(t, l, want[i])
	}
	close(gate)
	must(t, l.Close())
	o.FS = fsys
	l, got, err := reopen(o, 1)
	must(t, err)
	wantRecords(t, got, want)
	must(t, l.Close())
}

// A spare that cannot be opened costs nothing but the spare.
func TestASpareThatCannotBeOpenedIsDoneWithout(t *testing.T) {
	faulty := vfs.NewFaulty(newFS(t))
	l := create(t, testOptions(faulty, statelab.DurabilityAlways))
	for range 2 {
		add(t, l, "a")
		next, err := l.Rotate()
		must(t, err)
		must(t, l.RemoveBefore(next))
		faulty.Fail(vfs.Fault{Op: vfs.OpOpen, N: 1})
	}
	if faulty.Struck() != 1 {
		t.Errorf("%d opens failed, not 1", faulty.Struck())
	}
	must(t, l.Close())
}
