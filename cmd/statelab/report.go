package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report"
)

const reportDoc = `Makes a page with charts of the results in DIR, or in a file of JSON lines. The
page is one HTML file that opens without a network.`

func runReport(args []string, stdout, stderr io.Writer) int {
	line := newCommandLine(stdout, "report DIR", reportDoc)
	out := line.String("o", "", "`file` to write; - is stdout (default report.html beside the results)")
	paths, err := line.parse(args, 1, 1)
	if err == nil {
		err = writeReport(stdout, paths[0], *out)
	}
	return finish(stderr, "report", err)
}

func writeReport(w io.Writer, path, out string) error {
	results, err := loadResults(path)
	if err != nil {
		return err
	}
	html, err := report.HTML(results)
	if err != nil {
		return err
	}
	if out == "-" {
		_, err := w.Write(html)
		return err
	}
	if out == "" {
		out = filepath.Join(filepath.Dir(bench.ResultsPath(path)), bench.ReportFile)
	}
	if err := writeWhole(out, html); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, out)
	return err
}
