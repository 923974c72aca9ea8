package btree

import (
	"errors"
	"fmt"
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
		{Options{Index: IndexMemory, Options: statelab.Options{Compression: statelab.CompressionZstd}}, []string{"Compression zstd", "default, none"}},
		{Options{PageSize: 5000, LogLimit: 1, Options: statelab.Options{Memory: 1}}, []string{"PageSize is 5000", "LogLimit is 1", "Memory is 1 bytes"}},
		{Options{PageSize: MaxPageSize, Options: statelab.Options{Memory: 512 << 10}}, []string{"Memory of 524288 bytes is less than the least of 1048576"}},
		{Options{Defrag: MaxDefrag + 1}, []string{"Defrag is 1001"}},
		{Options{Update: 9}, []string{"Update 9"}},
		{Options{Update: UpdateInPlace, Options: statelab.Options{Compression: statelab.CompressionS2}}, []string{"Compression s2 is not for Update inplace"}},
		{Options{Pool: 9}, []string{"Pool 9"}},
		{Options{Index: 9}, []string{"Index 9"}},
		{Options{Index: IndexMemory, PageSize: 4096}, []string{"PageSize, Update, LogLimit, WriteBuffer, Defrag and Pool are of index paged"}},
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

// TestEveryPoolPolicyServesAStore runs a store on a pool that holds a part of it.
func TestEveryPoolPolicyServesAStore(t *testing.T) {
	for _, p := range []PoolPolicy{PoolClock, PoolLRU, Pool2Q, PoolS3FIFO} {
		s := mustOpen(t, vfs.NewMem(), Options{Pool: p, Options: statelab.Options{Memory: 256 << 10}})
		for i := range 3000 {
			mustPut(t, s, fmt.Sprintf("key %d", i*7919%3000), strings.Repeat("v", 200), statelab.NoExpiry)
		}
		for i := range 3000 {
			mustGet(t, s, fmt.Sprintf("key %d", i), strings.Repeat("v", 200))
		}
		mustDo(t, s.Check())
		st := s.Stats()
		if leaf := st.Cache[countLeaf]; st.CachePolicy != p.String() || leaf.Hits == 0 || leaf.Misses == 0 {
			t.Errorf("%v: policy %q, leaves %+v", p, st.CachePolicy, leaf)
		}
		mustDo(t, s.Close())
	}
}
