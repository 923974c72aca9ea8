package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/join/source"
	"github.com/statelab/statelab/vfs"
)

// rides is a side of events of rides, by the key that is given.
func rides(side, key, where string) string {
	return fmt.Sprintf(`%s: {file: "%s", format: csv, columns: [ride, event, at, other, lon, lat, to_lon, to_lat, passengers, taxi, driver],
  key: [%s], %stime: at, time_format: "2006-01-02 15:04:05", max_disorder: 0s}
`, side, taxiFile, key, where)
}

// bothRides has the starts of rides left and their ends right.
var bothRides = rides("left", "ride", "where: {event: START}, ") + rides("right", "ride", "where: {event: END}, ")

// shop joins requests with another table of the shop.
func shop(key, table, at string) string {
	return fmt.Sprintf(`
left:  {file: "${STATELAB_DATA}/jd/flattenRequest_clean.parquet", key: [%[1]s], time: eventTime, max_disorder: unbounded}
right: {file: "${STATELAB_DATA}/jd/%[2]s.parquet", key: [%[1]s], time: %[3]s, max_disorder: unbounded}
`, key, table, at)
}

// TestRealInputsOfEveryKind joins real files in every way, with the counts that
// docs/DATA.md has or that an oracle finds, and with the same output on two
// backends, of which one has two partitions.
func TestRealInputsOfEveryKind(t *testing.T) {
	realData(t)
	for n, c := range []struct {
		inputs, join string
		oracle       func(*testing.T, *pipeline.Definition) (samples, pairs, matchedLeft int64)
	}{
		{bothRides, "{kind: inner, upper: 20m, emit: on_match}", known(39921, 39921, 39921)},
		{bothRides, "{kind: left_outer, upper: 20m, emit: on_match}", known(53550, 39921, 39921)},
		{bothRides, "{kind: regular, ttl: 20m}", known(39921, 39921, 39921)},
		{bothRides, "{kind: tumbling, window: 10m}", tumblingCounts(10 * time.Minute)},
		{bothRides, "{kind: temporal}", versionCounts}, // 159 rides end in the second in which they start
		{rides("left", "ride", ""), "{kind: dedup}", known(53550, 0, 46450)},
		{rides("left", "ride", ""), "{kind: dedup, keep: last, window: 7201s}", known(53550, 0, 46450)},
		{rides("left", "taxi", ""), "{kind: session, gap: 30m}", sessionCounts(30 * time.Minute)},
		{shop("pair_id", "bo_action", "ingestionTime"), "{kind: left_outer, lower: -60s, upper: 60s, emit: on_match}", known(13916, 51364, 12769)},
		{shop("pair_id", "bo_action", "ingestionTime"), "{kind: tumbling, window: 1h}", tumblingCounts(time.Hour)},
		{shop("sku_id", "bo_comment", "ingestionTime"), "{kind: temporal}", versionCounts},
	} {
		name := strings.NewReplacer(" ", "", "{", "", "}", "").Replace(c.join)
		t.Run(name, func(t *testing.T) {
			text := c.inputs + "join: " + c.join + "\nstate: {partitions: %d}\n"
			def, err := pipeline.Parse("p.yaml", []byte(fmt.Sprintf(text, 1)), os.LookupEnv)
			if err != nil {
				t.Fatal(err)
			}
			samples, pairs, matched := c.oracle(t, def)
			var first firstOutput
			list := backends.List()
			for i, partitions := range []int{1, 2} {
				b := list[(n+i)%len(list)]
				s, output := runReal(t, fmt.Sprintf(text, partitions), b.Name)
				if s.Samples != samples || s.Pairs != pairs || s.MatchedLeft != matched || s.LateLeft+s.LateRight != 0 {
					t.Errorf("%s: %+v, want %d samples, %d pairs, %d matched", b.Name, s, samples, pairs, matched)
				}
				first.check(t, b.Name, output)
			}
		})
	}
}

func known(samples, pairs, matched int64) func(*testing.T, *pipeline.Definition) (int64, int64, int64) {
	return func(*testing.T, *pipeline.Definition) (int64, int64, int64) { return samples, pairs, matched }
}

// times returns the times of a side's events by key, each in order.
func times(t *testing.T, def *pipeline.Definition, side join.Side) map[string][]int64 {
	t.Helper()
	src, err := source.Open(vfs.OS, nil, def.Inputs[side][0].Config)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	byKey := map[string][]int64{}
	var row source.Row
	for err = src.Next(&row); err == nil; err = src.Next(&row) {
		if row.Class == source.Event {
			byKey[string(row.Key)] = append(byKey[string(row.Key)], row.Time)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for _, list := range byKey {
		slices.Sort(list)
	}
	return byKey
}

func tumblingCounts(window time.Duration) func(*testing.T, *pipeline.Definition) (int64, int64, int64) {
	return func(t *testing.T, def *pipeline.Definition) (samples, pairs, matched int64) {
		rights := times(t, def, join.Right)
		for key, lefts := range times(t, def, join.Left) {
			for _, l := range lefts {
				begin := l - l%window.Microseconds() // all times are after 1970
				n := int64(0)
				for _, r := range rights[key] {
					if r >= begin && r < begin+window.Microseconds() {
						n++
					}
				}
				pairs += n
				matched += min(n, 1)
			}
		}
		return matched, pairs, matched
	}
}

func sessionCounts(gap time.Duration) func(*testing.T, *pipeline.Definition) (int64, int64, int64) {
	return func(t *testing.T, def *pipeline.Definition) (samples, pairs, matched int64) {
		for _, list := range times(t, def, join.Left) {
			for i, at := range list {
				if i > 0 && at-list[i-1] <= gap.Microseconds() {
					pairs++
				} else {
					samples++
				}
			}
		}
		return samples, pairs, pairs
	}
}

func versionCounts(t *testing.T, def *pipeline.Definition) (samples, pairs, matched int64) {
	versions := times(t, def, join.Right)
	for key, lefts := range times(t, def, join.Left) {
		for _, l := range lefts {
			samples++
			if v := versions[key]; len(v) > 0 && v[0] <= l {
				matched++
			}
		}
	}
	return samples, matched, matched
}

// TestClusterJobs: how long jobs wait to be scheduled, in a file that is out of order.
func TestClusterJobs(t *testing.T) {
	realData(t)
	const side = `%s: {file: "${STATELAB_DATA}/borg_jobs.csv.gz", format: csv, columns: [job, at, event], where: {event: %s},
  key: [job], time: at, time_format: unix_us, max_disorder: unbounded}
`
	text := fmt.Sprintf(side, "left", "SUBMIT") + fmt.Sprintf(side, "right", "SCHEDULE") + "join: {kind: inner, upper: 24h}\nstate: {partitions: %d}\n"
	var first firstOutput
	for i, b := range backends.List() {
		s, output := runReal(t, fmt.Sprintf(text, 1+i), b.Name)
		if s.LeftIn != 8709 || s.RightIn != 8705 || s.LeftIn+s.RightIn+s.Filtered != 2*26250 {
			t.Errorf("%s: %+v", b.Name, s)
		}
		first.check(t, b.Name, output)
	}
	var waits []float64
	for line := range strings.Lines(string(first)) {
		var pair struct{ Left, Right struct{ At string } }
		if err := json.Unmarshal([]byte(line), &pair); err != nil {
			t.Fatal(err)
		}
		waits = append(waits, float64(micros(t, pair.Right.At)-micros(t, pair.Left.At))/1e6)
	}
	slices.Sort(waits)
	if len(waits) != 8702 {
		t.Fatalf("%d jobs are scheduled after they are submitted, want 8702", len(waits))
	}
	if median := waits[len(waits)/2]; math.Round(10*median) != 24 {
		t.Errorf("the median wait is %v s, want 2.4", median)
	}
	// Waits lie 10 s apart up there, so that p99 depends on how it is defined.
	if p99 := len(waits) * 99 / 100; waits[p99-1] > 178 || math.Round(waits[p99+2]) < 178 {
		t.Errorf("waits around p99 are %v s, want 178", waits[p99-1:p99+3])
	}
}

func micros(t *testing.T, text string) int64 {
	t.Helper()
	var n int64
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
