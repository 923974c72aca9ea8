package report

import (
	"fmt"
	"slices"
	"strings"
)

// A criterion is what winners are named in.
type criterion struct {
	title   string
	metrics []string // the first that an experiment has counts
	per     string   // what the values are of, as in "4.6 µs an event"
	best    string   // what the winner does, as in "needs least"
	verb    string   // what the others do, as in "needs 2 times as much"
}

// criteria returns the columns of the matrix. Bytes are judged at the engine
// and, where every store is measured alike, at the file system.
func criteria() []criterion {
	const bytes = " for each logical byte"
	return []criterion{
		{"Processor time", []string{"cpu_us_per_event"}, " an event", "needs least", "needs"},
		{"Bytes written, engine", []string{"write_amp_engine"}, bytes, "writes least", "writes"},
		{"Bytes written, file system", []string{"write_amp_fs"}, bytes, "writes least", "writes"},
		{"Bytes written, flash", []string{"write_amp_total"}, bytes, "wears it least", "makes it write"},
		{"Resident memory", []string{"rss_bytes"}, "", "needs least", "needs"},
		{"Get, p99", []string{"get_p99_us"}, "", "is quickest", "takes"},
		{"Probe, p99", []string{"probe_p99_us"}, "", "is quickest", "takes"},
		{"Arrival to output, p99", []string{"sample_p99_us", "event_p99_us"}, "", "is quickest", "takes"},
	}
}

// judge gives the verdict of an experiment in a criterion; false if there is none.
func (c *criterion) judge(e *experiment) (verdict, bool) {
	for _, m := range c.metrics {
		if v, ok := judge(e, m); ok {
			return v, true
		}
	}
	return verdict{}, false
}

// A summary is what stands on top of the page.
type summary struct {
	Lead    string
	Columns []string // of the matrix: those criteria that any experiment has
	Matrix  []matrixRow
	Plain   []experimentSummary
	Caveats []string
}

type matrixRow struct {
	Name, Anchor string
	Cells        []matrixCell
}

// A matrixCell names the winner of a criterion in an experiment.
type matrixCell struct {
	Winner string
	Detail string
	Clear  bool
}

type experimentSummary struct {
	Name, Anchor string
	Sentences    []sentence
	IsUnsure     bool // there were too few repetitions for one of them
}

// A sentence begins with what it is about.
type sentence struct{ About, Text string }

func makeSummary(experiments []experiment, anchors []string) summary {
	s := summary{Lead: lead(experiments), Caveats: caveats(experiments)}
	var used []criterion
	for _, c := range criteria() {
		for i := range experiments {
			if _, ok := c.judge(&experiments[i]); ok {
				used = append(used, c)
				s.Columns = append(s.Columns, c.title)
				break
			}
		}
	}
	for i := range experiments {
		e := &experiments[i]
		row := matrixRow{Name: e.name, Anchor: anchors[i]}
		words := experimentSummary{Name: e.name, Anchor: anchors[i]}
		for _, c := range used {
			v, ok := c.judge(e)
			row.Cells = append(row.Cells, cell(&v, ok))
			if ok {
				words.Sentences = append(words.Sentences, sentence{c.title, v.words(c)})
				words.IsUnsure = words.IsUnsure || !v.isSure()
			}
		}
		if len(words.Sentences) > 0 {
			s.Matrix, s.Plain = append(s.Matrix, row), append(s.Plain, words)
		}
	}
	return s
}

// lead says what was run.
func lead(experiments []experiment) string {
	var backends, workloads []string
	runs := 0
	for i := range experiments {
		e := &experiments[i]
		if w := e.first().Workload; !slices.Contains(workloads, w) {
			workloads = append(workloads, w)
		}
		for _, c := range e.contenders {
			runs += len(c.Results)
			if !slices.Contains(backends, c.name) {
				backends = append(backends, c.name)
			}
		}
	}
	return fmt.Sprintf("%s on %s, %s. Each produced the output that an independent oracle computes; a run that does not has no numbers.",
		count(len(backends), "backend"), count(len(workloads), "workload"), count(runs, "run"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func cell(v *verdict, ok bool) matrixCell {
	if !ok {
		return matrixCell{}
	}
	best := &v.ranking[0]
	if !v.isClear() {
		c := matrixCell{Winner: "no clear winner", Detail: v.leaderNames()}
		if v.leaders == len(v.ranking) {
			c.Detail = "all alike"
		}
		return c
	}
	c := matrixCell{Winner: best.mark(), Clear: true}
	if !v.isSure() {
		c.Winner += " ?"
	}
	c.Detail = fmt.Sprintf("%s; next\u00a0×\u00a0%s", v.format(best.value), strings.TrimSuffix(times(v.ratio(&v.ranking[1])), " times"))
	return c
}

// words puts a verdict in a sentence or two.
func (v *verdict) words(c criterion) string {
	best, last := &v.ranking[0], &v.ranking[len(v.ranking)-1]
	var b strings.Builder
	if !v.isClear() {
		fmt.Fprintf(&b, "No clear winner: %s cannot be told apart (%s).", v.leaderNames(), v.leaderValues())
	} else {
		next := &v.ranking[1]
		fmt.Fprintf(&b, "%s %s, %s%s; %s, the next, %s %s as much (%s).", best.mark(), c.best, v.format(best.value), c.per,
			next.mark(), c.verb, times(v.ratio(next)), v.format(next.value))
	}
	if at := len(v.ranking) - 1; at > v.leaders || !v.isClear() && at >= v.leaders {
		fmt.Fprintf(&b, " %s %s most, %s as much (%s).", last.mark(), c.verb, times(v.ratio(last)), v.format(last.value))
	}
	if len(v.silent) > 0 {
		fmt.Fprintf(&b, " Nothing was written by %s, of which nothing would survive a crash.", joinNames(v.silent))
	}
	return b.String()
}

func (v *verdict) leaderValues() string {
	var values []string
	for _, s := range v.ranking[:v.leaders] {
		values = append(values, v.format(s.value))
	}
	return joinNames(values)
}
