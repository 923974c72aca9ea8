package lsm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// sharing opens a store that cuts compactions into up to so many shares, and
// whose tables are small.
func sharing(t *testing.T, fsys vfs.FS, shares int, m statelab.Maintenance) *Store {
	t.Helper()
	return open(t, fsys, Options{
		Options:        statelab.Options{Memory: 256 << 10, Maintenance: m, Compression: statelab.CompressionNone},
		Compaction:     CompactionLeveled,
		Subcompactions: shares,
	})
}

// fillForShares writes records of which some replace, append to, delete or outlive others.
func fillForShares(t *testing.T, s *Store) {
	t.Helper()
	rng := rand.New(rand.NewPCG(4, 2))
	var b statelab.Batch
	for i := range 6000 {
		b.Reset()
		key, value := fmt.Appendf(nil, "k%04d", rng.IntN(3000)), fmt.Appendf(nil, "%d%s", i, strings.Repeat("v", rng.IntN(200)))
		switch rng.IntN(10) {
		case 0:
			b.Delete(key)
		case 1:
			b.Append(key, value, int64(i+rng.IntN(3000)))
		default:
			b.Put(key, value, int64(i+2000+rng.IntN(9000)))
		}
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
		if i%500 == 0 {
			if err := s.Advance(int64(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	syncNow(t, s)
}

// Shares hold each key once and each a good part.
func TestSharesPartAPieceEvenly(t *testing.T) {
	s := sharing(t, vfs.NewMem(), 3, statelab.MaintenanceInline)
	defer shut(t, s)
	fillForShares(t, s)
	v := s.view.Load().version
	var p piece
	for _, r := range v.runs {
		p.sources = append(p.sources, r.tables)
	}
	shares, err := s.shares(p)
	if err != nil || len(shares) != 3 || shares[0].lower != nil || shares[2].upper != nil {
		t.Fatalf("%d shares, %v", len(shares), err)
	}
	counts, total := make([]int, 3), 0
	for _, r := range v.runs {
		var c runCursor
		c.open(r.tables, fromFile)
		for ok := c.first(); ok; ok = c.next() {
			holders := 0
			for i, part := range shares {
				if string(c.key()) >= string(part.lower) && (part.upper == nil || string(c.key()) < string(part.upper)) {
					counts[i]++
					holders++
				}
			}
			if total++; holders != 1 {
				t.Fatalf("%d shares have key %q", holders, c.key())
			}
		}
		c.close()
	}
	for i, n := range counts {
		if n < total/8 || n > total/2 {
			t.Errorf("share %d has %d of %d records", i, n, total)
		}
	}
	p.sources = [][]*table{v.runs[0].tables[:1]}
	if shares, err = s.shares(p); err != nil || len(shares) != 1 {
		t.Errorf("a piece of one table has %d shares, %v", len(shares), err)
	}
}

// What is merged in shares, side by side or one after the other, is what is merged
// at once.
func TestSharesMergeToTheSame(t *testing.T) {
	var want string
	for _, c := range []struct {
		shares int
		how    statelab.Maintenance
	}{
		{1, statelab.MaintenanceInline}, {4, statelab.MaintenanceInline}, {4, statelab.MaintenanceBackground},
	} {
		s := sharing(t, vfs.NewMem(), c.shares, c.how)
		fillForShares(t, s)
		if err := s.compactAll(); err != nil { // whatever the background has done by now
			t.Fatal(err)
		}
		got := contents(t, s)
		if s.Stats().Compactions == 0 {
			t.Error("nothing was merged")
		}
		shut(t, s)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%d shares, maintenance %s: the store holds something else than with one", c.shares, c.how)
		}
	}
}

// If one share fails nothing is left of the others.
func TestSharesFailTogether(t *testing.T) {
	mem := vfs.NewMem()
	faulty := vfs.NewFaulty(mem)
	s := sharing(t, faulty, 4, statelab.MaintenanceInline) // which leaves the same each time
	fillForShares(t, s)
	s.options.Maintenance = statelab.MaintenanceBackground // so that the shares are merged side by side
	s.compactMu.Lock()
	v := s.acquireVersion()
	c := choice{begin: 0, end: len(v.runs), level: levelAbove(v.runs)}
	var whole piece // pieces would let tables move if everything is in one run by now
	for _, r := range v.runs {
		whole.sources = append(whole.sources, r.tables)
	}
	before, err := mem.List(s.path)
	if err != nil {
		t.Fatal(err)
	}
	failures := 0
	for n := 1; n < 40; n += 3 {
		faulty.Fail(vfs.Fault{Op: vfs.OpWrite, N: int64(n), Err: fmt.Errorf("no more of that")})
		tables, err := s.mergePiece(v, c, whole, s.newCompactionPace(v, c))
		if err != nil {
			if failures++; !strings.Contains(err.Error(), "no more of that") {
				t.Errorf("the failure of write %d is told as %v", n, err)
			}
		}
		s.undo(tables)
		faulty.Heal()
	}
	after, err := mem.List(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if failures == 0 || len(before) != len(after) {
		t.Errorf("after %d failures there are %d files, before %d", failures, len(after), len(before))
	}
	v.unref(s.discard)
	s.compactMu.Unlock()
	s.options.Maintenance = statelab.MaintenanceInline
	shut(t, s)
}
