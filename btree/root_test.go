package btree

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

const treeFile = "/s/" + treeName

// openTest opens the store /s of a file system.
func openTest(fs vfs.FS, o Options) (*Store, error) { return openIn("/s", fs, o) }

func openIn(dir string, fs vfs.FS, o Options) (*Store, error) {
	o.FS, o.Maintenance = fs, statelab.MaintenanceInline
	if o.Memory == 0 {
		o.Memory = statelab.MinMemory
	}
	s, err := Open(dir, &o)
	if err != nil {
		return nil, err
	}
	return s.(*Store), nil
}

func mustOpen(t testing.TB, fs vfs.FS, o Options) *Store {
	t.Helper()
	s, err := openTest(fs, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustPut(t testing.TB, s *Store, key, value string, expireAt int64) {
	t.Helper()
	var b statelab.Batch
	b.Put([]byte(key), []byte(value), expireAt)
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
}

func mustGet(t testing.TB, s *Store, key, want string) {
	t.Helper()
	if got, err := s.Get(nil, []byte(key)); err != nil || string(got) != want {
		t.Fatalf("Get(%q) = %.40q, %v; want %.40q", key, got, err, want)
	}
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rewrite replaces bytes of a file, durably.
func rewrite(t testing.TB, fs vfs.FS, name string, off int64, change func(b []byte)) {
	t.Helper()
	f, err := fs.OpenReadWrite(name)
	mustDo(t, err)
	b := make([]byte, rootSize)
	_, err = f.ReadAt(b, off)
	mustDo(t, err)
	change(b)
	_, err = f.WriteAt(b, off)
	mustDo(t, err)
	mustDo(t, f.Sync())
	mustDo(t, f.Close())
}

// twoCommits returns a file system with a closed store in it that was committed
// as "old", then as "new".
func twoCommits(t *testing.T) *vfs.Mem {
	fs := vfs.NewMem()
	s := mustOpen(t, fs, Options{})
	mustPut(t, s, "k", "old", statelab.NoExpiry)
	mustDo(t, s.Sync())
	mustPut(t, s, "k", "new", statelab.NoExpiry)
	mustDo(t, s.Sync())
	mustDo(t, s.Close())
	return fs
}

func TestADamagedRootSlotNeverBringsAnOlderStateBack(t *testing.T) {
	for slot := range int64(2) {
		t.Run(fmt.Sprint(slot), func(t *testing.T) {
			fs := twoCommits(t)
			flip := func(slot int64) {
				rewrite(t, fs, treeFile, slot*DefaultPageSize, func(b []byte) { b[17] ^= 4 })
			}
			flip(slot)
			s := mustOpen(t, fs, Options{})
			mustGet(t, s, "k", "new")
			mustDo(t, s.Check())
			mustDo(t, s.Close())

			// The opening has repaired it, so that the other may go now.
			flip(1 - slot)
			s = mustOpen(t, fs, Options{})
			mustGet(t, s, "k", "new")
			mustDo(t, s.Close())
		})
	}
}

func TestTwoDamagedRootSlotsAreDamage(t *testing.T) {
	fs := twoCommits(t)
	for slot := range int64(2) {
		rewrite(t, fs, treeFile, slot*DefaultPageSize, func(b []byte) { b[100] ^= 1 })
	}
	var corrupt *statelab.CorruptError
	if _, err := openTest(fs, Options{}); !errors.As(err, &corrupt) || corrupt.File != treeFile {
		t.Fatalf("Open: %v, want a CorruptError of %s", err, treeFile)
	}
}

// TestACommitCutShortBetweenTheSlotsCounts plays the crash between the two
// writes: slot 1 is of the commit before.
func TestACommitCutShortBetweenTheSlotsCounts(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs, Options{})
	mustPut(t, s, "k", "old", statelab.NoExpiry)
	mustDo(t, s.Sync())
	var old []byte
	rewrite(t, fs, treeFile, DefaultPageSize, func(b []byte) { old = append(old, b...) })
	mustPut(t, s, "k", "new", statelab.NoExpiry)
	mustDo(t, s.Sync())
	mustDo(t, s.Close())
	rewrite(t, fs, treeFile, DefaultPageSize, func(b []byte) { copy(b, old) })

	for range 2 {
		s = mustOpen(t, fs, Options{})
		mustGet(t, s, "k", "new")
		mustDo(t, s.Check())
		mustDo(t, s.Close())
	}
}

func TestAFileCutShortIsDamage(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs, Options{})
	for i := range 1000 {
		mustPut(t, s, fmt.Sprint(i), "value", statelab.NoExpiry)
	}
	mustDo(t, s.Sync())
	mustDo(t, s.Close())
	f, err := fs.OpenReadWrite(treeFile)
	mustDo(t, err)
	size, err := f.Size()
	mustDo(t, err)
	mustDo(t, f.Truncate(size-1))
	mustDo(t, f.Close())
	var corrupt *statelab.CorruptError
	if _, err := openTest(fs, Options{}); !errors.As(err, &corrupt) {
		t.Fatalf("Open: %v, want a CorruptError", err)
	}
}

// TestAPageOfAnotherTimeIsFoundOut puts an older page, with a right checksum, in
// the place of a newer one: a write that the disk lost.
func TestAPageOfAnotherTimeIsFoundOut(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs, Options{})
	mustPut(t, s, "k", "old", statelab.NoExpiry)
	mustDo(t, s.Sync())
	first := s.tree.root
	var old []byte
	rewrite(t, fs, treeFile, int64(first.id)*DefaultPageSize, func(b []byte) { old = append(old, b...) })
	for s.tree.root == first || s.tree.root.id != first.id {
		mustPut(t, s, "k", "new", statelab.NoExpiry)
		mustDo(t, s.Sync())
	}
	mustDo(t, s.Close())
	rewrite(t, fs, treeFile, int64(first.id)*DefaultPageSize, func(b []byte) { copy(b, old) })

	s = mustOpen(t, fs, Options{})
	var corrupt *statelab.CorruptError
	if v, err := s.Get(nil, []byte("k")); !errors.As(err, &corrupt) {
		t.Fatalf("Get = %q, %v; want a CorruptError", v, err)
	}
	mustDo(t, s.Close())
}

func TestSyncWithNothingNewWritesNothing(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), Options{})
	defer s.Close()
	mustPut(t, s, "k", "v", statelab.NoExpiry)
	mustDo(t, s.Sync())
	before := s.Stats()
	mustDo(t, s.Sync())
	mustDo(t, s.Advance(statelab.MinWatermark))
	mustDo(t, s.Sync())
	if after := s.Stats(); after.Written != before.Written || after.Syncs != before.Syncs {
		t.Fatalf("wrote %+v, then %+v", before.Written, after.Written)
	}
}

// FuzzRoot reads any bytes as a root slot.
func FuzzRoot(f *testing.F) {
	r := root{position: position{ref{id: 5, birth: 6}, 2, -7}, epoch: 6, pageSize: 4096, firstLog: 3, pages: 9, maps: []ref{{id: 4, birth: 6}}}
	f.Add(r.encode())
	r.firstImage = 8
	f.Add(r.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(make([]byte, 0, rootSize), b...)[:rootSize]
		copy(b[4:], rootMagic)
		b[8], b[9], b[10], b[11] = rootVersion, 0, 0, 0
		if len(bytes.Trim(b[rootImages:], "\x00")) > 0 {
			b[8] = rootVersionInPlace
		}
		page(b).seal()
		r, err := decodeRoot(b)
		if err != nil {
			return
		}
		again, err := decodeRoot(r.encode())
		if err != nil || again.position != r.position || again.pages != r.pages || again.firstImage != r.firstImage || len(again.maps) != len(r.maps) {
			t.Fatalf("%+v is read as %+v, %v", r, again, err)
		}
	})
}

// TestWhatAnOpeningFoundStays fails each sync of a commit in turn, kills the
// process, and cuts the power when the next one has opened the store: what it
// found must still be there (D8), also in the commit after that, cut short.
func TestWhatAnOpeningFoundStays(t *testing.T) {
	for n := int64(1); n <= 3; n++ {
		for seed := range int64(40) {
			mem := vfs.NewMem()
			faulty := vfs.NewFaulty(mem)
			s := mustOpen(t, faulty, Options{})
			mustPut(t, s, "k", "old", statelab.NoExpiry)
			mustDo(t, s.Sync())
			mustPut(t, s, "k", "new", statelab.NoExpiry)
			faulty.Fail(vfs.Fault{Op: vfs.OpSync, N: n})
			if err := s.Sync(); err == nil {
				t.Fatalf("sync %d did not fail", n)
			}
			s.Close()

			mem = mem.Kill()
			faulty = vfs.NewFaulty(mem)
			s = mustOpen(t, faulty, Options{})
			found, err := s.Get(nil, []byte("k"))
			mustDo(t, err)
			cut := mem.PowerCut(seed)
			mustPut(t, s, "l", "later", statelab.NoExpiry)
			faulty.Fail(vfs.Fault{Op: vfs.OpSync, N: 2}) // of slot 0
			s.Sync()
			later := mem.PowerCut(seed)
			s.Close()
			for _, fs := range []vfs.FS{cut, later} {
				s := mustOpen(t, fs, Options{})
				mustGet(t, s, "k", string(found))
				mustDo(t, s.Check())
				mustDo(t, s.Close())
			}
		}
	}
}
