package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

func summarize(t *testing.T, records []Record) *Summary {
	t.Helper()
	r, err := NewReader("T", bytes.NewReader(encode(t, Zstd, records)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := Summarize(r, uint64(len(records)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASummaryCountsWhatIsThere(t *testing.T) {
	probe := statelab.PrefixRange([]byte("a"))
	s := summarize(t, []Record{
		{Kind: Put, Time: 10, Key: []byte("a"), Size: 100, Expiry: 70},
		{Kind: Append, Time: 10, Key: []byte("bb"), Size: 50, Expiry: statelab.NoExpiry, Last: true},
		{Kind: Delete, Time: 10, Key: []byte("c"), Last: true},
		{Kind: Get, Time: 20, Arrival: 5, Key: []byte("a"), Found: true, Size: 100},
		{Kind: Get, Time: 20, Arrival: 6, Key: []byte("d")},
		{Kind: Scan, Time: 20, Arrival: 6, Range: probe, Legs: []Leg{{Move: Next, Records: 2, Ended: true}}, Bytes: 150},
		{Kind: Open, Time: 20, Arrival: 6, Slot: 3, Range: probe},
		{Kind: Moves, Time: 20, Arrival: 6, Slot: 3, Legs: []Leg{{Move: Next, Records: 1}}, Bytes: 100},
		{Kind: Scan, Time: 20, Arrival: 6, Legs: []Leg{{Move: Last, Ended: true}}},
		{Kind: Moves, Time: 20, Arrival: 6, Slot: 3, Legs: []Leg{{Move: Next, Records: 4}}, Bytes: 1, Last: true},
		{Kind: Advance, Time: 90, Arrival: 8, Watermark: 90},
		{Kind: Sync, Time: 90, Arrival: 9},
		{Kind: Put, Time: 90, Arrival: 9, Key: []byte("a"), Size: 1, Expiry: 90, Last: true},
	})
	calls := Calls{Get: 2, Found: 1, Put: 2, Append: 1, Delete: 1, Batches: 3, Probe: 2, Scan: 1, Advance: 1, Sync: 1}
	if s.Calls != calls {
		t.Errorf("calls %+v", s.Calls)
	}
	if want := (Bytes{Written: 155, Got: 100, Scanned: 251}); s.Bytes != want {
		t.Errorf("bytes %+v, not %+v", s.Bytes, want)
	}
	if s.PerProbe.Count != 2 || s.PerProbe.Max != 5 || s.PerProbe.P10 != 2 || s.PerScan.Max != 0 || s.PerScan.Count != 1 {
		t.Errorf("per probe %+v, per scan %+v", s.PerProbe, s.PerScan)
	}
	if s.TTL.Count != 2 || s.TTL.Max != 60 || s.Immortal != 1 || s.BornDead != 1 || s.Sizes.P50 != 50 {
		t.Errorf("TTL %+v, %d immortal, %d born dead, sizes %+v", s.TTL, s.Immortal, s.BornDead, s.Sizes)
	}
	if s.FirstEvent != 10 || s.LastEvent != 90 || s.Elapsed != 9 || s.Records != 13 {
		t.Errorf("event time %d to %d, elapsed %d, %d records", s.FirstEvent, s.LastEvent, s.Elapsed, s.Records)
	}
	// Only key a is used again: past two other keys, then past d, and twice at once.
	if s.Keys.Uses != 8 || s.Keys.Distinct != 4 || s.Reuse.Count != 4 || s.Reuse.Max != 2 || s.Reuse.Cold != 0.5 {
		t.Errorf("keys %+v, reuse %+v", s.Keys, s.Reuse)
	}
	keys, fresh := int64(0), int64(0)
	for _, w := range s.WorkingSet {
		keys, fresh = keys+w.Keys, fresh+w.Fresh
	}
	if len(s.WorkingSet) != 13 || keys != 8 || fresh != 4 {
		t.Errorf("working set %+v", s.WorkingSet)
	}
}

func TestASummaryReadsForPeopleAndPrograms(t *testing.T) {
	s := summarize(t, allKinds())
	text := s.Text()
	for _, want := range []string{"18 records; answers ", "calls\n  get ", "50.0% found something", "TTL us", "working set"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if len(line) > 121 {
			t.Errorf("a line of %d columns: %s", len(line)-1, line)
		}
	}
	data, err := json.Marshal(s)
	var back Summary
	if err == nil {
		err = json.Unmarshal(data, &back)
	}
	if err != nil || back.Calls != s.Calls || back.Keys != s.Keys || back.Reuse != s.Reuse {
		t.Errorf("error %v, read back %+v", err, back)
	}
}

// gets returns the trace of Gets of keys by number.
func gets(numbers []int) []Record {
	records := make([]Record, len(numbers))
	for i, n := range numbers {
		records[i] = Record{Kind: Get, Key: fmt.Appendf(nil, "%d", n)}
	}
	return records
}

// Against the definition, one pair of uses at a time.
func TestReuseDistancesAreDistinctKeysBetween(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var numbers []int
	for range 500 {
		numbers = append(numbers, r.IntN(60))
	}
	counts := map[int]int{}
	most, uses := 0, 0
	for i, n := range numbers {
		between := map[int]bool{}
		for j := i - 1; j >= 0; j-- {
			if numbers[j] == n {
				counts[len(between)]++
				most, uses = max(most, len(between)), uses+1
				break
			}
			between[numbers[j]] = true
		}
	}
	below, median := 0, 0
	for median = 0; below+counts[median] < (uses+1)/2; median++ {
		below += counts[median]
	}
	s := summarize(t, gets(numbers))
	if s.Reuse.Count != int64(uses) || s.Reuse.Max != int64(most) || s.Reuse.P50 != int64(median) || s.Reuse.Sampled != 1 {
		t.Errorf("reuse %+v, not %d of up to %d, median %d", s.Reuse, uses, most, median)
	}
}

// A cyclic walk over n keys has a distance of n-1 everywhere, sampled or not.
func TestSampledReuseDistancesAreScaled(t *testing.T) {
	const keys = 20_000
	r := newReuse(40 * reuseExact) // one key in 40
	for i := range 3 * keys {
		r.add(keyHash(fmt.Appendf(nil, "%d", i%keys)))
	}
	d := r.distances()
	if d.Sampled != 1.0/40 || d.Count < 2*keys/40*8/10 || d.Count > 2*keys/40*12/10 {
		t.Errorf("sampled %v, %d uses", d.Sampled, d.Count)
	}
	if off := math.Abs(float64(d.P50)/keys - 1); off > 0.15 {
		t.Errorf("median distance %d, not about %d", d.P50, keys)
	}
	if math.Abs(d.Cold-1.0/3) > 0.01 {
		t.Errorf("first uses are %v", d.Cold)
	}
}

func TestTheZipfExponentIsFound(t *testing.T) {
	for _, want := range []float64{0, 0.5, 0.99, 1.5} {
		counts := make([]uint32, 1000)
		for i := range counts {
			counts[i] = uint32(math.Round(1e6 * math.Pow(float64(i+1), -want)))
		}
		if got := zipfExponent(counts); math.Abs(got-want) > 0.01 {
			t.Errorf("exponent %v, not %v", got, want)
		}
	}
	s := summarize(t, gets([]int{1, 1, 1, 1, 1, 1, 1, 2, 3, 4}))
	if s.Keys.Top1 != 0.7 {
		t.Errorf("the most used key has %v of the uses", s.Keys.Top1)
	}
}
