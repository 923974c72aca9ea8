package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReportIsMadeOfResultsAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("r", 0o755); err != nil {
		t.Fatal(err)
	}
	writeResults(t, "r/results.jsonl", "lsm", "x", 10)
	if code, stdout, stderr := runs("report", "r"); code != exitDone || stdout != "r/report.html\n" || stderr != "" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	html, err := os.ReadFile("r/report.html")
	if err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := runs("report", "-o", "-", "r/results.jsonl"); code != exitDone || stdout != string(html) || stderr != "" {
		t.Errorf("exit code %d, stderr %q, or another page than before", code, stderr)
	}
}

func TestReportWritesChartsAndTablesAsFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	writeResults(t, "a", "lsm", "before", 10)
	writeResults(t, "b", "lsm", "after", 12)
	code, stdout, stderr := runs("report", "a", "b", "-o", "all.html", "-svg", "charts", "-csv", "tables")
	if code != exitDone || stdout != "all.html\ncharts\ntables\n" || stderr != "" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	html, err := os.ReadFile("all.html")
	if err != nil || !strings.Contains(string(html), "commit=before") || !strings.Contains(string(html), "commit=after") {
		t.Errorf("error %v, or the page lacks one of the results", err)
	}
	charts, err := filepath.Glob("charts/*.svg")
	if err != nil || len(charts) == 0 {
		t.Errorf("charts %v, error %v", charts, err)
	}
	tables, err := filepath.Glob("tables/*")
	if err != nil || fmt.Sprint(tables) != "[tables/curves.csv tables/metrics.csv tables/timeline.csv]" {
		t.Errorf("tables %v, error %v", tables, err)
	}
	if code, _, stderr := runs("report", "a", "-o", "-", "-csv", "only.csv"); code != exitDone || stderr != "" {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if text, err := os.ReadFile("only.csv"); err != nil || !strings.Contains(string(text), ",cpu_us_per_event,10,us\n") {
		t.Errorf("error %v, metrics %s", err, text)
	}
}

// Nothing is written if one of the results cannot be read.
func TestReportWritesNothingOfBadInput(t *testing.T) {
	t.Chdir(t.TempDir())
	writeResults(t, "a", "lsm", "x", 10)
	if code, stdout, _ := runs("report", "a", "none", "-o", "all.html", "-svg", "charts", "-csv", "tables"); code != exitUsage || stdout != "" {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
	entries, err := os.ReadDir(".")
	if err != nil || len(entries) != 1 {
		t.Errorf("error %v, files %v", err, entries)
	}
}
