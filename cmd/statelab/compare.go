package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/statelab/statelab/bench"
)

const compareDoc = `Compares results, which are directories made by bench or files of JSON lines.

  statelab compare A B                    one program with another: for each workload
                                          and backend that both have, B against A
  statelab compare -baseline lsm A ...    backends with one of them: every other
                                          backend in the results against lsm

Shown are medians with their intervals, the ratio with its interval, and the
probability that the difference is chance (Mann-Whitney U test). Results of
different machines, seeds, settings, instruments or outputs are refused unless
-force is given. With -threshold the exit code is 3 if a judged metric has become
worse by more than so many percent, and by more than chance. That takes at least
four repetitions on each side, unless what is compared is a counter that comes
out the same every time. docs/RUNS.md says more.`

// compareFlags are the command line of compare.
type compareFlags struct {
	baseline string
	format   string
	options  bench.CompareOptions
}

func runCompare(args []string, stdout, stderr io.Writer) int {
	f := compareFlags{options: bench.CompareOptions{Threshold: -1}}
	line := newCommandLine(stdout, "compare [-baseline BACKEND] A B ...", compareDoc)
	line.StringVar(&f.baseline, "baseline", "", "`spec` of the backend that all others are compared with")
	line.Func("threshold", "worsening past which a judged metric is a regression, as `percent` or metric=percent, such as 5% or write_amp_engine=1%; may be repeated (default: none is)", f.addThreshold)
	metrics := line.String("metrics", "", "`names` of the metrics that a threshold without a name judges, separated by commas (default "+strings.Join(bench.DefaultJudged(), ",")+")")
	line.StringVar(&f.format, "format", "text", "how to print the comparison: text, csv or json")
	line.BoolVar(&f.options.Force, "force", false, "compare even what was not measured alike")
	paths, err := line.parse(args, 1, 1000)
	if err == nil && *metrics != "" {
		f.options.Judged, err = judgedMetrics(*metrics)
	}
	regressed := false
	if err == nil {
		regressed, err = f.compare(stdout, stderr, paths)
	}
	if err == nil && regressed {
		return exitRegression
	}
	return finish(stderr, "compare", err)
}

// addThreshold reads "5", "5%" or "metric=5%".
func (f *compareFlags) addThreshold(text string) error {
	name, value, named := strings.Cut(text, "=")
	if !named {
		value = text
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
	if err != nil || !(percent >= 0) {
		return errors.New("it must be a percentage of at least 0, or metric=percentage")
	}
	if !named {
		f.options.Threshold = percent
		return nil
	}
	if err := checkJudged(name); err != nil {
		return err
	}
	if f.options.Thresholds == nil {
		f.options.Thresholds = map[string]float64{}
	}
	f.options.Thresholds[name] = percent
	return nil
}

// judgedMetrics reads a list of metrics that have a better direction.
func judgedMetrics(list string) ([]string, error) {
	names, err := splitList("-metrics", list)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := checkJudged(name); err != nil {
			return nil, badInput("-metrics: %w", err)
		}
	}
	return names, nil
}

func checkJudged(name string) error {
	doc, ok := bench.FindMetric(name)
	if !ok {
		return fmt.Errorf("unknown metric %s; \"statelab list\" names them", name)
	}
	if doc.Better == bench.Neither {
		return fmt.Errorf("%s is neither better high nor low, so it cannot be judged", name)
	}
	return nil
}

// compare prints the comparison of the results at paths.
func (f *compareFlags) compare(stdout, stderr io.Writer, paths []string) (regressed bool, err error) {
	if !slices.Contains([]string{"text", "csv", "json"}, f.format) {
		return false, badInput("-format: %q is not one of text, csv, json", f.format)
	}
	if f.baseline == "" && len(paths) != 2 {
		return false, badInput("%d results; it takes two, or -baseline and any number", len(paths))
	}
	var sets [][]bench.Result
	for _, path := range paths {
		results, err := loadResults(path)
		if err != nil {
			return false, err
		}
		sets = append(sets, results)
	}
	var c *bench.Comparison
	if f.baseline == "" {
		c, err = bench.Compare(sets[0], sets[1], f.options)
	} else {
		c, err = bench.CompareBackends(slices.Concat(sets...), f.baseline, f.options)
	}
	if err != nil {
		return false, explainMismatch(paths, err)
	}
	return c.Regressed(), f.print(stdout, stderr, c)
}

// explainMismatch says which results cannot be compared, and what would compare
// them all the same.
func explainMismatch(paths []string, err error) error {
	var mismatch *bench.MismatchError
	if !errors.As(err, &mismatch) {
		return err
	}
	hint := ""
	if mismatch.Forceable {
		hint = " (-force compares them all the same)"
	}
	return badInput("%s: %w%s", strings.Join(paths, " and "), err, hint)
}

// print writes the comparison to stdout, in the form asked for. CSV has no place for
// warnings, which then go to stderr.
func (f *compareFlags) print(stdout, stderr io.Writer, c *bench.Comparison) error {
	text, err := []byte(nil), error(nil)
	switch f.format {
	case "json":
		text, err = c.JSON()
	case "csv":
		text, err = c.CSV()
		for _, w := range c.Warnings {
			fmt.Fprintf(stderr, "warning: %s\n", w)
		}
	default:
		text = []byte(c.Text())
	}
	if err != nil {
		return err
	}
	_, err = stdout.Write(text)
	return err
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
