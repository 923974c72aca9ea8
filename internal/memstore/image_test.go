package memstore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// exampleImage writes the example of the format's description.
func exampleImage(t testing.TB) []byte {
	fs := vfs.NewMem()
	f, err := fs.Create("/000007.snap")
	must(t, err)
	var b statelab.Batch
	b.Put([]byte("k"), []byte("vw"), 6)
	w := &imageWriter{file: f, number: 7}
	must(t, w.begin(5))
	must(t, w.add(&b))
	must(t, w.end())
	must(t, f.Close())
	data, err := vfs.ReadFile(fs, "/000007.snap")
	must(t, err)
	return data
}

// readBack reads data as snapshot 7, and returns the operations in it.
func readBack(t testing.TB, data []byte) (ops []byte, err error) {
	fs := vfs.NewMem()
	f, err := fs.Create("/000007.snap")
	must(t, err)
	if len(data) > 0 {
		_, err = f.WriteAt(data, 0)
		must(t, err)
	}
	must(t, f.Close())
	_, err = readImage(fs, "/", 7, new(meter.Meter), func(int64) {}, func(b []byte) error {
		ops = append(ops, b...)
		return nil
	})
	return ops, err
}

func TestImageIsAsDescribed(t *testing.T) {
	source, err := os.ReadFile("image.go")
	must(t, err)
	data := exampleImage(t)
	for line := range strings.SplitSeq(strings.TrimSpace(hex.Dump(data)), "\n") {
		if line = line[6:]; len(line) > 3 && !strings.Contains(string(source), "//\t"+strings.TrimSpace(line)+"\n") {
			t.Errorf("image.go does not show\n//\t%s", strings.TrimSpace(line))
		}
	}
	if _, err := readBack(t, data); err != nil {
		t.Error(err)
	}
}

func TestImageShowsEveryFlippedBitAndCut(t *testing.T) {
	good := exampleImage(t)
	var corrupt *statelab.CorruptError
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, err := readBack(t, bad); !errors.As(err, &corrupt) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
		if _, err := readBack(t, good[:i]); !errors.As(err, &corrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if _, err := readBack(t, append(bytes.Clone(good), 0)); !errors.As(err, &corrupt) {
		t.Fatalf("a byte behind the footer: %v", err)
	}
}

func FuzzReadImage(f *testing.F) {
	good := exampleImage(f)
	f.Add(good)
	f.Add(good[:imageHeaderSize])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		ops, err := readBack(t, data)
		if err != nil {
			return
		}
		reader := statelab.ReadOps(ops)
		for _, ok := reader.Next(); ok; _, ok = reader.Next() {
		}
		if err := reader.Err(); err != nil {
			t.Fatalf("a snapshot that was read without an error holds operations that cannot: %v", err)
		}
	})
}

// FuzzReplay replays any bytes as a record of the log.
func FuzzReplay(f *testing.F) {
	var b statelab.Batch
	b.Put([]byte("k"), []byte("v"), 9)
	b.Append([]byte("k"), []byte("w"), never)
	b.Delete([]byte("j"))
	f.Add(append([]byte{logBatch}, b.Bytes()...))
	f.Add(append([]byte{logDelta}, b.Bytes()[:5]...))
	f.Add([]byte{logAdvance, 5, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		s := openTest(t, vfs.NewMem(), nil)
		l, err := s.newLoader()
		must(t, err)
		defer l.close()
		s.records.loading = true
		defer func() { s.records.loading = false }()
		if err := l.replay([][]byte{payload}); err != nil {
			var corrupt *statelab.CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatalf("damage is reported as %v", err)
			}
			s.records.mem.Release() // what was loaded is of no use
			return
		}
		must(t, l.finish())
	})
}
