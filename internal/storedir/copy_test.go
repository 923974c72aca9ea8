package storedir

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

func TestCopyMakesAStore(t *testing.T) {
	fsys := vfs.NewMem()
	var m meter.Meter
	if err := Copy(fsys, "copy", id, &m, func() error { return writeSynced(fsys, "copy/1", []byte("data"), &m, meter.Checkpoint) }); err != nil {
		t.Fatal(err)
	}
	found, err := Read(fsys.PowerCutStrict(), "copy")
	if err != nil || found.Engine != id.Engine {
		t.Fatalf("after a power cut: %+v, %v", found, err)
	}
	if err := Copy(fsys, "copy", id, &m, func() error { t.Error("filled what exists"); return nil }); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("into what exists: %v", err)
	}
}

func TestCopyThatFailsLeavesNothing(t *testing.T) {
	fsys := vfs.NewMem()
	var m meter.Meter
	full := errors.New("disk full")
	err := Copy(fsys, "copy", id, &m, func() error {
		if err := fsys.MkdirAll(filepath.Join("copy", "LOG")); err != nil {
			return err
		}
		if err := writeSynced(fsys, "copy/LOG/1", []byte("data"), &m, meter.Checkpoint); err != nil {
			return err
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Fatalf("Copy: %v, want fill's error", err)
	}
	if exists, err := vfs.Exists(fsys, "copy"); exists || err != nil {
		t.Fatalf("the directory is still there: %v, %v", exists, err)
	}
}
