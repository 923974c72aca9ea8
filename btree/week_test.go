package btree

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

const (
	churnSecond = int64(1_000_000)
	churnWindow = 600 * churnSecond
	churnHour   = 3600 * churnSecond
	churnValue  = 500 // bytes
)

// churn puts so many records for each window, in which they live, with a Sync every 800 s,
// for a time, and calls synced after each Sync; warm says that the first windows are over.
func churn(t *testing.T, s *Store, live, time int64, synced func(warm bool)) {
	rng := rand.New(rand.NewPCG(1, 1))
	var b statelab.Batch
	value := make([]byte, churnValue)
	every := churnWindow / live
	last := int64(0)
	for now := int64(0); now < time; now += every {
		b.Reset()
		b.Put(fmt.Appendf(nil, "%016x/%07d", rng.Uint64(), now/every), value, now+churnWindow)
		mustDo(t, s.Apply(&b))
		mustDo(t, s.Advance(now))
		if now-last >= 800*churnSecond {
			last = now
			mustDo(t, s.Sync())
			synced(now > 4*churnWindow)
		}
	}
	mustDo(t, s.Check())
}

// churnBytes returns the bytes of keys and values of so many records of churn.
func churnBytes(live int64) float64 { return float64(live * (churnValue + 24)) }

// TestAWeekOfChurn puts records that live for a window of ten minutes for a
// week of event time and holds the file to what is live;
// where the state is twice the memory for six hours, but with more records.
// The pages of a commit must stay until the next is durable, in which none of them is
// left, as all in them has died. They come on top.
func TestAWeekOfChurn(t *testing.T) {
	for _, c := range []struct {
		name   string
		memory int64
		live   int64 // records
		time   int64
		most   float64 // file by live bytes, with the pages of the last commit
		beside float64 // and without them
		wa     float64 // bytes of pages by logical bytes
	}{
		{"state fits", 1 << 20, 600, 7 * 24 * churnHour, 2.4, 1.6, 1.2},
		{"state is twice the memory", 768 << 10, 3000, 6 * churnHour, 3.1, 1.7, 3.6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, vfs.NewMem(), bufferedOptions(c.memory))
			defer s.Close()
			if testing.Short() {
				c.time /= 10
			}
			largest, before, last := int64(0), int64(0), int64(0)
			churn(t, s, c.live, c.time, func(warm bool) {
				if disk := s.Stats().Disk; warm && disk-last > largest-before {
					largest, before = disk, last
				}
				last = s.tree.space.usedCount.Load() * DefaultPageSize
			})
			st := s.Stats()
			bytes := churnBytes(c.live)
			size, onTop, wa := float64(largest)/bytes, float64(before)/bytes, float64(st.Written.Page)/float64(st.LogicalBytes)
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

// TestAWeekOfChurnInPlace is TestAWeekOfChurn for a tree that is updated in place, whose
// file needs no room for the pages of the last commit, as long as the logs may hold images of them.
func TestAWeekOfChurnInPlace(t *testing.T) {
	for _, c := range []struct {
		name   string
		memory int64
		live   int64 // records
		time   int64
		logs   int64   // log_limit; 0 is as much as the memory
		most   float64 // file by live bytes
		wa     float64 // bytes of pages by logical bytes
		images float64 // and of images
	}{
		{"state fits", 1 << 20, 600, 7 * 24 * churnHour, 0, 1.6, 1.2, 1},
		{"state is twice the memory", 768 << 10, 3000, 6 * churnHour, 4 << 20, 1.6, 3.6, 1},
		{"images have half the room", 768 << 10, 3000, 2 * churnHour, 0, 2.6, 3.6, 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := bufferedOptions(c.memory)
			o.Update, o.LogLimit = UpdateInPlace, c.logs
			s := mustOpen(t, vfs.NewMem(), o)
			defer s.Close()
			if testing.Short() {
				c.time /= 10
			}
			file, disk := int64(0), int64(0)
			churn(t, s, c.live, c.time, func(bool) {
				file = max(file, s.tree.size.Load())
				disk = max(disk, s.Stats().Disk)
			})
			st := s.Stats()
			size := float64(file) / churnBytes(c.live)
			logical := float64(st.LogicalBytes)
			pages, images := float64(st.Written.Page)/logical, float64(st.Written.Images)/logical
			t.Logf("the file had up to %.2f times the live bytes, with logs %.2f; %.2f bytes of pages, %.2f of images and %.2f of log for each logical byte; %d elements died unwritten",
				size, float64(disk)/churnBytes(c.live), pages, images, float64(st.Written.Log)/logical, st.DroppedDead)
			if size > c.most || pages > c.wa || images > c.images {
				t.Errorf("the file had up to %.2f times the live bytes, %.2f bytes of pages and %.2f of images were written for each, more than %.2f, %.2f and %.2f",
					size, pages, images, c.most, c.wa, c.images)
			}
		})
	}
}
