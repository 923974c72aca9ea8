package lsm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func TestPiecesMoveWhatNothingOverlaps(t *testing.T) {
	for _, d := range []drawing{
		{"all overlap", `
			L0  a----m  n----z
			L0  c------------x`, "(0 1|10)"},
		{"nothing overlaps", `
			L0         e----h:100  q-r:100
			L0  a-b:100  i----p:100`, "10 0 11 1"},
		{"as in the picture of piece", `
			L0  a-f:100           r-v:100
			L0  a----h:100  k-m:100
			L0                         w-z:100`, "(0|10) 11 1 20"},
		{"small ones are rewritten with their neighbours", `
			L0  a-f      k-m
			L0  b-g           r-v:100`, "(0 1|10) 11"},
		{"small ones by themselves move", `
			L0  a-b
			L0      d-e:100`, "0 10"},
		{"small ones are put together", `
			L0  a-b      f-g
			L0      d-e      h-i:100`, "(0 1|10) 11"},
		{"not what is partly dead", `
			watermark 100
			L0  a-b@20..180:100
			L0      d-e:100`, "(0) 10"},
		{"not what has tombstones", `
			L0  a-b:100~1
			L0      d-e:100`, "(0) 10"},
		{"in a chain all hang together", `
			L0  a---c  e---g  i--k
			L0     c---e  g---i`, "(0 1 2|10 11)"},
	} {
		v := draw(t, d.picture)
		var got []string
		for _, p := range pieces(v.runs, choice{begin: 0, end: len(v.runs)}, v.watermark, 400) {
			var sources []string
			for _, tables := range p.sources {
				sources = append(sources, strings.TrimSpace(numbers(tables)))
			}
			s := strings.Join(sources, "|")
			if !p.moves {
				s = "(" + s + ")"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != d.want {
			t.Errorf("%s: %s, want %s, in%s", d.name, s, d.want, d.picture)
		}
	}
}

// Keys that ascend for ever are flushed to tables that do not overlap: every
// policy puts them in order without writing them again.
func TestAscendingKeysAreNeverRewritten(t *testing.T) {
	for _, c := range everyCompaction() {
		t.Run(c.String(), func(t *testing.T) {
			o := inline(statelab.DurabilityCheckpoint)
			o.Compaction, o.Compression = c, statelab.CompressionNone
			s := open(t, vfs.NewMem(), o)
			defer shut(t, s)
			for i := range 4000 {
				put(t, s, fmt.Sprintf("k%06d", i), strings.Repeat("v", 400), statelab.NoExpiry)
			}
			syncNow(t, s)
			st := s.Stats()
			moved := int64(0)
			for _, l := range st.Levels {
				moved += l.Moved
			}
			if st.Written.Compaction != 0 || st.Compactions != 0 || moved == 0 {
				t.Errorf("%d bytes were rewritten in %d compactions, and %d moved", st.Written.Compaction, st.Compactions, moved)
			}
			if n := len(s.view.Load().version.runs); n > 2*fanIn {
				t.Errorf("%d runs", n)
			}
		})
	}
}

func everyCompaction() []Compaction {
	return []Compaction{CompactionTiered, CompactionLeveled, CompactionLazyLeveled, CompactionWindow}
}

// What stays in the run that the outcome goes into must not come to lie within
// one of the new tables.
func TestPiecesLeaveOutWhatStaysBetweenThem(t *testing.T) {
	v := draw(t, `
		L0  a-b       f-g
		L0  a-b       f-g
		L1       c-e        i-j`)
	var only []*table
	for _, r := range v.runs[:2] {
		only = append(only, r.tables...)
	}
	got := pieces(v.runs, choice{begin: 0, end: 3, only: only, level: 1}, 0, 400)
	if len(got) != 2 || got[0].moves || got[1].moves || string(got[0].sources[0][0].last) != "b" || string(got[1].sources[1][0].first) != "f" {
		t.Errorf("pieces %+v", got)
	}
	if got := pieces(v.runs[:2], choice{begin: 0, end: 2, level: 1}, 0, 400); len(got) != 1 {
		t.Errorf("%d pieces where nothing lies between", len(got))
	}
}
