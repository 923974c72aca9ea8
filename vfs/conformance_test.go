package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// everywhere runs a case over every file system, each with an empty directory.
func everywhere(t *testing.T, run func(t *testing.T, fsys FS, dir string)) {
	t.Run("os", func(t *testing.T) { run(t, OS, t.TempDir()) })
	memDir := func(t *testing.T) *Mem {
		m := NewMem()
		must(t, m.MkdirAll("dir"))
		return m
	}
	t.Run("mem", func(t *testing.T) { run(t, memDir(t), "dir") })
	t.Run("kill", func(t *testing.T) { run(t, memDir(t).Kill(), "dir") })
	t.Run("faulty", func(t *testing.T) { run(t, NewFaulty(memDir(t)), "dir") })
	t.Run("overlay", func(t *testing.T) {
		o, err := NewOverlay(memDir(t), "dir")
		must(t, err)
		defer func() { must(t, o.Close()) }()
		run(t, o, "dir")
	})
	t.Run("trace", func(t *testing.T) { run(t, NewTrace(memDir(t), func(TraceOp) {}), "dir") })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put makes a file with data, not synced.
func put(t *testing.T, fsys FS, name, data string) {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.WriteAt([]byte(data), 0)
	must(t, err)
	must(t, f.Close())
}

// putSynced makes a file with data, durable but for its name.
func putSynced(t *testing.T, fsys FS, name, data string) {
	t.Helper()
	put(t, fsys, name, data)
	syncFile(t, fsys, name)
}

func syncFile(t *testing.T, fsys FS, name string) {
	t.Helper()
	f, err := fsys.OpenReadWrite(name)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

// get returns what a file holds, or "-" if there is none.
func get(t *testing.T, fsys FS, name string) string {
	t.Helper()
	data, err := ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	must(t, err)
	return string(data)
}

func want(t *testing.T, fsys FS, name, data string) {
	t.Helper()
	if got := get(t, fsys, name); got != data {
		t.Fatalf("%s holds %q, want %q", name, got, data)
	}
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

func TestReadsAndWritesByOffset(t *testing.T) {
	everywhere(t, func(t *testing.T, fsys FS, dir string) {
		f, err := fsys.Create(filepath.Join(dir, "f"))
		must(t, err)
		defer f.Close()
		model := make([]byte, 3*pageSize)
		write := func(off, n int, c byte) {
			b := bytes.Repeat([]byte{c}, n)
			got, err := f.WriteAt(b, int64(off))
			must(t, err)
			if got != n {
				t.Fatalf("WriteAt wrote %d of %d bytes", got, n)
			}
			copy(model[off:], b)
		}
		write(2*pageSize, 10, 'a') // leaves a hole in front
		write(pageSize-3, 6, 'b')  // over the border of two pages
		write(0, 1, 'c')
		size, err := f.Size()
		must(t, err)
		if size != 2*pageSize+10 {
			t.Fatalf("size is %d, want %d", size, 2*pageSize+10)
		}
		got := make([]byte, size)
		n, err := f.ReadAt(got, 0)
		if err != nil && err != io.EOF || !bytes.Equal(got[:n], model[:size]) {
			t.Fatalf("ReadAt returned %d, %v and not what was written", n, err)
		}
		if n, err := f.ReadAt(got[:20], size-5); n != 5 || err != io.EOF {
			t.Fatalf("ReadAt over the end returned %d, %v, want 5, EOF", n, err)
		}
		if n, err := f.ReadAt(got[:20], size+5); n != 0 || err != io.EOF {
			t.Fatalf("ReadAt beyond the end returned %d, %v, want 0, EOF", n, err)
		}
		if _, err := f.ReadAt(got, -1); err == nil {
			t.Fatal("ReadAt of offset -1 returned no error")
		}
		if _, err := f.WriteAt(got, -1); err == nil {
			t.Fatal("WriteAt of offset -1 returned no error")
		}
	})
}

func TestTruncateCutsAndFillsWithZeros(t *testing.T) {
	everywhere(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "f")
		put(t, fsys, name, strings.Repeat("x", pageSize+100))
		f, err := fsys.OpenReadWrite(name)
		must(t, err)
		defer f.Close()
		must(t, f.Truncate(3))
		must(t, f.Truncate(6))
		want(t, fsys, name, "xxx\x00\x00\x00")
		must(t, f.Truncate(0))
		want(t, fsys, name, "")
		if err := f.Truncate(-1); err == nil {
			t.Fatal("Truncate to -1 returned no error")
		}
	})
}

func TestCreateEmptiesWhatExists(t *testing.T) {
	everywhere(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "f")
		put(t, fsys, name, "old")
		must(t, fsys.Link(name, name+"2"))
		put(t, fsys, name, "n")
		want(t, fsys, name, "n")
		want(t, fsys, name+"2", "n")
	})
}

func TestOpenFilesOutliveTheirNames(t *testing.T) {
	everywhere(t, func(t *testing.T, fsys FS, dir string) {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		put(t, fsys, a, "a")
		put(t, fsys, b, "b")
		fb, err := fsys.Open(b)
		must(t, err)
		defer fb.Close()
		must(t, fsys.Rename(a, b))
		want(t, fsys, a, "-")
		want(t, fsys, b, "a")
		fa, err := fsys.Open(b)
		must(t, err)
		defer fa.Close()
		must(t, fsys.Remove(b))
		for f, data := range map[File]string{fa: "a", fb: "b"} {
			got := make([]byte, 1)
			if _, err := f.ReadAt(got, 0); err != nil || string(got) != data {
				t.Fatalf("read %q, %v through a file without name, want %q", got, err, data)
			}
		}
	})
}

func TestLinkIsASecondName(t *testing.T) {
	everywhere(t, func(t *testing.T, fsys FS, dir string) {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		put(t, fsys, a, "1")
		must(t, fsys.Link(a, b))
		wantIs(t, fsys.Link(a, b), fs.ErrExist)
		must(t, fsys.Rename(a, b)) // two names of one file: nothing happens
		want(t, fsys, a, "1")
		must(t, fsys.Remove(a))
		want(t, fsys, b, "1")
		wantIs(t, fsys.Link(a, b), fs.ErrNotExist)
		if err := fsys.Link(dir, filepath.Join(dir, "c")); err == nil {
			t.Fatal("a directory was linked")
		}
	})
}

func TestDirectories(t *testing.T) {
	everywhere(t, func(t *testing.T, fsys FS, dir string) {
		deep := filepath.Join(dir, "x", "y")
		must(t, fsys.MkdirAll(deep))
		must(t, fsys.MkdirAll(deep))
		put(t, fsys, filepath.Join(deep, "b"), "bb")
		put(t, fsys, filepath.Join(deep, "a"), "a")
		names, err := fsys.List(deep)
		must(t, err)
		if !slices.Equal(names, []string{"a", "b"}) {
			t.Fatalf("List returned %q", names)
		}
		if err := fsys.Remove(deep); err == nil {
			t.Fatal("a directory with files was removed")
		}
		must(t, fsys.SyncDir(deep))
		moved := filepath.Join(dir, "z")
		must(t, fsys.Rename(deep, moved))
		want(t, fsys, filepath.Join(moved, "b"), "bb")
		info, err := fsys.Stat(filepath.Join(moved, "b"))
		must(t, err)
		if info != (Info{Size: 2}) {
			t.Fatalf("Stat of a file returned %+v", info)
		}
		if info, err = fsys.Stat(moved); err != nil || !info.IsDir {
			t.Fatalf("Stat of a directory returned %+v, %v", info, err)
		}
		must(t, fsys.Remove(filepath.Join(moved, "a")))
		must(t, fsys.Remove(filepath.Join(moved, "b")))
		must(t, fsys.Remove(moved))
	})
}

func TestErrorsAreThoseOfPackageFS(t *testing.T) {
	everywhere(t, func(t *testing.T, fsys FS, dir string) {
		none, file := filepath.Join(dir, "none"), filepath.Join(dir, "file")
		put(t, fsys, file, "f")
		fails := func(what string, err error, target error) {
			t.Helper()
			if err == nil || target != nil && !errors.Is(err, target) {
				t.Errorf("%s: error %v, want %v", what, err, target)
			}
		}
		_, err := fsys.Open(none)
		fails("open a missing file", err, fs.ErrNotExist)
		_, err = fsys.OpenReadWrite(none)
		fails("open a missing file for writing", err, fs.ErrNotExist)
		_, err = fsys.OpenReadWrite(dir)
		fails("open a directory for writing", err, nil)
		_, err = fsys.Create(filepath.Join(none, "f"))
		fails("create in a missing directory", err, fs.ErrNotExist)
		_, err = fsys.Create(filepath.Join(file, "f"))
		fails("create below a file", err, nil)
		_, err = fsys.Create(dir)
		fails("create over a directory", err, nil)
		_, err = fsys.Stat(none)
		fails("stat", err, fs.ErrNotExist)
		_, err = fsys.List(none)
		fails("list", err, fs.ErrNotExist)
		_, err = fsys.List(file)
		fails("list a file", err, nil)
		fails("remove", fsys.Remove(none), fs.ErrNotExist)
		fails("rename", fsys.Rename(none, file), fs.ErrNotExist)
		fails("rename over a directory", fsys.Rename(file, dir), fs.ErrExist)
		fails("rename into itself", fsys.Rename(dir, filepath.Join(dir, "d")), nil)
		fails("syncdir", fsys.SyncDir(none), fs.ErrNotExist)
		fails("mkdir below a file", fsys.MkdirAll(filepath.Join(file, "d")), nil)
		f, err := fsys.Open(file)
		must(t, err)
		_, err = f.WriteAt([]byte("x"), 0)
		fails("write to a file opened for reading", err, nil)
		fails("truncate a file opened for reading", f.Truncate(0), nil)
		must(t, f.Close())
		fails("close twice", f.Close(), fs.ErrClosed)
		_, err = f.ReadAt(make([]byte, 1), 0)
		fails("read after close", err, fs.ErrClosed)
		fails("sync after close", f.Sync(), fs.ErrClosed)
		want(t, fsys, file, "f")
	})
}

func TestLockNamesItsHolder(t *testing.T) {
	everywhere(t, func(t *testing.T, fsys FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		lock, err := fsys.Lock(name)
		must(t, err)
		_, err = fsys.Lock(name)
		wantIs(t, err, ErrLocked)
		var locked *LockedError
		if !errors.As(err, &locked) || locked.Holder != thisProcess() || locked.Path != name {
			t.Fatalf("the error is %v, want one that names %s and %s", err, name, thisProcess())
		}
		must(t, lock.Close())
		wantIs(t, lock.Close(), fs.ErrClosed)
		lock, err = fsys.Lock(name)
		must(t, err)
		must(t, lock.Close())
	})
}

func TestConcurrentUse(t *testing.T) {
	everywhere(t, func(t *testing.T, fsys FS, dir string) {
		shared, err := fsys.Create(filepath.Join(dir, "shared"))
		must(t, err)
		defer shared.Close()
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for round := range byte(20) {
					if err := useOnce(fsys, dir, shared, byte(i), round); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// useOnce writes and reads back who's part of the shared file, and makes,
// renames and syncs a file of its own.
func useOnce(fsys FS, dir string, shared File, who, round byte) error {
	block, got := bytes.Repeat([]byte{who, round}, 100), make([]byte, 200)
	off := int64(who) * int64(len(block))
	if _, err := shared.WriteAt(block, off); err != nil {
		return err
	}
	if _, err := shared.ReadAt(got, off); err != nil && err != io.EOF {
		return err
	}
	if !bytes.Equal(got, block) {
		return fmt.Errorf("read back %v, want %v", got[:2], block[:2])
	}
	own := filepath.Join(dir, fmt.Sprint(who))
	f, err := fsys.Create(own)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), shared.Sync(), fsys.Rename(own, own+"renamed"), fsys.SyncDir(dir))
}
