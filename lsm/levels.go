package lsm

import (
	"math"
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
	latest := v.latest()
	for _, r := range v.runs {
		l := &levels[r.level]
		l.Runs++
		l.Files += len(r.tables)
		l.Bytes += r.size
		l.Records += r.records
		for _, t := range r.tables {
			t.addDeaths(l, v.watermark, latest)
		}
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

// latest returns the greatest expiry that something in the tables has, but NoExpiry;
// the watermark if nothing is to expire.
func (v *version) latest() int64 {
	latest := v.watermark
	for t := range v.tables {
		for _, at := range append(t.octiles[:], t.maxExpiry) {
			if t.elements > 0 && at != statelab.NoExpiry {
				latest = max(latest, at)
			}
		}
	}
	return latest
}

// addDeaths adds to l when the bytes of the file die: an eighth of them at each
// octile, those that are dead as deadBytes has it.
func (t *table) addDeaths(l *statelab.LevelStats, from, until int64) {
	l.DeadBytes += t.deadBytes(from)
	if t.elements == 0 || t.dead(from) {
		return
	}
	for _, at := range append(t.octiles[:], t.maxExpiry) {
		switch {
		case at == statelab.NoExpiry:
			l.NeverBytes += t.size / 8
		case at > from:
			share := float64(uint64(at)-uint64(from)) / float64(uint64(until)-uint64(from))
			part := int(math.Ceil(share*statelab.ExpiryParts)) - 1
			l.DyingBytes[max(0, min(part, statelab.ExpiryParts-1))] += t.size / 8
		}
	}
}
