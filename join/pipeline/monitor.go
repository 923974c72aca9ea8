package pipeline

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// A Monitor tells how the pipelines of a process are doing, in the text format that
// Prometheus reads. Each is told apart from the others by its label, the name in its
// definition. What it says is as of the last mini-batches and commits; of a
// pipeline that has ended it says how that ended.
//
// (The format is a page of text, and its client library would bring a dozen modules.)
type Monitor struct {
	mu        sync.Mutex
	pipelines map[string]*monitored
}

// A monitored is a pipeline that a Monitor speaks of.
type monitored struct {
	mu     sync.Mutex
	run    *run // nil once it has ended
	last   status
	state  statelab.Stats
	alarms int
}

// begin has the monitor speak of a run, unless one of that label is under way.
func (m *Monitor) begin(r *run) (*monitored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pipelines == nil {
		m.pipelines = map[string]*monitored{}
	}
	is := m.pipelines[r.def.Label()]
	if is == nil {
		is = &monitored{}
		m.pipelines[r.def.Label()] = is
	}
	is.mu.Lock()
	defer is.mu.Unlock()
	if is.run != nil {
		return nil, badInput("%s: a pipeline of the name %s is running already in this process", r.def.Name, r.def.Label())
	}
	is.run = r
	return is, nil
}

// end keeps how a run has ended, before its stores are closed.
func (is *monitored) end(alarmed bool) {
	is.mu.Lock()
	defer is.mu.Unlock()
	is.look()
	is.run, is.state = nil, statelab.Stats{}
	if alarmed {
		is.alarms++
	}
}

// look takes over what the run says now.
func (is *monitored) look() {
	if is.run != nil && is.run.opened.Load() {
		is.last, is.state = is.run.status(), is.run.stats()
	}
}

// A status is what a partition, or the whole join, says of itself.
type status struct {
	join.Summary
	rows      int64 // read by this run
	watermark [2]int64
	delays    delays
	commits   int64
	committed time.Time // the last one; zero if there was none

	held, spilled int64 // bytes in memory and on disk, in batch mode
}

// A reporter holds the status of a partition for others to read.
type reporter struct {
	mu     sync.Mutex
	status status
}

func (r *reporter) set(change func(*status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.status)
}

func (r *reporter) get() status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// status is that of all partitions together. Watermarks are those of the least.
func (r *run) status() status {
	var all status
	for i, rep := range r.reporters() {
		s := rep.get()
		if i == 0 {
			all = s
			continue
		}
		all.Summary = all.Plus(s.Summary)
		all.delays.add(&s.delays)
		all.commits = min(all.commits, s.commits)
		for side := range all.watermark {
			all.watermark[side] = min(all.watermark[side], s.watermark[side])
		}
		if s.committed.Before(all.committed) {
			all.committed = s.committed
		}
	}
	all.rows = r.rows.Load()
	return all
}

func (r *run) reporters() (all []*reporter) {
	r.switching.RLock()
	defer r.switching.RUnlock()
	if r.batch != nil {
		return []*reporter{&r.batch.reporter}
	}
	for _, p := range r.partitions {
		all = append(all, &p.reporter)
	}
	return all
}

// delayBuckets is how many lengths of window there are, each twice the one before,
// of which it is known how many labels they would have found.
const delayBuckets = 12

// delays counts how long after their left event the first right events of positives come.
type delays struct {
	window  int64 // µs, of the last bucket; 0 counts nothing
	buckets [delayBuckets]int64
	count   int64
	sum     int64 // µs
}

// newDelays counts for joins with a window after the left event.
func newDelays(spec *join.Spec) delays {
	if spec.Kind > join.Inner || spec.Upper <= 0 {
		return delays{}
	}
	return delays{window: int64(spec.Upper / time.Microsecond)}
}

// bound is the length of bucket i, in µs.
func (d *delays) bound(i int) int64 { return d.window >> (delayBuckets - 1 - i) }

// sample counts a sample, if it is a positive's first.
func (d *delays) sample(s *join.Sample) {
	if d.window == 0 || len(s.Rights) == 0 || s.Correction {
		return
	}
	delay := max(s.Rights[0].Time-s.Left.Time, 0)
	d.count++
	d.sum += delay
	for i := delayBuckets - 1; i >= 0 && delay <= d.bound(i); i-- {
		d.buckets[i]++
	}
}

func (d *delays) add(o *delays) {
	d.count += o.count
	d.sum += o.sum
	for i := range d.buckets {
		d.buckets[i] += o.buckets[i]
	}
}

// A metric is one of those that a Monitor tells. value tells each of its values with its labels, each
// with a comma before it; of a histogram, after the end of the name and a space.
type metric struct {
	name, kind, help string
	value            func(*monitored, func(labels string, v float64))
}

// Metrics are what a Monitor tells of each pipeline, by name, with what they mean.
func Metrics() (names, help []string) {
	for _, m := range metrics {
		names, help = append(names, m.name), append(help, m.help)
	}
	return names, help
}

// WriteTo writes all metrics of all pipelines.
func (m *Monitor) WriteTo(w io.Writer) (int64, error) {
	var text strings.Builder
	m.mu.Lock()
	defer m.mu.Unlock()
	labels := slices.Sorted(maps.Keys(m.pipelines))
	for _, label := range labels {
		is := m.pipelines[label]
		is.mu.Lock()
		is.look()
		defer is.mu.Unlock()
	}
	for _, of := range metrics {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s %s\n", of.name, of.help, of.name, of.kind)
		for _, label := range labels {
			of.value(m.pipelines[label], func(more string, v float64) {
				suffix := ""
				if of.kind == "histogram" {
					suffix, more, _ = strings.Cut(more, " ")
				}
				fmt.Fprintf(&text, "%s%s{pipeline=\"%s\"%s} %s\n", of.name, suffix, escapeLabel.Replace(label), more, formatValue(v))
			})
		}
	}
	n, err := io.WriteString(w, text.String())
	return int64(n), err
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func formatValue(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// seconds are those of a watermark, and false while there is none or after the end.
func seconds(watermark int64) (float64, bool) {
	return float64(watermark) / 1e6, watermark != statelab.MinWatermark && watermark != math.MaxInt64
}
