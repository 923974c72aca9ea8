package lsm

import (
	"fmt"
	"io"
	"strings"

	"github.com/statelab/statelab"
)

// dumpLevels draws of each level when its bytes die:
//
//	level     bytes   written     moved      dead     never  expiring 100 to 900
//	    0    12 MiB    80 MiB        0B        0B        1B  |  ▁▃▅████▇▅▃▁   |
//
// A column is as high as its share of the fullest column of the level.
func dumpLevels(to io.Writer, v *version, levels []statelab.LevelStats) {
	picture := "nothing is to expire"
	if latest := v.latest(); latest > v.watermark {
		picture = "expiring " + span(timeText(v.watermark), timeText(latest))
	}
	if len(levels) > 0 {
		fmt.Fprintf(to, "level %9s %9s %9s %9s %9s  %s\n", "bytes", "written", "moved", "dead", "never", picture)
	}
	for i := range levels {
		l := &levels[i]
		fmt.Fprintf(to, "%5d %9s %9s %9s %9s %9s  |%s|\n", l.Level, sizeText(l.Bytes), sizeText(l.Written), sizeText(l.Moved),
			sizeText(l.DeadBytes), sizeText(l.NeverBytes), columns(l.DyingBytes[:]))
	}
}

// columns draws numbers as columns beside one another.
func columns(numbers []int64) string {
	most := int64(1)
	for _, n := range numbers {
		most = max(most, n)
	}
	heights := []rune(" ▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, n := range numbers {
		b.WriteRune(heights[(n*8+most-1)/most])
	}
	return b.String()
}
