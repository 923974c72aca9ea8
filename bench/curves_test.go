package bench

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

// An lruStore tells of one block for each Get, which its cache of some blocks
// holds or not.
type lruStore struct {
	*memStore
	told   func(statelab.BlockAccess)
	cached []uint64 // the last used last
	stats  statelab.CacheStats
}

const (
	lruStoreBlocks = 40
	lruStoreBytes  = 1000 // of a block
)

func openLRU(_, _ string, opts *statelab.Options) (statelab.Store, error) {
	return &lruStore{memStore: newMemStore(), told: opts.OnBlockAccess, stats: statelab.CacheStats{Kind: "leaf"}}, nil
}

func (s *lruStore) Get(dst, key []byte) ([]byte, error) {
	block := uint64(0)
	for _, b := range key {
		block = block*31 + uint64(b)
	}
	block %= 97
	a := statelab.BlockAccess{Kind: "leaf", Block: block, Bytes: lruStoreBytes, Event: statelab.BlockMiss}
	if at := slices.Index(s.cached, block); at >= 0 {
		a.Event = statelab.BlockHit
		s.cached = slices.Delete(s.cached, at, at+1)
		s.stats.Hits++
	} else {
		s.stats.Misses++
		if len(s.cached) == lruStoreBlocks {
			s.cached = slices.Delete(s.cached, 0, 1)
		}
	}
	s.cached = append(s.cached, block)
	if s.told != nil {
		s.told(a)
	}
	return s.memStore.Get(dst, key)
}

func (s *lruStore) Stats() statelab.Stats {
	stats := s.memStore.Stats()
	stats.Cache = []statelab.CacheStats{s.stats}
	stats.CacheBytes, stats.CachePolicy = lruStoreBlocks*lruStoreBytes, "lru"
	return stats
}

// A residentStore has no cache.
type residentStore struct{ *memStore }

func openResident(string, string, *statelab.Options) (statelab.Store, error) {
	return residentStore{newMemStore()}, nil
}

func (s residentStore) Stats() statelab.Stats {
	stats := s.memStore.Stats()
	stats.Cache = nil
	return stats
}

func runCurves(t *testing.T, open Opener) Measurement {
	t.Helper()
	job, w := smallJob(t, "reads")
	job.Watch = []string{"curves"}
	m, err := Execute(context.Background(), job, open)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.judge(w.truth(job.Seed, job.Knobs)); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCurvesAgreeWithTheCacheThatIsThere(t *testing.T) {
	m := runCurves(t, openLRU)
	for name, want := range map[string]float64{
		"curve_error_pp": 0, "block_footprint_bytes": 97 * lruStoreBytes, "blocks_sampled": 97, "block_sample_rate": 1,
	} {
		if got, ok := m.Metrics[name]; !ok || math.Abs(got.Value-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, doc := range missRatioMetrics {
		if got := m.Metrics[doc.Name]; got.Unit != doc.Unit {
			t.Errorf("%s is in %q, documented in %q", doc.Name, got.Unit, doc.Unit)
		}
	}
	if hits := m.Metrics["cache_leaf_hit_ratio"]; hits != m.Metrics["cache_hit_ratio"] || hits.Value < 0.2 || hits.Value > 0.8 {
		t.Errorf("leaves hit %v, all %v", hits, m.Metrics["cache_hit_ratio"])
	}
	if got := m.Metrics["block_accesses_per_event"].Value; got != 1 {
		t.Errorf("%v blocks for each Get", got)
	}
	wantCurves(t, m)
	measured := m.Curves[len(m.Curves)-1]
	if measured.Name != "miss_ratio_lru_measured" || !slices.Equal(measured.X, []float64{lruStoreBlocks * lruStoreBytes}) ||
		math.Abs(measured.Y[0]-(1-m.Metrics["cache_hit_ratio"].Value)) > 1e-9 {
		t.Errorf("the last curve is %+v", measured)
	}
	if again := runCurves(t, openLRU); !reflect.DeepEqual(missRatios(m), missRatios(again)) {
		t.Error("a second run has other curves")
	}
}

func missRatios(m Measurement) []Curve {
	return slices.DeleteFunc(slices.Clone(m.Curves), func(c Curve) bool { return !strings.HasPrefix(c.Name, "miss_ratio_") })
}

// wantCurves looks for all curves of the instrument, documented and sane.
func wantCurves(t *testing.T, m Measurement) {
	t.Helper()
	footprint := m.Metrics["block_footprint_bytes"].Value
	for _, doc := range missRatioCurves() {
		at := slices.IndexFunc(m.Curves, func(c Curve) bool { return c.Name == doc.Name })
		if at < 0 {
			t.Errorf("no curve %s", doc.Name)
			continue
		}
		c := m.Curves[at]
		if len(c.X) != len(c.Y) || !slices.IsSorted(c.X) || c.X[len(c.X)-1] != footprint {
			t.Errorf("%s: %v of footprint %v", doc.Name, c.X, footprint)
		}
		if first, last := c.Y[0], c.Y[len(c.Y)-1]; first > 1 || last < 0 || first < last+0.2 {
			t.Errorf("%s falls from %v to %v", doc.Name, first, last)
		}
		if !slices.ContainsFunc(CurveDocs(), func(d CurveDoc) bool { return d.Name == doc.Name }) {
			t.Errorf("%s is not documented", doc.Name)
		}
	}
}

func TestAStoreWithoutBlocksHasNoCurvesAndANote(t *testing.T) {
	m := runCurves(t, openMem)
	if found := missRatios(m); len(found) > 0 {
		t.Errorf("curves %+v", found)
	}
	for _, doc := range missRatioMetrics {
		if _, ok := m.Metrics[doc.Name]; ok {
			t.Errorf("%s is there", doc.Name)
		}
	}
	if notes := strings.Join(m.Notes, "\n"); !strings.Contains(notes, "memory-resident") {
		t.Errorf("notes %q", notes)
	}
}

// The runs that are timed are not watched, and only the first repetition is run
// again for the curves.
func TestASuiteComputesCurvesInARunOfTheirOwn(t *testing.T) {
	s := smallSuite(t, "a", "resident")
	s.Workloads = []string{"reads"}
	var watched []string
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		watched = append(watched, strings.Join(job.Watch, "+"))
		if slices.Contains(job.Watch, "curves") && (job.MemoryLimit != 0 || job.Rate != 0) {
			t.Errorf("the run for the curves is bounded: %+v", job.Settings)
		}
		if job.Backend == "resident" {
			return Execute(ctx, job, openResident)
		}
		return Execute(ctx, job, openLRU)
	}
	for i := range s.Backends {
		s.Backends[i].Settings.Watch = []string{"curves", "pagecache"}
		s.Backends[i].Settings.MemoryLimit = AutoLimit
	}
	out, err := s.RunAll(context.Background())
	if err != nil || len(out.Failures) > 0 {
		t.Fatalf("error %v, failures %v", err, out.Failures)
	}
	if want := []string{"", "pagecache", "curves", "pagecache", "pagecache", "pagecache"}; !slices.Equal(watched, want) {
		t.Errorf("runs watched by %q, want %q", watched, want)
	}
	for _, r := range out.Results {
		_, has := r.Metrics["curve_error_pp"]
		curves := missRatios(Measurement{Curves: r.Curves})
		if first := r.Rep == 1 && r.Backend == "a"; has != first || len(curves) > 0 != first {
			t.Errorf("%s, repetition %d: %d curves", r.Backend, r.Rep, len(curves))
		}
		if noted := slices.Contains(r.Notes, noBlocksNote); noted != (r.Rep == 1 && r.Backend == "resident") {
			t.Errorf("%s, repetition %d: notes %q", r.Backend, r.Rep, r.Notes)
		}
	}
}

func TestAFailedRunForTheCurvesLeavesTheResult(t *testing.T) {
	s := smallSuite(t, "a")
	s.Workloads, s.Reps = []string{"reads"}, 1
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		if slices.Contains(job.Watch, "curves") {
			return Measurement{}, errors.New("no room")
		}
		return Execute(ctx, job, openLRU)
	}
	s.Backends[0].Settings.Watch = []string{"curves"}
	out, err := s.RunAll(context.Background())
	if err != nil || len(out.Results) != 1 {
		t.Fatalf("error %v, results %v", err, out.Results)
	}
	if notes := strings.Join(out.Results[0].Notes, "\n"); !strings.Contains(notes, "curves: the run for them failed: no room") {
		t.Errorf("notes %q", notes)
	}
}
