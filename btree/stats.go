package btree

import (
	"time"

	"github.com/statelab/statelab"
)

// Stats implements statelab.Store.
func (s *Store) Stats() statelab.Stats {
	defer s.gate.leave(s.gate.enter())
	st := statelab.Stats{
		Engine:         Engine,
		Watermark:      s.tree.shown.watermark,
		Batches:        s.batches.Load(),
		Ops:            s.ops.Load(),
		LogicalBytes:   s.logical.Load(),
		Flushes:        s.commits.Load(),
		LongestAdvance: time.Duration(s.longestAdvance.Load()),
		DroppedDead:    s.tree.shown.dropped + s.buffer.shown.dropped,
		Records:        -1,
		Files:          1,
	}
	s.meter.Fill(&st)
	s.layout.fill(&st)
	if s.closed {
		return st
	}
	t := &s.tree
	counts := t.pool.Counts()
	for kind, name := range countNames[:countOverflow+1] {
		st.Cache = append(st.Cache, statelab.CacheStats{Kind: name, Hits: counts[kind].Hits, Misses: counts[kind].Misses})
	}
	st.CacheBytes, st.CachePolicy = int64(t.pool.Frames()*t.pool.Charge()), s.options.Pool.String()
	st.Memory = t.pool.Memory() + t.ownMemory() + s.buffer.ownMemory() + t.space.memory.Load()
	st.Pinned = s.pinned()
	if l := t.leaves; l != nil {
		st.PlainBytes, st.CompressedBytes = l.before.Load(), l.after.Load()
	}
	st.Disk = t.size.Load()
	st.PageWrites = t.writes.Load()
	if s.log != nil {
		st.Disk += s.log.Disk()
	}
	if t.images.log != nil {
		st.Disk += t.images.log.Disk()
	}
	return st
}
