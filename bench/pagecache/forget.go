package pagecache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Forget writes what is dirty of the regular files below a directory to the
// disk, and has the kernel drop their pages, so that who reads them next reads
// the disk. Some file systems, tmpfs among them, keep them all the same. Where the system does
// not take such advice, the error is errors.ErrUnsupported.
func Forget(dir string) error {
	return eachFile(dir, "forget", func(f *os.File) error {
		if err := f.Sync(); err != nil {
			return err
		}
		return forget(f)
	})
}

// readSize is how many bytes Read reads at a time: as the doctor does.
const readSize = 1 << 20

// Read reads all regular files below a directory from beginning to end, one
// after the other, and returns how many bytes that were and how long it took.
func Read(dir string) (bytes int64, took time.Duration, err error) {
	buf := make([]byte, readSize)
	start := time.Now()
	err = eachFile(dir, "read", func(f *os.File) error {
		for {
			n, err := f.Read(buf)
			bytes += int64(n)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	return bytes, time.Since(start), err
}

// eachFile opens the regular files below a directory in turn.
func eachFile(dir, what string, do func(*os.File) error) error {
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = do(f)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		return fmt.Errorf("%s the files in %s: %w", what, dir, err)
	}
	return nil
}
