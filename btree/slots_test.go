package btree

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestWhatKeysHaveInCommonTakesNoRoom stores records under keys that begin with
// nothing, and with a hundred bytes that all have: the leaves are as many, and not many more inner pages.
func TestWhatKeysHaveInCommonTakesNoRoom(t *testing.T) {
	for _, buffer := range []int64{0, WriteBufferOff} {
		var pages [2][2]int64
		for i, lead := range []string{"", strings.Repeat("tenant/", 15)} {
			s := mustOpen(t, vfs.NewMem(), Options{WriteBuffer: buffer, Options: statelab.Options{Memory: 2 << 20}})
			rng := rand.New(rand.NewPCG(3, 3))
			for n := range 6000 {
				mustPut(t, s, fmt.Sprintf("%s%016x", lead, rng.Uint64()), fmt.Sprint("value ", n), statelab.NoExpiry)
			}
			mustDo(t, s.Sync())
			mustDo(t, s.Check())
			d := dumper{pager: s.tree.pager, levels: make([]levelShape, s.tree.height)}
			mustDo(t, d.walk(s.tree.root, s.tree.height-1))
			pages[i] = [2]int64{d.levels[0].pages, d.levels[1].pages}
			mustDo(t, s.Close())
		}
		short, long := pages[0], pages[1]
		t.Logf("6000 records: %d leaves and %d pages above with short keys, %d and %d with long ones", short[0], short[1], long[0], long[1])
		if long[0] > short[0]*21/20 || long[1] > short[1]+1 {
			t.Errorf("write buffer %d: %d leaves below %d pages, with short keys %d below %d", buffer, long[0], long[1], short[0], short[1])
		}
	}
}
