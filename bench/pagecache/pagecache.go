// Package pagecache says how much of a directory's files is in the kernel's
// page cache: memory that no store's budget and no process's resident set shows
// unless it is mapped, and that stores which live in the page cache depend on.
//
// The kernel is asked by cachestat(2) where it has it (Linux 6.5), else by
// mincore(2) over a mapping that touches nothing. Both look at one moment,
// file by file, and count pages, written or not.
package pagecache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Residency is what of some files is in the page cache, and what there is.
type Residency struct {
	Files  int
	Cached int64 // bytes in the page cache, in whole pages
	Disk   int64 // bytes that the file system has allocated to the files
}

// Of looks at all regular files below a directory. Files that vanish meanwhile
// are left out. Where the system does not tell, the error is errors.ErrUnsupported.
func Of(dir string) (Residency, error) { return residency(dir, cached) }

// residency adds up what look says of each file.
func residency(dir string, look func(*os.File, fs.FileInfo) (int64, error)) (Residency, error) {
	var r Residency
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			err = r.add(name, look)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return Residency{}, fmt.Errorf("page cache of %s: %w", dir, err)
	}
	return r, nil
}

func (r *Residency) add(name string, look func(*os.File, fs.FileInfo) (int64, error)) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() // it was only looked at
	info, err := f.Stat()
	if err != nil {
		return err
	}
	bytes, err := look(f, info)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r.Files++
	r.Cached += bytes
	r.Disk += allocated(info)
	return nil
}
