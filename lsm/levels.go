package lsm

import (
	"sync/atomic"

	"github.com/statelab/statelab"
)

// levelCounters count what came into each level since the store was opened.
type levelCounters struct {
	writtenBytes, movedBytes [maxLevel + 1]atomic.Int64
}

func (c *levelCounters) wrote(level int, bytes int64) {
	c.writtenBytes[min(level, maxLevel)].Add(bytes)
}

func (c *levelCounters) moved(level int, bytes int64) {
	c.movedBytes[min(level, maxLevel)].Add(bytes)
}

// stats says of each level what is in it and what came into it.
func (c *levelCounters) stats(v *version) []statelab.LevelStats {
	var levels [maxLevel + 1]statelab.LevelStats
	for _, r := range v.runs {
		l := &levels[r.level]
		l.Runs++
		l.Files += len(r.tables)
		l.Bytes += r.size
		l.Records += r.records
		l.DeadBytes += r.deadBytes(v.watermark)
	}
	var used []statelab.LevelStats
	for i := range levels {
		l := &levels[i]
		l.Level, l.Written, l.Moved = i, c.writtenBytes[i].Load(), c.movedBytes[i].Load()
		if l.Runs > 0 || l.Written > 0 || l.Moved > 0 {
			used = append(used, *l)
		}
	}
	return used
}
