package lsm

import (
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A listFS calls after when a directory was listed.
type listFS struct {
	vfs.FS
	after func()
}

func (f *listFS) List(dir string) ([]string, error) {
	names, err := f.FS.List(dir)
	if f.after != nil {
		f.after()
	}
	return names, err
}

// A reader may be the last to hold a file, and end while Check looks at what there is.
func TestCheckTakesAFileThatHasJustGoneForNoneTooMany(t *testing.T) {
	fs := &listFS{FS: vfs.NewMem()}
	s, err := Open("/store", &Options{Options: statelab.Options{FS: fs, Memory: 1 << 20, Maintenance: statelab.MaintenanceInline},
		Compaction: CompactionTiered})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tables := func() []string {
		names, err := fs.FS.List("/store")
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, tableSuffix) })
	}
	put := func(until func() bool) {
		var b statelab.Batch
		for i := 0; !until(); i++ {
			b.Reset()
			b.Put(recordKey(i%1000, 1), make([]byte, 500), statelab.NoExpiry)
			if err := s.Apply(&b); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(func() bool { return len(tables()) > 0 })
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		t.Fatal(err)
	}
	held := tables()[0]
	put(func() bool { return s.Stats().Compactions > 0 })
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(tables(), held) {
		t.Fatalf("the iterator does not hold %s", held)
	}

	fs.after = func() {
		fs.after = nil
		if err := it.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Check(); err != nil {
		t.Errorf("as the iterator ends: %v", err)
	}
	if slices.Contains(tables(), held) {
		t.Errorf("%s is there, so that nothing has gone while Check looked", held)
	}

	stray, err := fs.Create("/store/" + fileName(tableFile, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	if err := stray.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "nothing holds") {
		t.Errorf("with a file too many: %v", err)
	}
}
