package pagecache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// write makes a file whose pages are on the disk, so that they can be dropped.
func write(t *testing.T, name string, size int) *os.File {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPagesAreCountedWhereTheyAre(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	size := 64*page - 100 // the last page is not full
	write(t, filepath.Join(dir, "a"), size)
	cold := write(t, filepath.Join(dir, "below", "b"), size)
	write(t, filepath.Join(dir, "empty"), 0)
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	r, err := Of(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Files != 3 || r.Cached != int64(128*page) || r.Disk < int64(2*size) {
		t.Errorf("%+v of two files of 64 pages each that were just written", r)
	}
	if err := unix.Fadvise(int(cold.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	again, err := Of(dir)
	if err != nil {
		t.Fatal(err)
	}
	if dropped := r.Cached - again.Cached; dropped == 0 {
		t.Log("this file system keeps its pages, whatever it is advised (tmpfs does)")
	} else if dropped != int64(64*page) {
		t.Errorf("%d bytes vanished with a file of 64 pages", dropped)
	}
}

// Both ways of asking must say the same, of a file that is in the cache and of
// one that the kernel was told to forget.
func TestCachestatAndMincoreAgree(t *testing.T) {
	f := write(t, filepath.Join(t.TempDir(), "f"), 100*os.Getpagesize()+1)
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	warm, err := byMincore(f, info)
	if err != nil || warm != int64(101*os.Getpagesize()) {
		t.Errorf("mincore says %d bytes, error %v", warm, err)
	}
	agree(t, f, warm)
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
	cold, err := byMincore(f, info)
	if err != nil || cold != 0 && cold != warm { // tmpfs keeps all, whatever it is told
		t.Errorf("mincore says %d bytes of a file that was forgotten, error %v", cold, err)
	}
	agree(t, f, cold)
}

// agree asks cachestat, where there is one.
func agree(t *testing.T, f *os.File, want int64) {
	t.Helper()
	got, err := byCachestat(f)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Logf("only mincore was tried: %v", err)
		return
	}
	if err != nil || got != want {
		t.Errorf("cachestat says %d bytes, mincore %d, error %v", got, want, err)
	}
}

func TestFilesThatVanishAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	if r, err := Of(filepath.Join(dir, "nothing")); err != nil || r != (Residency{}) {
		t.Errorf("%+v, error %v", r, err)
	}
	write(t, filepath.Join(dir, "f"), 1)
	gone := func(*os.File, fs.FileInfo) (int64, error) { return 0, fs.ErrNotExist }
	if r, err := residency(dir, gone); err != nil || r.Files != 0 {
		t.Errorf("%+v, error %v", r, err)
	}
	broken := errors.New("broken")
	if _, err := residency(dir, func(*os.File, fs.FileInfo) (int64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestForgottenFilesAreReadFromTheDiskWhole(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	size := 3*readSize + 100
	write(t, filepath.Join(dir, "a"), size)
	write(t, filepath.Join(dir, "below", "b"), size)
	before, err := Of(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Forget(dir); err != nil {
		t.Fatal(err)
	}
	after, err := Of(dir)
	if err != nil {
		t.Fatal(err)
	}
	if after.Cached == before.Cached {
		t.Log("this file system keeps its pages, whatever it is advised (tmpfs does)")
	} else if after.Cached != 0 {
		t.Errorf("%d bytes are still in the page cache", after.Cached)
	}
	if n, took, err := Read(dir); n != int64(2*size) || took <= 0 || err != nil {
		t.Errorf("read %d bytes of %d in %v, error %v", n, 2*size, took, err)
	}
	if err := Forget(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
