package ftl

import (
	"errors"
	"testing"

	"github.com/statelab/statelab/vfs"
)

const kib = 1 << 10

// newTestHost returns a host over a device of so many pages of 4 KiB.
func newTestHost(t *testing.T, pages int64, c HostConfig) *Host {
	t.Helper()
	h, err := NewHost(c, newTestDevice(t, Config{BlockPages: 8, LogicalPages: pages}))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A script makes operations that a test can read.
type script []vfs.TraceOp

func create(path string, id uint64) vfs.TraceOp {
	return vfs.TraceOp{Op: vfs.OpCreate, Path: path, File: id}
}

func write(id uint64, offset, length int64) vfs.TraceOp {
	return vfs.TraceOp{Op: vfs.OpWrite, File: id, Offset: offset, Length: length}
}

func syncFile(id uint64) vfs.TraceOp { return vfs.TraceOp{Op: vfs.OpSync, File: id} }

func truncate(id uint64, size int64) vfs.TraceOp {
	return vfs.TraceOp{Op: vfs.OpTruncate, File: id, Length: size}
}

func remove(path string, id uint64) vfs.TraceOp {
	return vfs.TraceOp{Op: vfs.OpRemove, Path: path, File: id}
}

func rename(from, to string, id uint64) vfs.TraceOp {
	return vfs.TraceOp{Op: vfs.OpRename, Path: from, NewPath: to, File: id}
}

func link(from, to string, id uint64) vfs.TraceOp {
	return vfs.TraceOp{Op: vfs.OpLink, Path: from, NewPath: to, File: id}
}

func TestWhatReachesTheDevice(t *testing.T) {
	for _, c := range []struct {
		name   string
		config HostConfig
		script script
		// In pages: sent, discarded, mapped at the end, cancelled while dirty.
		sent, trimmed, mapped, cancelled int64
	}{
		{"nothing before a sync", HostConfig{}, script{create("a", 1), write(1, 0, 8*kib)}, 0, 0, 0, 0},
		{"whole pages", HostConfig{}, script{create("a", 1), write(1, 4*kib-1, 2), syncFile(1)}, 2, 0, 2, 0},
		{"a dirty page once", HostConfig{}, script{create("a", 1), write(1, 0, 100), write(1, 100, 100), syncFile(1)}, 1, 0, 1, 0},
		{"a clean page again", HostConfig{}, script{create("a", 1), write(1, 0, 100), syncFile(1), write(1, 100, 100), syncFile(1), syncFile(1)}, 2, 0, 1, 0},
		{"only the file that is synced", HostConfig{}, script{create("a", 1), create("b", 2), write(1, 0, 4*kib), write(2, 0, 8*kib), syncFile(1)}, 1, 0, 1, 0},
		{"no hole", HostConfig{}, script{create("a", 1), write(1, 40*kib, 4*kib), syncFile(1)}, 1, 0, 1, 0},
		{"no dirty page of a dead file", HostConfig{}, script{create("a", 1), write(1, 0, 8*kib), remove("a", 1), syncFile(1)}, 0, 0, 0, 2},
		{"a discard of a clean page of a dead file", HostConfig{}, script{create("a", 1), write(1, 0, 8*kib), syncFile(1), write(1, 0, 1), remove("a", 1)}, 2, 2, 0, 1},
		{"no discard without trim", HostConfig{NoTrim: true}, script{create("a", 1), write(1, 0, 8*kib), syncFile(1), remove("a", 1)}, 2, 0, 2, 0},
		{"no write to a dead file", HostConfig{}, script{create("a", 1), write(1, 0, 4*kib), syncFile(1), remove("a", 1), write(1, 0, 4*kib), syncFile(1)}, 1, 1, 0, 1},
		{"what truncation leaves", HostConfig{}, script{create("a", 1), write(1, 0, 16*kib), syncFile(1), write(1, 12*kib, 8*kib), truncate(1, 5*kib), syncFile(1)}, 4, 2, 2, 2},
		{"nothing of what Create empties", HostConfig{}, script{create("a", 1), write(1, 0, 4*kib), syncFile(1), write(1, 4*kib, 4*kib), create("a", 1), syncFile(1)}, 1, 1, 0, 1},
		{"a renamed file", HostConfig{}, script{create("a", 1), write(1, 0, 4*kib), rename("a", "b", 1), syncFile(1), remove("b", 1)}, 1, 1, 0, 0},
		{"nothing of what a rename replaces", HostConfig{}, script{create("a", 1), create("b", 2), write(1, 0, 4*kib), write(2, 0, 8*kib), syncFile(2), rename("a", "b", 1), syncFile(1)}, 3, 2, 1, 0},
		{"a file until its last name goes", HostConfig{}, script{create("a", 1), write(1, 0, 4*kib), link("a", "b", 1), remove("a", 1), syncFile(1), remove("b", 1)}, 1, 1, 0, 0},
		{"a file whose directory was renamed", HostConfig{}, script{create("d/a", 1), create("d2/a", 2), write(1, 0, 4*kib), rename("d", "e", 0), syncFile(1), remove("e/a", 1), write(2, 0, 4*kib), syncFile(2)}, 2, 1, 1, 0},
		{"a removed directory", HostConfig{}, script{remove("d", 0)}, 0, 0, 0, 0},
		{"a page that has been dirty for long", HostConfig{Expire: 12 * kib},
			script{create("a", 1), create("b", 2), write(1, 0, 4*kib), write(2, 0, 4*kib), write(2, 0, 4*kib), write(2, 0, 4*kib)}, 1, 0, 1, 0},
		{"a page that was synced and is dirty again, not for long", HostConfig{Expire: 12 * kib},
			script{create("a", 1), create("b", 2), write(1, 0, 4*kib), syncFile(1), write(2, 0, 4*kib), write(1, 0, 4*kib), write(2, 0, 4*kib)}, 1, 0, 1, 0},
		{"the oldest file of too many dirty pages", HostConfig{DirtyLimit: 12 * kib},
			script{create("a", 1), create("b", 2), write(2, 0, 4*kib), write(1, 0, 8*kib), write(2, 4*kib, 4*kib)}, 2, 0, 2, 0},
	} {
		h := newTestHost(t, 64, c.config)
		for _, op := range c.script {
			if err := h.Observe(op); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		d, cancelled := h.device.Counters(), h.Counters().Cancelled
		if d.Host != c.sent || d.Trimmed != c.trimmed || h.device.Mapped() != c.mapped || (cancelled+4*kib-1)/(4*kib) != c.cancelled {
			t.Errorf("%s: sent %d, discarded %d, mapped %d pages and cancelled %d bytes; want %d, %d, %d and %d pages",
				c.name, d.Host, d.Trimmed, h.device.Mapped(), cancelled, c.sent, c.trimmed, c.mapped, c.cancelled)
		}
		if err := h.device.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestFlushSendsEverything(t *testing.T) {
	h := newTestHost(t, 64, HostConfig{})
	for _, op := range (script{create("a", 1), create("b", 2), write(1, 0, 4*kib), write(2, 0, 8*kib), syncFile(1), write(1, 8*kib, 1)}) {
		if err := h.Observe(op); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := h.Flush(); err != nil || h.device.Counters().Host != 4 || h.dirty != 0 {
			t.Fatalf("error %v, %d pages sent, %d dirty", err, h.device.Counters().Host, h.dirty)
		}
	}
}

func TestAFileLiesInOnePieceWhereThereIsRoom(t *testing.T) {
	h := newTestHost(t, 64, HostConfig{})
	for _, op := range (script{
		create("a", 1), create("b", 2), write(1, 0, 8*kib), write(2, 0, 8*kib), // delayed: addresses are given at the syncs
		write(1, 8*kib, 8*kib), syncFile(1), syncFile(2), write(2, 8*kib, 4*kib), syncFile(2), write(1, 16*kib, 8*kib), syncFile(1),
	}) {
		if err := h.Observe(op); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[uint64][]uint32{1: {0, 1, 2, 3, 7, 8}, 2: {4, 5, 6}} {
		for p, at := range h.files[id].at {
			if at != want[p] {
				t.Errorf("file %d lies at %v, not %v", id, h.files[id].at, want)
				break
			}
		}
	}
}

// Old files make room for new ones, and no more than that.
func TestOldFilesShrinkAsNewOnesGrow(t *testing.T) {
	h := newTestHost(t, 8, HostConfig{})
	run := func(ops ...vfs.TraceOp) {
		t.Helper()
		for _, op := range ops {
			if err := h.Observe(op); err != nil {
				t.Fatal(err)
			}
		}
	}
	trimmed := func(want int64) {
		t.Helper()
		if got := h.device.Counters().Trimmed; got != want {
			t.Fatalf("%d pages discarded, not %d", got, want)
		}
	}
	run(create("a", 1), write(1, 0, 8*kib), create("b", 2), write(2, 4*kib, 8*kib))
	if err := h.Retire(5); err != nil || h.dirty != 0 || h.held != 4 {
		t.Fatalf("error %v, %d pages dirty, %d held", err, h.dirty, h.held)
	}
	run(create("a", 1), write(1, 0, 4*kib), syncFile(1))
	trimmed(0)
	run(write(1, 4*kib, 8*kib), syncFile(1))
	trimmed(2) // the first old file
	run(write(1, 12*kib, 4*kib), syncFile(1))
	trimmed(3)
	h.DropOld()
	trimmed(4)
	run(remove("a", 1))
	if trimmed(8); h.held != 0 || h.room.free != 8 || h.device.Mapped() != 0 {
		t.Errorf("%d pages held, %d free, %d mapped", h.held, h.room.free, h.device.Mapped())
	}
}

func TestAFullDeviceIsAnError(t *testing.T) {
	h := newTestHost(t, 4, HostConfig{})
	h.Reserve(1, 2)
	script := script{create("a", 1), write(1, 0, 8*kib), syncFile(1), write(1, 8*kib, 1)}
	for _, op := range script {
		if err := h.Observe(op); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Observe(syncFile(1)); !errors.Is(err, ErrFull) {
		t.Fatalf("error %v", err)
	}
}

// A host that has the pages of the footprint is never full, and with one less
// it can be.
func TestTheFootprintIsWhatAHostNeeds(t *testing.T) {
	ops := script{
		create("a", 1), write(1, 0, 9*kib), syncFile(1), create("b", 2), write(2, 4*kib, 4*kib), write(2, 0, 1), syncFile(2), // 5 pages
		truncate(1, 1), write(2, 16*kib, 4*kib), syncFile(2), // 6, one of them a hole until the next write
		write(2, 8*kib, 8*kib), syncFile(2), remove("b", 2), create("c", 3), write(3, 0, 4*kib), rename("c", "a", 3), syncFile(3), write(1, 0, 4*kib),
	}
	fp := NewFootprint(4 * kib)
	for _, op := range ops {
		fp.Observe(op)
	}
	if fp.PeakPages() != 6 || fp.now != 1 {
		t.Fatalf("a peak of %d pages, %d at the end", fp.PeakPages(), fp.now)
	}
	for pages, want := range map[int64]error{6: nil, 5: ErrFull} {
		h := newTestHost(t, pages, HostConfig{})
		var err error
		for _, op := range ops {
			if err == nil {
				err = h.Observe(op)
			}
		}
		if !errors.Is(err, want) {
			t.Errorf("%d pages: error %v", pages, err)
		}
	}
}

func TestImpossibleHostsAreRefused(t *testing.T) {
	for _, c := range []HostConfig{{Expire: -1}, {DirtyLimit: -1}, {Place: placements}} {
		if _, err := NewHost(c, newTestDevice(t, Config{LogicalPages: 1})); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
