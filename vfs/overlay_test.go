package vfs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newOverlay returns an overlay of a directory of the real file system.
func newOverlay(t *testing.T) (o *Overlay, dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	put(t, OS, filepath.Join(dir, "f"), strings.Repeat("x", 3*pageSize))
	put(t, OS, filepath.Join(dir, "sub", "g"), "g")
	o, err := NewOverlay(OS, dir)
	must(t, err)
	t.Cleanup(func() { must(t, o.Close()) })
	return o, dir
}

func TestOverlayChangesNothingBelow(t *testing.T) {
	o, dir := newOverlay(t)
	f, g := filepath.Join(dir, "f"), filepath.Join(dir, "sub", "g")
	model := []byte(strings.Repeat("x", 3*pageSize))
	file, err := o.OpenReadWrite(f)
	must(t, err)
	write := func(data string, off int) {
		_, err := file.WriteAt([]byte(data), int64(off))
		must(t, err)
		copy(model[off:], data)
	}
	want(t, o, f, string(model))
	write("abc", pageSize-1)
	want(t, o, f, string(model))
	part := make([]byte, 6)
	if n, err := file.ReadAt(part, 2*pageSize-3); n != 6 || err != nil || string(part) != "xxxxxx" {
		t.Fatalf("ReadAt returned %q, %v", part[:n], err)
	}
	if file.Truncate(-1) == nil {
		t.Fatal("Truncate to -1 returned no error")
	}
	want(t, o, f, string(model))
	must(t, file.Truncate(pageSize+10))
	must(t, file.Truncate(2*pageSize))
	clear(model[pageSize+10:])
	want(t, o, f, string(model[:2*pageSize]))
	write("end", pageSize+20)
	want(t, o, f, string(model[:2*pageSize]))
	must(t, file.Close())

	must(t, o.Rename(f, g))
	want(t, o, g, string(model[:2*pageSize]))
	put(t, o, g, "short")
	want(t, o, g, "short")
	must(t, o.Remove(g))
	put(t, o, filepath.Join(dir, "new"), "new")

	want(t, OS, f, strings.Repeat("x", 3*pageSize))
	want(t, OS, g, "g")
	want(t, OS, filepath.Join(dir, "new"), "-")
}

func TestOverlayCutsWhatLiesBelow(t *testing.T) {
	o, dir := newOverlay(t)
	name := filepath.Join(dir, "f")
	f, err := o.OpenReadWrite(name)
	must(t, err)
	must(t, f.Truncate(2))
	must(t, f.Truncate(4))
	want(t, o, name, "xx\x00\x00")
	must(t, f.Close())
	put(t, o, name, "")
	f, err = o.OpenReadWrite(name)
	must(t, err)
	must(t, f.Truncate(1))
	want(t, o, name, "\x00")
	must(t, f.Close())
}

func TestOverlayRespectsLocksBelow(t *testing.T) {
	o, dir := newOverlay(t)
	name := filepath.Join(dir, "LOCK")
	lock, err := o.Lock(name) // not there below: only here
	must(t, err)
	want(t, OS, name, "-")
	must(t, lock.Close())

	held, err := OS.Lock(name)
	must(t, err)
	_, err = o.Lock(name)
	wantIs(t, err, ErrLocked)
	must(t, held.Close())
	lock, err = o.Lock(name)
	must(t, err)
	_, err = OS.Lock(name)
	wantIs(t, err, ErrLocked)
	must(t, lock.Close())
}

func TestOverlayReturnsReadErrors(t *testing.T) {
	m := NewMem()
	put(t, m, "f", strings.Repeat("x", 2*pageSize))
	faulty := NewFaulty(m)
	o, err := NewOverlay(faulty, ".")
	must(t, err)
	defer o.Close()
	f, err := o.OpenReadWrite("f")
	must(t, err)
	defer f.Close()
	broken := errors.New("broken")
	faulty.Fail(Fault{Op: OpRead, N: 2, Sticky: true, Err: broken})
	if n, err := f.ReadAt(make([]byte, 2*pageSize), 0); n != pageSize || !errors.Is(err, broken) {
		t.Fatalf("ReadAt returned %d, %v", n, err)
	}
	if n, err := f.WriteAt([]byte("y"), 5); n != 0 || !errors.Is(err, broken) {
		t.Fatalf("WriteAt returned %d, %v", n, err)
	}
	faulty.Heal()
	put(t, m, "f", "cut short below")
	if n, err := f.ReadAt(make([]byte, 100), 0); n != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("ReadAt of a file that shrank below returned %d, %v", n, err)
	}
}
