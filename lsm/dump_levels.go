package lsm

import (
	"fmt"
	"io"
	"strings"

	"github.com/statelab/statelab"
)

// dumpColumns is into how many parts of equal length the time from the
// watermark to the latest expiry is drawn.
const dumpColumns = 16

// dumpLevels draws of each level when its bytes die:
//
//	level     bytes   written     moved      dead     never  expiring 100 to 900
//	    0    12 MiB    80 MiB        0B        0B        1B  |  ▁▃▅████▇▅▃▁   |
//
// A column is as high as its share of the fullest column of the level. Bytes are
// those of the files, shared out by the octiles of their tables.
func dumpLevels(to io.Writer, v *version, levels []statelab.LevelStats) {
	latest := int64(statelab.MinWatermark)
	for t := range v.tables {
		for _, at := range append(t.octiles[:], t.maxExpiry) {
			if t.elements > 0 && at != statelab.NoExpiry {
				latest = max(latest, at)
			}
		}
	}
	picture := "nothing is to expire"
	if latest > v.watermark {
		picture = "expiring " + span(timeText(v.watermark), timeText(latest))
	}
	if len(levels) > 0 {
		fmt.Fprintf(to, "level %9s %9s %9s %9s %9s  %s\n", "bytes", "written", "moved", "dead", "never", picture)
	}
	for _, l := range levels {
		d := deaths{from: v.watermark, until: latest}
		for _, r := range v.runs {
			if r.level == l.Level {
				d.add(r)
			}
		}
		fmt.Fprintf(to, "%5d %9s %9s %9s %9s %9s  |%s|\n", l.Level, sizeText(l.Bytes), sizeText(l.Written), sizeText(l.Moved),
			sizeText(d.dead), sizeText(d.never), d.columns())
	}
}

// deaths counts bytes by the time they die.
type deaths struct {
	from, until int64
	dead, never int64
	at          [dumpColumns]int64
}

// add counts the tables of a run, an eighth of each at an octile.
func (d *deaths) add(r *run) {
	for _, t := range r.tables {
		if t.elements == 0 {
			continue
		}
		for _, at := range append(t.octiles[:], t.maxExpiry) {
			switch {
			case at == statelab.NoExpiry:
				d.never += t.size / 8
			case at <= d.from:
				d.dead += t.size / 8
			default:
				share := float64(uint64(at)-uint64(d.from)) / float64(uint64(d.until)-uint64(d.from))
				d.at[min(dumpColumns-1, int(share*dumpColumns))] += t.size / 8
			}
		}
	}
}

func (d *deaths) columns() string {
	most := int64(1)
	for _, n := range d.at {
		most = max(most, n)
	}
	heights := []rune(" ▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, n := range d.at {
		b.WriteRune(heights[(n*8+most-1)/most])
	}
	return b.String()
}
