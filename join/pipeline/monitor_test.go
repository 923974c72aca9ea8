package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

var exposition = regexp.MustCompile(`^([a-z_]+\{[^}]*\}) ([-+.0-9e]+)$`)

// scrape returns what a monitor tells, by metric and labels.
func scrape(t *testing.T, m *pipeline.Monitor) map[string]float64 {
	t.Helper()
	var text strings.Builder
	if _, err := m.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "# ") {
			continue
		}
		parts := exposition.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if parts == nil {
			t.Fatalf("line %q", line)
		}
		v, err := strconv.ParseFloat(parts[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := values[parts[1]]; twice {
			t.Errorf("%s is told twice", parts[1])
		}
		values[strings.TrimPrefix(parts[1], "statelab_join_")] = v
	}
	return values
}

// TestAMonitorTellsWhatTheSummarySays: at the end what the summary says, and on the way
// watermark, lag and state.
func TestAMonitorTellsWhatTheSummarySays(t *testing.T) {
	for _, state := range []string{"{backend: skiplist}", "{backend: skiplist, dir: state, checkpoint_every: 1ms, partitions: 3}", "batch"} {
		fsys := vfs.NewMem()
		manyKeys(t, fsys, 9000)
		def := partitioned(t, "{kind: left_outer, lower: -10us, upper: 50us, late: {side: late.jsonl}}", strings.Replace(state, "batch", "{}", 1))
		def.Title = `a "join"`
		def.Batch = state == "batch"
		var monitor pipeline.Monitor
		during := map[string]float64{}
		s, err := pipeline.Run(context.Background(), def, pipeline.Options{
			FS: fsys, OpenStore: inline, TempDir: "temp", Monitor: &monitor,
			Progress: func(p pipeline.Progress) {
				if p.Rows == 8192 {
					during = scrape(t, &monitor)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		after := scrape(t, &monitor)
		of := func(values map[string]float64, name, labels string) float64 {
			v, ok := values[fmt.Sprintf(`%s{pipeline="a \"join\""%s}`, name, labels)]
			if !ok {
				t.Errorf("%s: %s%s is not told", state, name, labels)
			}
			return v
		}
		for _, c := range []struct {
			name, labels string
			want         int64
		}{
			{"events_total", `,side="left"`, s.LeftIn}, {"events_total", `,side="right"`, s.RightIn},
			{"matched_total", `,side="left"`, s.MatchedLeft}, {"unmatched_total", `,side="right"`, s.UnmatchedRight},
			{"late_total", `,side="left"`, s.LateLeft}, {"waiting", `,side="left"`, 0}, {"rows_total", "", 18000},
			{"samples_total", "", s.Samples}, {"pairs_total", "", s.Pairs}, {"filtered_total", "", s.Filtered}, {"alarms_total", "", 0},
			{"label_delay_seconds_bucket", `,le="+Inf"`, s.MatchedLeft}, {"label_delay_seconds_bucket", `,le="5e-05"`, s.MatchedLeft},
			{"label_delay_seconds_count", "", s.MatchedLeft},
		} {
			if got := of(after, c.name, c.labels); got != float64(c.want) {
				t.Errorf("%s: %s%s is %v at the end, want %d", state, c.name, c.labels, got, c.want)
			}
		}
		if first := of(after, "label_delay_seconds_bucket", `,le="1.2e-05"`); first <= 0 || first >= float64(s.MatchedLeft) {
			t.Errorf("%s: %v of %d labels come within a quarter of the window", state, first, s.MatchedLeft)
		}
		if in := of(during, "events_total", `,side="left"`); in <= 0 || in >= float64(s.LeftIn) {
			t.Errorf("%s: %v left events have come in on the way", state, in)
		}
		if lag := of(during, "lag_seconds", ""); lag < 1e9 { // event times are of 1970
			t.Errorf("%s: the lag is %v s", state, lag)
		}
		if bytes := of(during, "state_bytes", `,where="memory"`); bytes <= 0 {
			t.Errorf("%s: the state has %v bytes", state, bytes)
		}
		if commits := of(after, "commits_total", ""); (commits > 1) != strings.Contains(state, "dir") {
			t.Errorf("%s: %v commits", state, commits)
		}
	}
}

// TestPipelinesOfOneProcessDoNotCollide: each has its own metrics, and a name that
// is taken is refused.
func TestPipelinesOfOneProcessDoNotCollide(t *testing.T) {
	var monitor pipeline.Monitor
	var both sync.WaitGroup
	for i, title := range []string{"one", "two"} {
		both.Go(func() {
			fsys := vfs.NewMem()
			manyKeys(t, fsys, 5000*(i+1))
			def := definition(t, "{kind: left_outer, upper: 50us}", "{backend: skiplist, partitions: 2}")
			def.Title = title
			_, err := pipeline.Run(context.Background(), def, pipeline.Options{FS: fsys, OpenStore: inline, TempDir: "temp", Monitor: &monitor,
				Progress: func(pipeline.Progress) {
					_, err := pipeline.Run(context.Background(), def, pipeline.Options{FS: fsys, OpenStore: inline, TempDir: "other", Monitor: &monitor})
					var input *pipeline.InputError
					if !errors.As(err, &input) || !strings.HasSuffix(err.Error(), " is running already in this process") {
						t.Errorf("%s beside itself: %v", title, err)
					}
					if _, err := monitor.WriteTo(&strings.Builder{}); err != nil {
						t.Error(err)
					}
				}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	values := scrape(t, &monitor)
	for i, title := range []string{"one", "two"} {
		if got := values[fmt.Sprintf(`rows_total{pipeline="%s"}`, title)]; got != float64(10000*(i+1)) {
			t.Errorf("%s has read %v rows", title, got)
		}
	}
}

// TestRunsAreLogged: how they begin, commit, stop, fail and end.
func TestRunsAreLogged(t *testing.T) {
	fsys := vfs.NewMem()
	manyKeys(t, fsys, 5000)
	def := definition(t, "{kind: left_outer, upper: 50us}", "{backend: skiplist, dir: state, checkpoint_every: 10ms}")
	var text bytes.Buffer
	logged := func(fs vfs.FS, progress func(pipeline.Progress), ctx context.Context) string {
		text.Reset()
		_, _ = pipeline.Run(ctx, def, pipeline.Options{FS: fs, OpenStore: inline, Progress: progress,
			Logger: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		return text.String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := logged(fsys, func(pipeline.Progress) { cancel() }, ctx)
	resumed := logged(fsys, nil, context.Background())
	failed := logged(vfs.NewFaulty(fsys, vfs.Fault{Op: vfs.OpRead, N: 1, Sticky: true}), nil, context.Background())
	for _, c := range []struct{ log, want string }{
		{stopped, `level=INFO msg=begins pipeline=p kind=left_outer mode=stream backend=skiplist partitions=1 rows_before=0 output=out.jsonl`},
		{stopped, `level=DEBUG msg=committed pipeline=p`},
		{stopped, `level=INFO msg="is stopped" pipeline=p rows=4096`},
		{resumed, `rows_before=4096`},
		{resumed, `level=INFO msg="is done" pipeline=p left=5000 right=5000 samples=`},
		{failed, `level=ERROR msg=failed pipeline=p why=`},
	} {
		if !strings.Contains(c.log, c.want) {
			t.Errorf("%s\nhas no %s", c.log, c.want)
		}
	}
}

// blindStore loses the events that timers speak of.
type blindStore struct{ statelab.Store }

func (s blindStore) Iter(r statelab.Range) (statelab.Iterator, error) {
	if join.IsEventKey(r.Lower) {
		r.Upper = r.Lower
	}
	return s.Store.Iter(r)
}

// TestLostEventsAreAnAlarm: the run ends, and metrics and log say so.
func TestLostEventsAreAnAlarm(t *testing.T) {
	fsys := vfs.NewMem()
	manyKeys(t, fsys, 100)
	var monitor pipeline.Monitor
	var text bytes.Buffer
	_, err := pipeline.Run(context.Background(), definition(t, "{kind: left_outer, upper: 50us}", temporary), pipeline.Options{
		FS: fsys, TempDir: "temp", Monitor: &monitor, Logger: slog.New(slog.NewTextHandler(&text, nil)),
		OpenStore: func(spec, dir string, o *statelab.Options) (statelab.Store, error) {
			s, err := inline(spec, dir, o)
			return blindStore{s}, err
		},
	})
	if !errors.Is(err, join.ErrInconsistent) || scrape(t, &monitor)[`alarms_total{pipeline="p"}`] != 1 || !strings.Contains(text.String(), "level=ERROR msg=\"alarm: ") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// TestEveryMetricIsDocumented in docs/JOINS.md, with the help that Prometheus shows.
func TestEveryMetricIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/JOINS.md")
	if err != nil {
		t.Fatal(err)
	}
	names, help := pipeline.Metrics()
	for i, name := range names {
		if !strings.Contains(string(page), "| `"+name+"` | ") || !strings.Contains(string(page), " | "+help[i]+" |\n") {
			t.Errorf("docs/JOINS.md does not have %s: %s", name, help[i])
		}
	}
}
