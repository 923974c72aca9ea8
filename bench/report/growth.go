package report

import (
	"fmt"
	"slices"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report/chart"
)

// sizeKnobs are the knobs that set how much state there is.
var sizeKnobs = []string{"live", "records"}

// grown are the metrics that are drawn against the size of the state.
var grown = []string{"cpu_us_per_event", "write_amp_engine", "write_amp_fs", "rss_bytes", "get_p99_us", "probe_p99_us"}

// growth draws cost against the size of the state for the experiments of one
// workload.
func growth(experiments []experiment) topic {
	t := topic{Title: "Cost against the size of the state", Intro: "The same workload with more or less state, all else equal."}
	experiments = slices.DeleteFunc(slices.Clone(experiments), func(e experiment) bool { return e.first().Pass != "" })
	if len(experiments) == 0 {
		return t
	}
	knob := ""
	for _, name := range sizeKnobs {
		if _, ok := experiments[0].first().Settings.Knobs[name]; ok {
			knob = name
			break
		}
	}
	if knob != "" {
		for _, metric := range grown {
			t.add(growthLines(experiments, knob, metric))
		}
	}
	workload := experiments[0].first().Workload
	switch {
	case knob == "":
		t.Lacking = append(t.Lacking, "This workload has no knob that sets the size of its state.")
	case len(t.Figures) == 0:
		t.Lacking = append(t.Lacking, fmt.Sprintf("All results of this workload have one size. Run it with others, and report them together: "+
			"statelab bench --workload %[1]s --set %[1]s.%[2]s=N -o DIR2, then statelab report -o report.html DIR1 DIR2.", workload, knob))
	}
	return t
}

// growthLines draws one metric; false unless some contender has it at two sizes.
func growthLines(experiments []experiment, knob, metric string) (figure, bool) {
	doc, ok := bench.FindMetric(metric)
	if !ok {
		return figure{}, false
	}
	c := &chart.Lines{X: axisOf(knob, "records"), Y: axisOf(plain(metric), doc.Unit)}
	c.X.Spacing, c.X.Label = chart.Log, knob+", logarithmic"
	isDrawn := false
	for _, s := range growthSeries(experiments, knob, metric) {
		isDrawn = isDrawn || len(s.X) > 1
		c.Series = append(c.Series, s)
	}
	return figure{slug: "growth-" + metric, Title: plain(metric) + " against " + knob + betterWords(doc.Better), Note: brief(doc.Doc), Metric: metric, chart: c}, isDrawn
}

// growthSeries returns a line for each contender and each set of other knobs.
func growthSeries(experiments []experiment, knob, metric string) []chart.Series {
	var all []chart.Series
	var whose []string
	for i := range experiments {
		e := &experiments[i]
		size, ok := e.first().Settings.Knobs[knob]
		if !ok {
			continue
		}
		for n := range e.contenders {
			c := &e.contenders[n]
			median, ok := c.Median(metric)
			if !ok {
				continue
			}
			id := c.name + otherTraits(e, knob)
			at := slices.Index(whose, id)
			if at < 0 {
				at = len(whose)
				whose = append(whose, id)
				all = append(all, chart.Series{Name: c.name, Look: c.look})
			}
			all[at].Insert(size, median)
		}
	}
	return all
}

// otherTraits renders all that sets experiments apart, but for one knob.
func otherTraits(e *experiment, knob string) string {
	text := ""
	for _, t := range experimentTraits(e.first()) {
		if t.name != knob {
			text += "\x00" + t.String()
		}
	}
	return text
}
