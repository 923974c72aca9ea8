package storedir

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// Copy makes dir, which must not exist, a store of this identity: what every
// engine's Checkpoint does around writing its own files, which is fill's part
// and must leave them durable. The identity comes last, so that what is cut
// short is no store. If anything fails, what was made is removed again.
func Copy(fsys vfs.FS, dir string, id Identity, m *meter.Meter, fill func() error) error {
	exists, err := vfs.Exists(fsys, dir)
	if err != nil {
		return err
	}
	if exists {
		return fmt.Errorf("%s: %w", dir, fs.ErrExist)
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	if err = fsys.SyncDir(filepath.Dir(dir)); err == nil {
		err = fill()
	}
	if err == nil {
		err = Write(fsys, dir, id, m, meter.Checkpoint)
	}
	if err == nil {
		return nil
	}
	if rerr := removeTree(fsys, dir); rerr != nil {
		return fmt.Errorf("%w; what was made of it stays, and is no store: %v", err, rerr)
	}
	return err
}

// removeTree removes a directory and all below it.
func removeTree(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := fsys.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir {
			err = removeTree(fsys, path)
		} else {
			err = fsys.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	return fsys.Remove(dir)
}
