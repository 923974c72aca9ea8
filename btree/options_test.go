package btree

import (
	"errors"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func TestOptionsNameEveryFault(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want []string
	}{
		{Options{Options: statelab.Options{Compression: statelab.CompressionZstd}}, []string{"Compression zstd", "default, none"}},
		{Options{PageSize: 5000, LogLimit: 1, Options: statelab.Options{Memory: 1}}, []string{"PageSize is 5000", "LogLimit is 1", "Memory is 1 bytes"}},
		{Options{PageSize: MaxPageSize, Options: statelab.Options{Memory: 512 << 10}}, []string{"Memory of 524288 bytes is less than the least of 1048576"}},
		{Options{Index: 9}, []string{"Index 9"}},
		{Options{Index: IndexMemory, PageSize: 4096}, []string{"PageSize and LogLimit are of index paged"}},
	} {
		c.o.FS = vfs.NewMem()
		_, err := Open("/s", &c.o)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %q", c.o, err, want)
			}
		}
	}
}

func TestSettingsAreFixed(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs, Options{PageSize: 8 << 10, Options: statelab.Options{Memory: 1 << 20}})
	mustPut(t, s, "k", "v", statelab.NoExpiry)
	mustDo(t, s.Sync())
	mustDo(t, s.Close())
	for _, o := range []Options{{PageSize: 4 << 10}, {Index: IndexMemory}} {
		o.FS = fs
		if _, err := Open("/s", &o); !errors.Is(err, statelab.ErrMismatch) {
			t.Errorf("%+v: %v, want ErrMismatch", o, err)
		}
	}
	s = mustOpen(t, fs, Options{Options: statelab.Options{Memory: 1 << 20}})
	mustGet(t, s, "k", "v")
	mustDo(t, s.Close())
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), Options{Options: statelab.Options{Memory: 1 << 20}})
	defer s.Close()
	keys := make([][]byte, 2000)
	for i := range keys {
		keys[i] = []byte(strings.Repeat("k", i%7) + string(rune('a'+i%26)) + string(rune('0'+i)))
		mustPut(t, s, string(keys[i]), "some value", int64(i))
	}
	var b statelab.Batch
	buf := make([]byte, 0, 100)
	i := 0
	next := func() []byte {
		i++
		return keys[i%len(keys)]
	}
	paths := []struct {
		name string
		most float64
		run  func()
	}{
		{"Get", 0, func() { buf, _ = s.Get(buf[:0], next()) }},
		{"Put", 0, func() {
			b.Reset()
			b.Put(next(), []byte("other value"), int64(1<<20+i))
			mustDo(t, s.Apply(&b))
		}},
		{"Advance", 0, func() { mustDo(t, s.Advance(int64(i/100))) }},
		// The handle that is the caller's; the cursor behind it is used again.
		{"probe", 1, func() {
			it, err := s.Iter(statelab.Range{Lower: next()})
			mustDo(t, err)
			for range 3 {
				it.Next()
			}
			mustDo(t, it.Close())
		}},
	}
	for _, p := range paths {
		for range 200 {
			p.run()
		}
		if n := testing.AllocsPerRun(500, p.run); n > p.most {
			t.Errorf("%s: %v allocations, want %v", p.name, n, p.most)
		}
	}
}
