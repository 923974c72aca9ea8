package lsm

import (
	"errors"
	"fmt"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// What filters say of keys that are not there is no, or counted as a false
// positive; of keys that are there it is neither.
func TestFilterStatsTellTrueFromFalse(t *testing.T) {
	o := inline(statelab.DurabilityCheckpoint)
	o.Memory = 1 << 20
	s := open(t, vfs.NewMem(), o)
	defer shut(t, s)
	const records = 4000
	for i := range records {
		put(t, s, fmt.Sprintf("key %06d", 2*i), "value", statelab.NoExpiry)
	}
	syncNow(t, s)
	if err := s.compactAll(); err != nil {
		t.Fatal(err)
	}
	runs := int64(len(s.view.Load().version.runs))
	asked := func(odd int) (f statelab.FilterStats) {
		before := s.Stats().Filter
		for i := range records - 1 {
			_, err := s.Get(nil, fmt.Appendf(nil, "key %06d", 2*i+odd))
			if (err == nil) != (odd == 0) || err != nil && !errors.Is(err, statelab.ErrNotFound) {
				t.Fatal(err)
			}
		}
		after := s.Stats().Filter
		return statelab.FilterStats{
			Probes: after.Probes - before.Probes, Negatives: after.Negatives - before.Negatives, FalsePositives: after.FalsePositives - before.FalsePositives,
		}
	}
	absent, present := asked(1), asked(0)
	if absent.Probes < records*9/10 || absent.Probes > runs*(records-1) || absent.Negatives+absent.FalsePositives != absent.Probes ||
		absent.FalsePositives == 0 || absent.FalsePositives > absent.Probes/40 {
		t.Errorf("of %d keys that are not there in %d runs: %+v", records-1, runs, absent)
	}
	if maybe := present.Probes - present.Negatives; maybe-present.FalsePositives != records-1 {
		t.Errorf("of %d keys that are there: %+v", records-1, present)
	}
}

// A scan over what has died looks at no block, whether it was put, appended to or
// deleted, as long as its tables hold nothing else; and beside it a scan finds what
// lives.
func TestScansPassByWhatIsDeadWithoutLookingAtIt(t *testing.T) {
	for _, prefix := range []bool{false, true} {
		looked := 0
		o := inline(statelab.DurabilityCheckpoint)
		o.Memory = 1 << 20
		o.OnBlockAccess = func(a statelab.BlockAccess) {
			if a.Event == statelab.BlockHit || a.Event == statelab.BlockMiss {
				looked++
			}
		}
		if prefix {
			o.Prefix = joinPrefix
		}
		s := open(t, vfs.NewMem(), o)
		key := func(i int) string { return fmt.Sprintf("join%04d/%02d", i/4, i%4) }
		const records = 2000
		for _, change := range []func(i int){
			func(i int) { put(t, s, key(i), "first", 100) },
			func(i int) {
				if i%2 == 0 {
					del(t, s, key(i))
				} else {
					put(t, s, key(i), "second", 101)
				}
			},
			func(i int) {
				var b statelab.Batch
				b.Append([]byte(key(i)), []byte("third"), 102)
				if err := s.Apply(&b); err != nil {
					t.Fatal(err)
				}
			},
		} {
			for i := range records {
				change(i)
			}
			syncNow(t, s)
		}
		scan := func(r statelab.Range) (n int) {
			looked = 0
			it, err := s.Iter(r)
			if err != nil {
				t.Fatal(err)
			}
			for it.Next() {
				n++
			}
			if err := it.Close(); err != nil {
				t.Fatal(err)
			}
			return n
		}
		whole := statelab.Range{Lower: []byte("join0000"), Upper: []byte("join9999")}
		one := statelab.PrefixRange([]byte("join0123"))
		if scan(whole) != records || looked == 0 || scan(one) != 4 {
			t.Fatalf("prefix %v: the scans show little", prefix)
		}
		if err := s.Advance(102); err != nil {
			t.Fatal(err)
		}
		if s.Stats().Files == 0 {
			t.Fatal("the tables are gone")
		}
		for _, r := range []statelab.Range{whole, one} {
			if n := scan(r); n != 0 || looked != 0 {
				t.Errorf("prefix %v: a scan over what is dead finds %d records and looks at %d blocks", prefix, n, looked)
			}
		}
		put(t, s, key(500), "alive", statelab.NoExpiry)
		if n := scan(whole); n != 1 || looked != 0 {
			t.Errorf("prefix %v: beside a live record a scan finds %d records and looks at %d blocks", prefix, n, looked)
		}
		shut(t, s)
	}
}

// What dies when is told by level, and all of it: as an eighth of a table may die
// late, it is told so at the latest.
func TestStatsTellWhenTheBytesOfALevelDie(t *testing.T) {
	o := inline(statelab.DurabilityCheckpoint)
	o.Memory = 1 << 20
	s := open(t, vfs.NewMem(), o)
	defer shut(t, s)
	const records, window = 800, 1600
	advance := func(to int64) statelab.LevelStats {
		t.Helper()
		if err := s.Advance(to); err != nil {
			t.Fatal(err)
		}
		syncNow(t, s)
		st := s.Stats()
		if len(st.Levels) != 1 || st.Latest != window {
			t.Fatalf("%d levels, the latest expiry is %d", len(st.Levels), st.Latest)
		}
		l := st.Levels[0]
		sum := l.DeadBytes + l.NeverBytes
		for _, n := range l.DyingBytes {
			sum += n
		}
		if sum > l.Bytes || sum < l.Bytes-8*int64(l.Files) {
			t.Errorf("of %d bytes %d die at some time: %+v", l.Bytes, sum, l)
		}
		return l
	}
	if err := s.Advance(0); err != nil {
		t.Fatal(err)
	}
	for i := range records {
		put(t, s, fmt.Sprintf("%04d", i), "dies", int64(i+1)*window/records)
	}
	l := advance(0)
	for i, n := range l.DyingBytes {
		if want := l.Bytes / 8 * int64(i%2); n != want { // an octile is at the end of two parts
			t.Errorf("%d bytes die in part %d, want %d", n, i, want)
		}
	}
	if l = advance(window / 2); l.DeadBytes < l.Bytes*3/8 || l.DeadBytes > l.Bytes/2 {
		t.Errorf("half of it is dead, it says %d of %d bytes", l.DeadBytes, l.Bytes)
	}
	for i := range records {
		put(t, s, fmt.Sprintf("stays %04d", i), "lives", statelab.NoExpiry)
	}
	if l = advance(window / 2); l.NeverBytes < l.Bytes/4 || l.NeverBytes > l.Bytes*3/4 {
		t.Errorf("about half of it never dies, it says %d of %d bytes", l.NeverBytes, l.Bytes)
	}
}
