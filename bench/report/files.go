package report

import (
	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report/chart"
)

// A File is a name, which holds only letters, digits, "-", "_" and ".", and what it holds.
type File struct {
	Name string
	Data []byte
}

// SVGs returns each chart of the page as a file of its own, for papers: on
// white, with its colours in it.
func SVGs(results []bench.Result) []File {
	var files []File
	taken := names{}
	add := func(of string, t topic) {
		for _, f := range t.Figures {
			files = append(files, File{taken.take(of+"-"+f.slug) + ".svg", chart.Standalone(f.chart, f.Title, of)})
		}
	}
	experiments := makeExperiments(results)
	for from := 0; from < len(experiments); {
		workload := experiments[from].first().Workload
		to := from
		for ; to < len(experiments) && experiments[to].first().Workload == workload; to++ {
			for _, t := range experiments[to].topics() {
				add(experiments[to].name, t)
			}
		}
		add(workload, growth(experiments[from:to]))
		from = to
	}
	return files
}
