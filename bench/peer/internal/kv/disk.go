package kv

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/statelab/statelab/vfs"
)

// diskSize returns the length of all files in dir and below it. What goes away
// meanwhile does not count.
func diskSize(fsys vfs.FS, dir string) (size int64) {
	names, err := fsys.List(dir)
	if err != nil {
		return 0
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := fsys.Stat(path)
		switch {
		case err != nil:
		case info.IsDir:
			size += diskSize(fsys, path)
		default:
			size += info.Size
		}
	}
	return size
}

// removeFiles removes the files in dir, which need not exist.
func removeFiles(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		if e := fsys.Remove(filepath.Join(dir, name)); e != nil {
			err = errors.Join(err, e)
		}
	}
	return err
}
