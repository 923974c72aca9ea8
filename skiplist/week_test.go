package skiplist

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestAWeekOfChurn puts a store through a week of a sample join's load, in event
// time, and asserts all along, from the first window on, that what is in use is
// within 1.32 times the bytes of keys and values that live, and what it has taken
// from the system within 1.5 times.
//
// Impressions come with values whose sizes change from day to day, each with a
// timer, and some with actions, under keys as long as those of package join. Some
// are overwritten with other sizes, and some deleted. When the window has passed
// the timer is deleted and the rest expires.
func TestAWeekOfChurn(t *testing.T) {
	ticks := map[Layout]int{LayoutBlocks: 7 * weekDay, LayoutTowers: 2 * weekDay}
	if testing.Short() { // the default alone, and a few hours beyond the first window
		ticks = map[Layout]int{LayoutBlocks: weekWindow + weekDay/4}
	}
	for layout, n := range ticks {
		t.Run(layout.String(), func(t *testing.T) {
			w := newWeek(t, layout)
			for range n {
				w.tick()
			}
			t.Logf("%d operations; at worst %.3f times the live bytes were mapped, and %.3f times in use", w.ops, w.worstMapped, w.worstInUse)
			w.drain()
		})
	}
}

const (
	weekDay    = 48   // ticks, of half an hour
	weekWindow = 48   // ticks that an impression waits
	perTick    = 1000 // impressions
	syncEvery  = 8    // ticks
)

// weekSizes are the mean sizes of values by day, in bytes; they differ by a
// quarter of that either way.
var weekSizes = [...]int{500, 600, 550, 700, 650, 550, 500}

// A week is a store and what lives in it.
type week struct {
	t   *testing.T
	s   *Store
	rnd *rand.Rand

	now      int64
	ops      int
	batch    statelab.Batch
	bytes    [1 << 12]byte
	arrivals [weekWindow + 1][]impression // of the last ticks, by tick modulo length
	live     int64                        // bytes of keys and values
	records  int64

	worstMapped, worstInUse float64
}

// An impression waits with its timer. Its actions live as long.
type impression struct {
	id      uint64
	value   int   // size; -1 if it was deleted
	actions int64 // bytes of their keys and values
	n       int64 // of them
}

func newWeek(t *testing.T, layout Layout) *week {
	prefix := statelab.Prefix{Name: "week", Len: func(key []byte) int {
		if len(key) > 0 && key[0] == 2 {
			return min(21, len(key))
		}
		return min(1, len(key))
	}}
	s, err := Open("week", &Options{Layout: layout, Options: statelab.Options{
		FS: vfs.NewMem(), Prefix: prefix, Maintenance: statelab.MaintenanceInline,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &week{t: t, s: s, rnd: rand.New(rand.NewPCG(1, 2))}
}

// Keys are as long as those that package join makes of a 16-byte join key: that of
// a timer 36 bytes, that of an event 38.
func weekTimerKey(dst []byte, at int64, id uint64) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, 1), uint64(at))
	return fmt.Appendf(dst, "%016x%011d", id*0x9e3779b97f4a7c15, id)
}

func weekEventKey(dst []byte, id uint64, seq int64) []byte {
	dst = fmt.Appendf(append(dst, 2, byte(id), byte(id>>8), 0), "%016x.", id*0x9e3779b97f4a7c15)
	return fmt.Appendf(dst, "%017d", seq)
}

func (w *week) tick() {
	w.now++
	w.fire()
	w.arrive()
	for range perTick / 5 {
		w.act()
	}
	for range perTick / 20 {
		w.overwrite()
	}
	w.apply()
	if w.now%syncEvery == 0 {
		w.must(w.s.Sync())
	}
	if w.now > weekWindow {
		w.checkFootprint()
	}
	if w.now%weekDay == 0 {
		w.must(w.s.Check())
	}
}

// fire ends the windows of the impressions that came weekWindow ticks ago.
func (w *week) fire() {
	due := &w.arrivals[(w.now+1)%int64(len(w.arrivals))] // which the next tick overwrites
	for i := range *due {
		imp := &(*due)[i]
		key := weekTimerKey(nil, w.now, imp.id)
		w.batch.Delete(key)
		w.count(-1, -len(key))
		if imp.value >= 0 {
			w.count(-1, -(len(weekEventKey(nil, imp.id, 0)) + imp.value))
		}
		w.live -= imp.actions
		w.records -= imp.n
	}
	*due = (*due)[:0]
	w.apply()
	w.must(w.s.Advance(w.now))
}

func (w *week) arrive() {
	at := &w.arrivals[w.now%int64(len(w.arrivals))]
	for i := range perTick {
		imp := impression{id: uint64(w.now)*perTick + uint64(i), value: w.size()}
		key := weekEventKey(nil, imp.id, 0)
		w.batch.Put(key, w.bytes[:imp.value], w.now+weekWindow)
		w.count(1, len(key)+imp.value)
		key = weekTimerKey(nil, w.now+weekWindow, imp.id)
		w.batch.Put(key, nil, statelab.NoExpiry)
		w.count(1, len(key))
		*at = append(*at, imp)
		if i%50 == 49 {
			w.apply()
		}
	}
}

// size draws the size of a value. The sizes of a day pass into those of the next.
func (w *week) size() int {
	day := int(w.now/weekDay) % len(weekSizes)
	mean := weekSizes[day]
	if w.rnd.Int64N(weekDay) < w.now%weekDay {
		mean = weekSizes[(day+1)%len(weekSizes)]
	}
	return mean*3/4 + w.rnd.IntN(mean/2)
}

// some returns an impression that waits, and when its window ends.
func (w *week) some() (imp *impression, end int64) {
	for {
		came := max(1, w.now-w.rnd.Int64N(weekWindow-1))
		if at := w.arrivals[came%int64(len(w.arrivals))]; len(at) > 0 {
			return &at[w.rnd.IntN(len(at))], came + weekWindow
		}
	}
}

func (w *week) act() {
	imp, end := w.some()
	const value = 80
	imp.n++
	key := weekEventKey(nil, imp.id, imp.n)
	w.batch.Put(key, w.bytes[:value], end)
	w.count(1, len(key)+value)
	imp.actions += int64(len(key) + value)
}

// overwrite gives an impression another value, or deletes it.
func (w *week) overwrite() {
	imp, end := w.some()
	if imp.value < 0 {
		return
	}
	key := weekEventKey(nil, imp.id, 0)
	if w.rnd.IntN(4) == 0 {
		w.batch.Delete(key)
		w.count(-1, -(len(key) + imp.value))
		imp.value = -1
		return
	}
	size := w.size()
	w.batch.Put(key, w.bytes[:size], end)
	w.count(0, size-imp.value)
	imp.value = size
}

func (w *week) count(records int64, bytes int) {
	w.records += records
	w.live += int64(bytes)
}

func (w *week) apply() {
	w.ops += w.batch.Len()
	w.must(w.s.Apply(&w.batch))
	w.batch.Reset()
}

func (w *week) checkFootprint() {
	const mostInUse, mostMapped = 1.32, 1.5
	w.t.Helper()
	inUse, mapped := w.s.Stats().Memory, w.s.Mapped()
	w.worstInUse = max(w.worstInUse, float64(inUse)/float64(w.live))
	w.worstMapped = max(w.worstMapped, float64(mapped)/float64(w.live))
	if w.worstInUse > mostInUse || w.worstMapped > mostMapped {
		w.t.Fatalf("tick %d: %d bytes are mapped and %d in use for %d that live in %d records", w.now, mapped, inUse, w.live, w.records)
	}
}

// drain lets all windows end: nothing may be left.
func (w *week) drain() {
	for range weekWindow {
		w.now++
		w.fire()
	}
	for range 9 { // what died with the last of them
		w.now++
		w.must(w.s.Advance(w.now))
	}
	w.must(w.s.Sync()) // which tells the files of what is gone
	w.must(w.s.Check())
	if st := w.s.Stats(); w.records != 0 || w.live != 0 || st.Records != 0 || st.Memory > 8<<10 {
		w.t.Errorf("%d bytes in %d records should live; the store has %d records and %d bytes in use", w.live, w.records, st.Records, st.Memory)
	}
	if mapped := w.s.Mapped(); mapped > 4<<20 {
		w.t.Errorf("%d bytes are mapped for nothing", mapped)
	}
}

func (w *week) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}
