package pipeline_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/pipeline"
)

// realData returns the directory of the real inputs (see docs/DATA.md).
func realData(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes under the race detector")
	}
	dir := os.Getenv("STATELAB_DATA")
	if dir == "" {
		t.Skip("STATELAB_DATA is not set, so there are no real inputs: see docs/DATA.md")
	}
	return dir
}

// runReal runs a pipeline over the real file system and returns its summary
// and output.
func runReal(t *testing.T, text, backend string) (pipeline.Summary, string) {
	t.Helper()
	def, err := pipeline.Parse("p.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	def.State.Backend, def.Output = backend, filepath.Join(dir, "out.jsonl")
	s, err := pipeline.Run(context.Background(), def, pipeline.Options{OpenStore: backends.Open, TempDir: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	output, err := os.ReadFile(def.Output)
	if err != nil {
		t.Fatal(err)
	}
	return s, string(output)
}

// A firstOutput is what the first backend wrote, and all others are to write.
type firstOutput string

func (first *firstOutput) check(t *testing.T, backend, output string) {
	t.Helper()
	if *first == "" {
		*first = firstOutput(output)
	}
	if output != string(*first) {
		t.Errorf("%s: the output is not that of other backends", backend)
	}
}

// taxi joins the END of each ride to its START.
func taxi(kind join.Kind, window time.Duration, right string, disorder time.Duration) string {
	side := `{file: %q, format: csv, columns: [ride, event, at], where: {event: %s},
  key: [ride], time: at, time_format: "2006-01-02 15:04:05", max_disorder: %v}`
	return "left: " + fmt.Sprintf(side, "${STATELAB_DATA}/nyc_taxi_rides.csv.gz", "START", 0) +
		"\nright: " + fmt.Sprintf(side, right, "END", disorder) +
		fmt.Sprintf("\njoin: {kind: %v, lower: 0s, upper: %v}\nstate: {checkpoint_every: 10m}\n", kind, window)
}

const taxiFile = "${STATELAB_DATA}/nyc_taxi_rides.csv.gz"

func TestTaxiRides(t *testing.T) {
	realData(t)
	for minutes, pairs := range map[int]int64{5: 8670, 10: 22693, 20: 39921, 30: 45116, 60: 46427, 120: 46450} {
		window := time.Duration(minutes) * time.Minute
		text := taxi(join.Inner, window, taxiFile, 0)
		var first firstOutput
		for _, backend := range everyBackend(t) {
			if strings.Contains(backend, "?") && minutes != 20 {
				continue // variants need not be shown with every window
			}
			s, output := runReal(t, text, backend)
			if s.Pairs != pairs || int64(strings.Count(output, "\n")) != pairs {
				t.Errorf("%s, %d minutes: %d pairs, want %d", backend, minutes, s.Pairs, pairs)
			}
			first.check(t, fmt.Sprintf("%s, %d minutes", backend, minutes), output)
		}
	}
}

func TestTaxiRidesAsSamples(t *testing.T) {
	realData(t)
	text := taxi(join.LeftOuter, 20*time.Minute, taxiFile, 0)
	var first firstOutput
	for _, backend := range everyBackend(t) {
		s, output := runReal(t, text, backend)
		want := join.Summary{
			LeftIn: 53550, RightIn: 46450, Filtered: 100000, Samples: 53550, Pairs: 39921,
			MatchedLeft: 39921, MatchedRight: 39921, UnmatchedLeft: 13629, UnmatchedRight: 6529,
		}
		if s.Summary != want {
			t.Errorf("%s: %+v, want %+v", backend, s.Summary, want)
		}
		first.check(t, backend, output)
	}
}

// TestShuffledTaxiRides: rights out of order by up to a minute, with a disorder
// of a minute, make the same pairs.
func TestShuffledTaxiRides(t *testing.T) {
	data := realData(t)
	shuffled := filepath.Join(t.TempDir(), "shuffled.csv")
	shuffle(t, filepath.Join(data, "nyc_taxi_rides.csv.gz"), shuffled)
	for _, b := range backends.List() {
		_, inOrder := runReal(t, taxi(join.Inner, 20*time.Minute, taxiFile, 0), b.Name)
		s, output := runReal(t, taxi(join.Inner, 20*time.Minute, shuffled, time.Minute), b.Name)
		if s.LateRight != 0 {
			t.Errorf("%s: %d events are late", b.Name, s.LateRight)
		}
		if output != inOrder {
			t.Errorf("%s: %d pairs, and not those of the file in order", b.Name, s.Pairs)
		}
	}
}

// shuffle writes the rows of a csv.gz of rides as csv, each moved by up to a minute.
func shuffle(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		at   time.Time
		text string
	}
	r := rand.New(rand.NewPCG(1, 7))
	var rows []row
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		at, err := time.Parse("2006-01-02 15:04:05", strings.Split(lines.Text(), ",")[2])
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row{at.Add(time.Duration(r.IntN(60)) * time.Second), lines.Text()})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.at.Compare(b.at) })
	var out strings.Builder
	for _, r := range rows {
		out.WriteString(r.text + "\n")
	}
	if err := os.WriteFile(to, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestShopRequests(t *testing.T) {
	realData(t)
	text := `
left:  {file: "${STATELAB_DATA}/jd/flattenRequest_clean.parquet", key: [pair_id], time: eventTime, max_disorder: unbounded}
right: {file: "${STATELAB_DATA}/jd/bo_action.parquet", key: [pair_id], time: ingestionTime, max_disorder: unbounded}
join:  {kind: left_outer, lower: -60s, upper: 60s}
`
	var first firstOutput
	for _, backend := range everyBackend(t) {
		s, output := runReal(t, text, backend)
		want := join.Summary{
			LeftIn: 13916, RightIn: 89187, Samples: 13916, Pairs: 51364,
			MatchedLeft: 12769, MatchedRight: s.MatchedRight, UnmatchedLeft: 1147, UnmatchedRight: 89187 - s.MatchedRight,
		}
		if s.Summary != want {
			t.Errorf("%s: %+v, want %+v", backend, s.Summary, want)
		}
		first.check(t, backend, output)
	}
}
