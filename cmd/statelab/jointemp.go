package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A joinTemp is where the state of a join lies whose definition names no dir:
//
//	TMPDIR/statelab-join-*/lock   held while the join runs
//	TMPDIR/statelab-join-*/state
//
// It goes with the join. What one leaves that is killed is removed by the next of the same user, which finds it unlocked.
type joinTemp struct {
	dir  string
	lock io.Closer
}

const (
	joinTempPrefix = "statelab-join-"
	joinTempLock   = "lock"
)

// newJoinTemp removes what others have left, and makes a directory.
func newJoinTemp() (*joinTemp, error) {
	if err := sweepJoinTemps(os.TempDir()); err != nil {
		return nil, err
	}
	for {
		dir, err := os.MkdirTemp("", joinTempPrefix)
		if err != nil {
			return nil, err
		}
		lock, err := lockJoinTemp(dir)
		if err == nil {
			return &joinTemp{dir, lock}, nil
		}
		// Until it is locked another join may take it for one that was left.
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, statelab.ErrLocked) {
			return nil, err
		}
	}
}

// lockJoinTemp locks a directory; the error is fs.ErrNotExist or statelab.ErrLocked if another join removes it.
func lockJoinTemp(dir string) (io.Closer, error) {
	name := filepath.Join(dir, joinTempLock)
	lock, err := vfs.OS.Lock(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(name); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// state is the directory for the pipeline to make.
func (t *joinTemp) state() string { return filepath.Join(t.dir, "state") }

func (t *joinTemp) close() error {
	return errors.Join(os.RemoveAll(t.dir), t.lock.Close())
}

// sweepJoinTemps removes the directories in one that joins of this user have left.
func sweepJoinTemps(in string) error {
	dirs, err := filepath.Glob(filepath.Join(in, joinTempPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if isOwnDir(dir) {
			if err := removeIfLeft(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// isOwnDir says whether a directory, and not a link to one, belongs to this user.
func isOwnDir(name string) bool {
	info, err := os.Lstat(name)
	if err != nil || !info.IsDir() {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}

// removeIfLeft removes a directory that nobody holds. One without a lock is removed if it is empty: its
// join was killed before it could lock it, or finds that it is gone and makes another.
func removeIfLeft(dir string) error {
	name := filepath.Join(dir, joinTempLock)
	if _, err := os.Stat(name); err != nil {
		_ = os.Remove(dir) // fails if it is not empty, and so not ours to remove
		return nil
	}
	lock, err := vfs.OS.Lock(name)
	if errors.Is(err, statelab.ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(dir), lock.Close())
}
