package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report"
)

const reportDoc = `Makes a page with charts of the results in each DIR, or in files of JSON lines. The
page is one HTML file that opens without a network. Results of several
directories go into one page; what ran on other machines, or with other seeds or
knobs, is shown apart, and the same workload with several sizes of state gives
charts of cost against size. With -svg each chart is a file too, and with -csv
the figures are tables.`

// reportFlags are the command line of report.
type reportFlags struct{ out, svg, csv string }

func runReport(args []string, stdout, stderr io.Writer) int {
	var f reportFlags
	line := newCommandLine(stdout, "report DIR...", reportDoc)
	line.StringVar(&f.out, "o", "", "`file` to write; - is stdout (default report.html beside the results, if they are of one DIR)")
	line.StringVar(&f.svg, "svg", "", "`directory` for the charts, each as an SVG file")
	line.StringVar(&f.csv, "csv", "", "`directory` for metrics.csv, curves.csv and timeline.csv; the name of a .csv file gets the metrics alone")
	paths, err := line.parse(args, 1, mostReported)
	if err == nil {
		err = writeReport(stdout, paths, f)
	}
	return finish(stderr, "report", err)
}

// mostReported bounds how many results a page is made of.
const mostReported = 1000

// A renderedFile is what is still to be written.
type renderedFile struct {
	path string
	data []byte
}

// writeReport renders everything before it writes anything.
func writeReport(w io.Writer, paths []string, f reportFlags) error {
	if f.out == "" && len(paths) > 1 {
		return badInput("several results need -o, the file to write")
	}
	if f.out == "" {
		f.out = filepath.Join(filepath.Dir(bench.ResultsPath(paths[0])), bench.ReportFile)
	}
	var results []bench.Result
	for _, path := range paths {
		more, err := loadResults(path)
		if err != nil {
			return err
		}
		results = append(results, more...)
	}
	html, err := report.HTML(results)
	if err != nil {
		return err
	}
	files := f.tables(results)
	if f.svg != "" {
		for _, file := range report.SVGs(results) {
			files = append(files, renderedFile{filepath.Join(f.svg, file.Name), file.Data})
		}
	}
	if f.out != "-" {
		files = append(files, renderedFile{f.out, html})
	}
	if err := writeRendered(files); err != nil {
		return err
	}
	if f.out == "-" {
		_, err := w.Write(html)
		return err
	}
	for _, name := range []string{f.out, f.svg, f.csv} {
		if name != "" {
			if _, err := fmt.Fprintln(w, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// tables renders the files that -csv asks for.
func (f *reportFlags) tables(results []bench.Result) []renderedFile {
	var files []renderedFile
	if f.csv == "" {
		return nil
	}
	for _, file := range report.CSVs(results) {
		switch {
		case !strings.HasSuffix(f.csv, ".csv"):
			files = append(files, renderedFile{filepath.Join(f.csv, file.Name), file.Data})
		case file.Name == report.MetricsCSV:
			files = append(files, renderedFile{f.csv, file.Data})
		}
	}
	return files
}

func writeRendered(files []renderedFile) error {
	for _, file := range files {
		if err := os.MkdirAll(filepath.Dir(file.path), 0o755); err != nil {
			return err
		}
		if err := writeWhole(file.path, file.data); err != nil {
			return err
		}
	}
	return nil
}
