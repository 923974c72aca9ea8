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
		{Options{Defrag: MaxDefrag + 1}, []string{"Defrag is 1001"}},
		{Options{Index: 9}, []string{"Index 9"}},
		{Options{Index: IndexMemory, PageSize: 4096}, []string{"PageSize, LogLimit, WriteBuffer and Defrag are of index paged"}},
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
