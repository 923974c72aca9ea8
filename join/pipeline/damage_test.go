package pipeline_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/vfs"
)

// TestADamagedStateIsNeverJoinedFrom flips bytes in the state of a join that
// was killed, and cuts its files short. Going on from it either says what is
// damaged or, where the damage does not matter, gives the right output.
func TestADamagedStateIsNeverJoinedFrom(t *testing.T) {
	for _, b := range backends.List() {
		for _, durability := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval} {
			fsys, def, want := prepared(t, b.Name, durability)
			killed := halfway(t, fsys, func(fsys vfs.FS) error {
				_, err := run(fsys, def)
				return err
			})
			found := 0
			for _, name := range filesIn(t, killed, "state") {
				size := int64(len(get(t, killed, name)))
				for i := range int64(8) {
					if testing.Short() && i%4 != 1 {
						continue
					}
					damaged := killed.Kill()
					what := fmt.Sprintf("%s, %v: %s", b.Name, durability, damage(t, damaged, name, size*i/8, i == 5))
					_, err := run(damaged, def)
					if err == nil {
						if got := get(t, damaged, "out.jsonl"); got != want {
							t.Errorf("%s: another output: %s", what, firstDifference(got, want))
						}
						continue
					}
					found++
					if exists, _ := vfs.Exists(damaged, "out.jsonl"); exists {
						t.Errorf("%s: the output stands there although %v", what, err)
					}
				}
			}
			if found == 0 {
				t.Errorf("%s, %v: no damage was found", b.Name, durability)
			}
		}
	}
}

// halfway returns what a kill in the middle of a run's operations leaves.
func halfway(t *testing.T, fsys *vfs.Mem, run func(vfs.FS) error) *vfs.Mem {
	t.Helper()
	var killed *vfs.Mem
	for total := 0; killed == nil; {
		base := fsys.Kill()
		n := 0
		traced := vfs.NewTrace(base, func(op vfs.TraceOp) {
			if op.Op == vfs.OpRead || op.Op == vfs.OpOpen || op.Op == vfs.OpLock {
				return
			}
			if n++; n == total/2 {
				killed = base.Kill()
			}
		})
		if err := run(traced); err != nil {
			t.Fatal(err)
		}
		total = n
	}
	return killed
}

func filesIn(t *testing.T, fsys vfs.FS, dir string) []string {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, name := range names {
		name = filepath.Join(dir, name)
		info, err := fsys.Stat(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if info.IsDir {
			files = append(files, filesIn(t, fsys, name)...)
		} else if filepath.Base(name) != "LOCK" && info.Size > 0 {
			files = append(files, name)
		}
	}
	return files
}

// damage flips a byte of a file, or cuts it there.
func damage(t *testing.T, fsys vfs.FS, name string, at int64, cut bool) string {
	t.Helper()
	f, err := fsys.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if cut {
		if err := f.Truncate(at); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s cut at %d", name, at)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s flipped at %d", name, at)
}
