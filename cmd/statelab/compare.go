package main

import (
	"errors"
	"io"

	"github.com/statelab/statelab/bench"
)

const compareDoc = `Compares two results, directories made by bench or files of JSON lines: for each
workload and backend that both have, the medians of the main metrics, their
ratio, and which way each went. Results of different machines, seeds, settings
or outputs are refused unless -force is given. With -threshold the exit code is
3 if a judged metric has become worse by more than so many percent.`

func runCompare(args []string, stdout, stderr io.Writer) int {
	line := newCommandLine(stdout, "compare A B", compareDoc)
	threshold := line.Float64("threshold", -1, "worsening in `percent` past which a judged metric is a regression (default: none is)")
	metrics := line.String("metrics", "", "`names` of the metrics judged, separated by commas (default cpu_us_per_event,events_per_s,write_amp_engine)")
	force := line.Bool("force", false, "compare even what was not measured alike")
	paths, err := line.parse(args, 2, 2)
	if err != nil {
		return finish(stderr, "compare", err)
	}
	o := bench.CompareOptions{Force: *force, Threshold: *threshold}
	if *metrics != "" {
		if o.Judged, err = judgedMetrics(*metrics); err != nil {
			return finish(stderr, "compare", err)
		}
	}
	regressed, err := compare(stdout, paths[0], paths[1], o)
	if err == nil && regressed {
		return exitRegression
	}
	return finish(stderr, "compare", err)
}

// judgedMetrics reads a list of metrics that have a better direction.
func judgedMetrics(list string) ([]string, error) {
	names, err := splitList("-metrics", list)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		doc, ok := bench.FindMetric(name)
		if !ok {
			return nil, badInput("-metrics: unknown metric %s; \"statelab list\" names them", name)
		}
		if doc.Better == bench.Neither {
			return nil, badInput("-metrics: %s is neither better high nor low, so it cannot be judged", name)
		}
	}
	return names, nil
}

func compare(w io.Writer, pathA, pathB string, o bench.CompareOptions) (regressed bool, err error) {
	a, err := loadResults(pathA)
	if err != nil {
		return false, err
	}
	b, err := loadResults(pathB)
	if err != nil {
		return false, err
	}
	c, err := bench.Compare(a, b, o)
	var mismatch *bench.MismatchError
	if errors.As(err, &mismatch) {
		hint := ""
		if mismatch.Forceable {
			hint = " (-force compares them all the same)"
		}
		return false, badInput("%s and %s: %w%s", pathA, pathB, err, hint)
	}
	if err != nil {
		return false, err
	}
	_, err = io.WriteString(w, c.Text())
	return c.Regressed(), err
}

// loadResults reads results; a fault in them is the user's input.
func loadResults(path string) ([]bench.Result, error) {
	results, err := bench.LoadResults(path)
	var format *bench.FormatError
	if errors.As(err, &format) {
		return nil, badInput("%w", err)
	}
	return results, err
}
