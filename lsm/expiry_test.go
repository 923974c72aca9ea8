package lsm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statelab/statelab"
)

func TestOctilesTellWhenBytesDie(t *testing.T) {
	for _, n := range []int{1, 7, 100, 5000, 200_000} {
		rng := rand.New(rand.NewPCG(uint64(n), 0))
		var s expirySample
		s.reset()
		type death struct{ at, bytes int64 }
		var deaths []death
		total := int64(0)
		for range n {
			e := element{expireAt: rng.Int64N(1000), data: make([]byte, 1+rng.IntN(300))}
			s.add(e)
			deaths = append(deaths, death{e.expireAt, int64(len(e.data))})
			total += int64(len(e.data))
		}
		slices.SortFunc(deaths, func(a, b death) int { return int(a.at - b.at) })
		got := s.octiles()
		if len(s.taken) > maxExpirySamples {
			t.Errorf("%d samples are kept", len(s.taken))
		}
		for i, at := range got {
			dead := int64(0)
			for _, d := range deaths {
				if d.at <= at {
					dead += d.bytes
				}
			}
			share := float64(dead) / float64(total)
			want := float64(i+1) / 8
			if slack := 0.03 + 300/float64(total)*float64(min(n, 2)); share < want-slack || n > 1000 && share > want+slack {
				t.Errorf("%d elements: %.3f of the bytes are dead by octile %d, want %.3f", n, share, i, want)
			}
		}
	}
}

func TestOctilesOfNothing(t *testing.T) {
	var s expirySample
	s.reset()
	for i, at := range s.octiles() {
		if at != statelab.NoExpiry {
			t.Errorf("octile %d is %d", i, at)
		}
	}
	s.add(element{expireAt: 5}) // without bytes
	if o := s.octiles(); o[0] != 5 || o[6] != 5 {
		t.Errorf("octiles %v of one empty element", o)
	}
}

func TestDeadBytesAreEstimated(t *testing.T) {
	for _, c := range []struct {
		picture   string
		watermark int64
		want      int64
	}{
		{"L0 a-z@80..160:800", 80, 0},
		{"L0 a-z@80..160:800", 90, 100},
		{"L0 a-z@80..160:800", 125, 400},
		{"L0 a-z@80..160:800", 159, 700},
		{"L0 a-z@80..160:800", 160, 800},
		{"L0 a-z:800", 1 << 60, 0},
		{"L0 a-z:800~10", 1 << 60, 0},
		{"L0 a-f@100:800 g-z@200:800", 150, 800},
	} {
		v := draw(t, c.picture)
		if got := v.runs[0].deadBytes(c.watermark); got != c.want {
			t.Errorf("%s: %d bytes are dead at %d, want %d", c.picture, got, c.watermark, c.want)
		}
	}
}
