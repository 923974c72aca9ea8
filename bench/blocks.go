package bench

import "github.com/statelab/statelab"

// cacheKinds are the kinds of block or page that have a hit ratio of their own, by
// their names in Stats.Cache. Look-ups of other kinds count in cache_hit_ratio
// alone, until they are listed here.
var cacheKinds = []struct{ name, what string }{
	{"data", "data blocks of sorted tables"},
	{"index", "index blocks of sorted tables"},
	{"filter", "filter blocks of sorted tables"},
	{"leaf", "leaves of a paged tree"},
	{"inner", "inner pages of a paged tree"},
	{"overflow", "overflow pages of a paged tree"},
}

func kindMetric(kind string) string { return "cache_" + kind + "_hit_ratio" }

// blockMetrics documents what is counted of blocks.
func blockMetrics() []MetricDoc {
	docs := []MetricDoc{
		{"block_accesses_per_event", "blocks", Lower, "Look-ups of blocks or pages in the engine's own cache, found there or not, divided by events. Blocks that a compaction reads past the cache are not among them. Absent where an engine has no cache."},
		{"blocks_read", "blocks", Lower, "Look-ups of blocks or pages that did not find them in the engine's own cache, so that they were read from a file. With inline maintenance it is the same in every run. Absent where an engine has no cache."},
		{"read_bytes_per_lookup", "bytes", Lower, "Read amplification: read_bytes divided by Gets and probes (get_count and probe_count). What flushes, compactions and updates read is among them."},
	}
	for _, k := range cacheKinds {
		docs = append(docs, MetricDoc{kindMetric(k.name), "ratio", Higher, "Share of look-ups of " + k.what + " that found them in the engine's own cache. Absent where there were none."})
	}
	return docs
}

// emitBlocks adds what the engine's cache counted since before.
func (r *reading) emitBlocks(before *reading, events int64, m Metrics) {
	hits, misses := cacheLookups(r.store.Cache)
	hitsBefore, missesBefore := cacheLookups(before.store.Cache)
	hits, misses = hits-hitsBefore, misses-missesBefore
	m.setRatio("cache_hit_ratio", float64(hits), float64(hits+misses))
	if len(r.store.Cache) > 0 {
		m.set("blocks_read", float64(misses))
		m.setRatio("block_accesses_per_event", float64(hits+misses), float64(events))
	}
	for _, k := range cacheKinds {
		hits, misses := cacheLookups(ofKind(r.store.Cache, k.name))
		hitsBefore, missesBefore := cacheLookups(ofKind(before.store.Cache, k.name))
		hits, misses = hits-hitsBefore, misses-missesBefore
		m.setRatio(kindMetric(k.name), float64(hits), float64(hits+misses))
	}
}

// emitReadAmplification adds what is read for each look-up; both have been
// counted.
func (m Metrics) emitReadAmplification() {
	m.setRatio("read_bytes_per_lookup", m["read_bytes"].Value, m["get_count"].Value+m["probe_count"].Value)
}

func cacheLookups(stats []statelab.CacheStats) (hits, misses int64) {
	for _, c := range stats {
		hits += c.Hits
		misses += c.Misses
	}
	return hits, misses
}

func ofKind(stats []statelab.CacheStats, kind string) []statelab.CacheStats {
	for i := range stats {
		if stats[i].Kind == kind {
			return stats[i : i+1]
		}
	}
	return nil
}
