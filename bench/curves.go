package bench

import (
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/mrc"
)

const (
	curvesName = "curves"
	curvesDoc  = "every look-up of a block in the engine's own cache, sampled: miss-ratio curves by cache size and policy; " +
		"in a suite that is a run of its own beside the first repetition, since it takes time and memory"
)

const missRatioNote = " would miss of the measured phase's look-ups, with what the warm-up left in it, by the size of the cache: from 1 % to all of block_footprint_bytes. Computed from a sample of blocks; see docs/CACHES.md."

// missRatioCurves documents the curves of the instrument, by policy.
func missRatioCurves() []CurveDoc {
	var docs []CurveDoc
	for _, p := range mrc.Policies() {
		docs = append(docs, CurveDoc{missRatioName(p), "bytes", "ratio", Lower, fmt.Sprintf("Share that a block cache of policy %s", p) + missRatioNote})
	}
	return docs
}

// measuredMissRatioCurves documents what engines' own caches did.
func measuredMissRatioCurves() []CurveDoc {
	var docs []CurveDoc
	for _, p := range mrc.Policies() {
		docs = append(docs, CurveDoc{missRatioName(p) + measuredSuffix, "bytes", "ratio", Lower,
			fmt.Sprintf("One point: what the engine's own cache, of policy %s, missed in the measured phase, by its size. Absent where the engine does not tell its policy.", p)})
	}
	return docs
}

// measuredSuffix ends the name of a curve's counterpart that was measured. The report draws
// such points into the chart of the curve.
const measuredSuffix = "_measured"

// missRatioPrefix begins the names of the curves.
const missRatioPrefix = "miss_ratio_"

func missRatioName(p mrc.Policy) string { return missRatioPrefix + p.String() }

var missRatioMetrics = []MetricDoc{
	{"block_footprint_bytes", "bytes", Lower, "Greatest memory that the blocks or pages in existence at one time would have taken, as far as they were looked up or made, warm-up included, as estimated from the sample. A larger cache would be of no use. Measured under -watch curves."},
	{"lru_90_bytes", "bytes", Lower, "Least cache size on the curve miss_ratio_lru at which nine of ten look-ups hit. Absent if no size would do. Measured under -watch curves."},
	{"curve_error_pp", "pp", Neither, "Hit ratio that the curve of the engine's own policy gives for the size of its cache, less the one it had (cache_hit_ratio), in percentage points: how far sampling and the model of the cache are from the engine, in the run that the curves are of. Absent where the engine does not tell its policy. Measured under -watch curves."},
	{"blocks_sampled", "blocks", Higher, "Blocks that the curves were computed from, warm-up included. Measured under -watch curves."},
	{"block_sample_rate", "ratio", Neither, "Share of blocks sampled, of the kind of which the least were. Measured under -watch curves."},
}

// curves is the instrument that computes miss-ratio curves.
type curves struct {
	sampler *mrc.Sampler
	before  statelab.Stats
}

func newCurves(job Job) (instrument, error) {
	s, err := mrc.NewSampler(mrc.Limits{}, job.Seed)
	return &curves{sampler: s}, err
}

func (c *curves) attach(opts *statelab.Options) { opts.OnBlockAccess = c.sampler.Record }

func (c *curves) begin(s statelab.Store) error {
	c.before = s.Stats()
	c.sampler.Begin()
	return nil
}

func (c *curves) close() error {
	c.sampler.Close()
	return nil
}

// noBlocksNote says why there are no curves.
const noBlocksNote = "curves: the store told of no look-ups of blocks; one that is memory-resident has none"

// Points of the curves: LRU's cost one pass in all, the others' a replay each.
const (
	leastSize    = 0.01 // of the footprint
	lruPoints    = 65
	replayPoints = 17
)

func (c *curves) end(s statelab.Store, m *Measurement) error {
	t := c.sampler.Trace()
	if t.LookUps == 0 {
		m.Notes = append(m.Notes, noBlocksNote)
		return nil
	}
	c.noteLimits(t, m)
	m.Metrics.set("block_footprint_bytes", float64(t.Footprint()))
	m.Metrics.set("blocks_sampled", float64(t.Sampled))
	m.Metrics.set("block_sample_rate", t.Rate)

	sizes := t.Sizes(leastSize, lruPoints)
	ratios := t.LRU(sizes)
	m.addCurve(mrc.LRU, sizes, ratios)
	for i, ratio := range ratios {
		if ratio <= 0.1 {
			m.Metrics.set("lru_90_bytes", float64(sizes[i]))
			break
		}
	}
	sizes = t.Sizes(leastSize, replayPoints)
	for _, p := range mrc.Policies() {
		if p == mrc.LRU {
			continue
		}
		ratios = nil
		for _, size := range sizes {
			ratios = append(ratios, t.MissRatio(p, size))
		}
		m.addCurve(p, sizes, ratios)
	}
	c.compare(s.Stats(), t, m)
	return nil
}

func (m *Measurement) addCurve(p mrc.Policy, sizes []int64, ratios []float64) {
	x := make([]float64, len(sizes))
	for i, size := range sizes {
		x[i] = float64(size)
	}
	m.Curves = append(m.Curves, Curve{Name: missRatioName(p), X: x, Y: ratios})
}

// noteLimits says where the trace is not of all look-ups.
func (c *curves) noteLimits(t *mrc.Trace, m *Measurement) {
	if t.Shed {
		m.Notes = append(m.Notes, "curves: caches are not warmed by the oldest part of the warm-up, which the trace had no room for")
	}
	if t.Cut {
		m.Notes = append(m.Notes, fmt.Sprintf("curves: of the first %d look-ups of the measured phase; the trace had no room for more", t.LookUps))
	}
}

// compare holds the curve against the engine's own cache.
func (c *curves) compare(now statelab.Stats, t *mrc.Trace, m *Measurement) {
	policy, err := mrc.ParsePolicy(now.CachePolicy)
	hits, misses := cacheLookups(now.Cache)
	hitsBefore, missesBefore := cacheLookups(c.before.Cache)
	hits, misses = hits-hitsBefore, misses-missesBefore
	if err != nil || now.CacheBytes == 0 || hits+misses == 0 || t.Cut {
		return
	}
	had := float64(hits) / float64(hits+misses)
	m.Curves = append(m.Curves, Curve{Name: missRatioName(policy) + measuredSuffix, X: []float64{float64(now.CacheBytes)}, Y: []float64{1 - had}})
	m.Metrics.set("curve_error_pp", 100*(1-t.MissRatio(policy, now.CacheBytes)-had))
}
