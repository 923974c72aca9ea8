package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/statelab/statelab/bench"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares what is rendered with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed (go test ./bench/report -update rewrites it)", path)
	}
}

// canned returns the results that package bench keeps for its own tests: two
// backends and two repetitions of two workloads, of no real machine.
func canned(t *testing.T) []bench.Result {
	t.Helper()
	results, err := bench.LoadResults("../testdata/results.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func TestThePage(t *testing.T) {
	html, err := HTML(canned(t))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.html", html)
	if bytes.Contains(html, []byte("http")) || bytes.Contains(html, []byte("<script")) {
		t.Error("the report asks for something that is not in it")
	}
}

// A spec comes from whoever wrote the results.
func TestThePageEscapesWhatItShows(t *testing.T) {
	results := canned(t)[:1]
	results[0].Backend = `"><script>alert(1)</script>`
	html, err := HTML(results)
	if err != nil || bytes.Contains(html, []byte("<script")) {
		t.Errorf("error %v, or the report runs what a result says", err)
	}
}
