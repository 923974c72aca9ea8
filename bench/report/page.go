package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report/chart"
)

// The page is one file: its style and its drawings are in it.
var (
	//go:embed page.html.tmpl
	pageTemplate string
	//go:embed page.css
	pageStyle string
)

// HTML renders results, of which there must be one, as a page that needs no network.
func HTML(results []bench.Result) ([]byte, error) {
	if len(results) == 0 {
		return nil, fmt.Errorf("render report: no results")
	}
	t, err := template.New("report").Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the report's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, makePage(results)); err != nil {
		return nil, fmt.Errorf("render report: %w", err)
	}
	return b.Bytes(), nil
}

// A page is what the template shows.
type page struct {
	Style     template.CSS
	Defs      template.HTML
	Summary   summary
	Origin    []string // machines, commits and seeds
	Common    []string // notes that all runs carry
	Ran       []contenderRow
	Workloads []workloadSection
	Metrics   []bench.MetricDoc // those that any result has
	Curves    []bench.CurveDoc
}

// A workloadSection is the experiments of one workload.
type workloadSection struct {
	Anchor, Name, Doc string
	Experiments       []experimentSection
	Growth            *topicSection
}

type experimentSection struct {
	Anchor, Name string
	HasHeading   bool // the workload has several experiments
	Knobs        string
	Reps         string
	Topics       []topicSection
	Contenders   []string
	Rows         []metricRow
}

type topicSection struct {
	Anchor string
	topic
	Drawn []drawing
}

// A drawing is a figure that is drawn.
type drawing struct {
	ID, Title, Note, Metric, Curve string
	SVG                            template.HTML
	Table                          [][]string
	Left                           int // rows that were left out of the table
}

// Slug makes a name for an anchor or a file of any text.
func slug(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := strings.TrimSuffix(b.String(), "-")
	return s[:min(len(s), 100)]
}

// names hands out slugs, each only once.
type names map[string]bool

func (n names) take(text string) string {
	s := slug(text)
	if s == "" {
		s = "x"
	}
	for i, base := 2, s; n[s]; i++ {
		s = fmt.Sprintf("%s-%d", base, i)
	}
	n[s] = true
	return s
}

func makePage(results []bench.Result) page {
	experiments := makeExperiments(results)
	ids := names{"summary": true, "ran": true, "metrics": true}
	anchors := make([]string, len(experiments))
	for i := range experiments {
		anchors[i] = ids.take(experiments[i].name)
	}
	common := commonNotes(results)
	p := page{
		Style:   template.CSS(chart.CSS() + pageStyle),
		Defs:    template.HTML(chart.Defs()),
		Summary: makeSummary(experiments, anchors),
		Origin:  strings.Split(strings.TrimSpace(bench.Describe(results)), "\n"),
		Common:  common,
		Ran:     contenderRows(experiments, common),
	}
	for from := 0; from < len(experiments); {
		to := from
		for to < len(experiments) && experiments[to].first().Workload == experiments[from].first().Workload {
			to++
		}
		p.Workloads = append(p.Workloads, makeWorkload(experiments[from:to], anchors[from:to], ids))
		from = to
	}
	for _, doc := range bench.MetricDocs() {
		if slices.ContainsFunc(experiments, func(e experiment) bool { return e.has(doc.Name) }) {
			p.Metrics = append(p.Metrics, doc)
		}
	}
	for _, doc := range bench.CurveDocs() {
		if slices.ContainsFunc(experiments, func(e experiment) bool { return slices.Contains(e.curveNames(), doc.Name) }) {
			p.Curves = append(p.Curves, doc)
		}
	}
	return p
}

func makeWorkload(experiments []experiment, anchors []string, ids names) workloadSection {
	w := workloadSection{Name: experiments[0].first().Workload, Doc: "This version of the report does not know the workload."}
	w.Anchor = ids.take("workload-" + w.Name)
	if known, err := bench.FindWorkload(w.Name); err == nil {
		w.Doc = known.Doc
	}
	for i := range experiments {
		e := &experiments[i]
		s := experimentSection{
			Anchor: anchors[i], Name: e.name, HasHeading: len(experiments) > 1,
			Knobs: e.first().Settings.Knobs.String(), Reps: e.repsText(), Rows: e.metricRows(),
		}
		for _, c := range e.contenders {
			s.Contenders = append(s.Contenders, c.name)
		}
		for _, t := range e.topics() {
			s.Topics = append(s.Topics, drawTopic(t, anchors[i], ids))
		}
		w.Experiments = append(w.Experiments, s)
	}
	if g := drawTopic(growth(experiments), w.Name, ids); len(g.Figures)+len(g.Lacking) > 0 {
		w.Growth = &g
	}
	return w
}

func (e *experiment) repsText() string {
	most := 0
	for _, c := range e.contenders {
		most = max(most, len(c.Results))
	}
	if most == 1 {
		return "One repetition: differences may be chance."
	}
	return fmt.Sprintf("Medians of up to %d repetitions; a line over a bar is the interval of the median: at 95 %%, or from the least to the greatest where there are too few.", most)
}

// mostRows bounds the table behind a chart; the CSV files have everything.
const mostRows = 500

func drawTopic(t topic, of string, ids names) topicSection {
	s := topicSection{Anchor: ids.take(of + "-" + t.Title), topic: t}
	for _, f := range t.Figures {
		d := drawing{ID: ids.take(of + "-" + f.slug), Title: f.Title, Note: f.Note, Metric: f.Metric, Curve: f.Curve, Table: f.chart.Table()}
		d.SVG = template.HTML(chart.Inline(f.chart, d.ID, f.Title))
		if n := len(d.Table) - 1; n > mostRows {
			d.Table, d.Left = d.Table[:mostRows+1], n-mostRows
		}
		s.Drawn = append(s.Drawn, d)
	}
	return s
}
