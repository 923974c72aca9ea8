package btree

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestAWeekOfChurn puts records that live for a window of ten minutes for a
// week of event time, with a Sync every 800 s, and holds the file to what is live;
// where the state is twice the memory for six hours, but with more records.
// The pages of a commit must stay until the next is durable, in which none of them is
// left, as all in them has died. They come on top.
func TestAWeekOfChurn(t *testing.T) {
	const (
		second = int64(1_000_000)
		window = 600 * second
		hours  = 3600 * second
	)
	for _, c := range []struct {
		name   string
		memory int64
		live   int64 // records
		time   int64
		most   float64 // file by live bytes, with the pages of the last commit
		beside float64 // and without them
		wa     float64 // bytes of pages by logical bytes
	}{
		{"state fits", 1 << 20, 600, 7 * 24 * hours, 2.4, 1.6, 1.2},
		{"state is twice the memory", 768 << 10, 3000, 6 * hours, 3.1, 1.7, 3.6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, vfs.NewMem(), bufferedOptions(c.memory))
			defer s.Close()
			rng := rand.New(rand.NewPCG(1, 1))
			var b statelab.Batch
			value := make([]byte, 500)
			every := window / c.live
			if testing.Short() {
				c.time /= 10
			}
			largest, before, last, synced := int64(0), int64(0), int64(0), int64(0)
			bytes := c.live * int64(len(value)+24)
			for now := int64(0); now < c.time; now += every {
				b.Reset()
				b.Put(fmt.Appendf(nil, "%016x/%07d", rng.Uint64(), now/every), value, now+window)
				mustDo(t, s.Apply(&b))
				mustDo(t, s.Advance(now))
				if now-synced >= 800*second {
					synced = now
					mustDo(t, s.Sync())
					if disk := s.Stats().Disk; now > 4*window && disk-last > largest-before {
						largest, before = disk, last
					}
					last = s.tree.space.usedCount.Load() * DefaultPageSize
				}
			}
			mustDo(t, s.Check())
			st := s.Stats()
			size, onTop, wa := float64(largest)/float64(bytes), float64(before)/float64(bytes), float64(st.Written.Page)/float64(st.LogicalBytes)
			t.Logf("the file had up to %.2f times the live bytes, %.2f of it pages of the last commit; %.2f bytes of pages for each logical byte; %d elements died unwritten", size, onTop, wa, st.DroppedDead)
			if size-onTop > c.beside {
				t.Errorf("the file had %.2f times the live bytes beside the pages of the last commit, more than %.2f", size-onTop, c.beside)
			}
			if size > c.most || wa > c.wa {
				t.Errorf("the file had up to %.2f times the live bytes, and %.2f bytes of pages were written for each, more than %.2f and %.2f", size, wa, c.most, c.wa)
			}
		})
	}
}
