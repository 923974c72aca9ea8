package sink

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/vfs"
)

// fillSpool adds records, each with a padding so that a few thousand are more than is kept in memory.
func fillSpool(t *testing.T, s *Spool, ranks []Rank, padding string) {
	t.Helper()
	for i := range ranks {
		begin := len(s.Buffer())
		buf := append(AppendRank(s.Buffer(), &ranks[i]), rankText(&ranks[i])+padding...)
		if err := CloseRank(buf, begin); err != nil {
			t.Fatal(err)
		}
		if err := s.Extend(buf); err != nil {
			t.Fatal(err)
		}
	}
}

// added keeps what is added.
type added struct{ strings.Builder }

func (a *added) Add(b []byte) error { a.Write(b); return nil }
func (a *added) Close() error       { return nil }

// TestSpoolsAreMergedAsPartsAre: three partitions use two spools each in turn, of which one spills.
func TestSpoolsAreMergedAsPartsAre(t *testing.T) {
	fsys := vfs.NewMem()
	r := rand.New(rand.NewPCG(1, 2))
	padding := strings.Repeat("-", 3000) + "\n"
	var all []Rank
	var readers []*RankedReader
	var spools []*Spool
	for i := range 3 {
		ranks := randomRanks(r, 2500)
		all = append(all, ranks...)
		pair := [2]*Spool{NewSpool(fsys, fmt.Sprint(i, "a")), NewSpool(fsys, fmt.Sprint(i, "b"))}
		spools = append(spools, pair[:]...)
		turn := 0
		readers = append(readers, ReadSpools(func() (*Spool, error) {
			if len(ranks) == 0 {
				return nil, nil
			}
			n := min(len(ranks), []int{0, 7, 2000, 100}[turn%4])
			s := pair[turn%2]
			turn++
			s.Reset()
			fillSpool(t, s, ranks[:n], padding)
			ranks = ranks[n:]
			return s, nil
		}))
	}
	var got added
	if err := Merge(&got, readers); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b Rank) int { return a.compare(&b) })
	var want strings.Builder
	for i := range all {
		want.WriteString(rankText(&all[i]) + padding)
	}
	if got.String() != want.String() {
		t.Error("they are merged to something else")
	}
	if names, err := fsys.List("."); err != nil || len(names) == 0 {
		t.Errorf("nothing was spilled: %v, %v", names, err)
	}
	for _, s := range spools {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if names, err := fsys.List("."); err != nil || len(names) > 0 {
		t.Errorf("%v are left, %v", names, err)
	}
}
