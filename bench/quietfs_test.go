package bench

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"github.com/statelab/statelab/vfs"
)

// To the store a quiet file system must be the one it wraps.
func TestAQuietFileReadsAndWritesLikeAnother(t *testing.T) {
	for _, fs := range []vfs.FS{vfs.OS, newQuietFS(vfs.OS), newQuietFS(vfs.NewMem())} {
		name := filepath.Join(t.TempDir(), "f")
		if err := fs.MkdirAll(filepath.Dir(name)); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := f.WriteAt([]byte("world"), 6); n != 5 || err != nil {
			t.Errorf("%T: wrote %d bytes, error %v", f, n, err)
		}
		if n, err := f.WriteAt([]byte("hello,"), 0); n != 6 || err != nil {
			t.Errorf("%T: wrote %d bytes, error %v", f, n, err)
		}
		if err := f.Sync(); err != nil {
			t.Errorf("%T: %v", f, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if f, err = fs.Open(name); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 8)
		if n, err := f.ReadAt(p, 2); n != 8 || err != nil || !bytes.Equal(p, []byte("llo,worl")) {
			t.Errorf("%T: read %q, %d bytes, error %v", f, p, n, err)
		}
		if n, err := f.ReadAt(p, 7); n != 4 || err != io.EOF || !bytes.Equal(p[:n], []byte("orld")) {
			t.Errorf("%T: read %q at the end, %d bytes, error %v", f, p[:n], n, err)
		}
		if n, err := f.ReadAt(nil, 0); n != 0 || err != nil {
			t.Errorf("%T: read %d bytes into none, error %v", f, n, err)
		}
		if n, err := f.WriteAt([]byte("x"), 0); n != 0 || err == nil {
			t.Errorf("%T: a file opened for reading took %d bytes, error %v", f, n, err)
		}
		if _, err := f.ReadAt(p, -1); err == nil {
			t.Errorf("%T: read before the beginning", f)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := fs.Open(name + "s"); err == nil {
			t.Errorf("%T: opened what is not there", fs)
		}
	}
}
