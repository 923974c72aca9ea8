package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/statelab/statelab/bench/host"
)

// Names of the files in a result's directory.
const (
	ResultsFile = "results.jsonl" // one Result a line; the others are made of it
	GoBenchFile = "results.txt"   // the same in Go benchmark format
	ReportFile  = "report.html"
)

// A Result is one run that the oracle agreed with: one line of results.jsonl.
type Result struct {
	Backend  string       `json:"backend"` // a spec, with its parameters
	Workload string       `json:"workload"`
	Rep      int          `json:"rep"`            // from 1
	Pass     string       `json:"pass,omitempty"` // as in Job
	Seed     uint64       `json:"seed"`
	Machine  host.Machine `json:"machine"`
	Settings Settings     `json:"settings"`
	Metrics  Metrics      `json:"metrics"`

	// Notes are what a reader must know of this run: that its neighbours
	// disturbed it, that its memory was not bounded, that its setting does not
	// survive a crash. Each is a short phrase.
	Notes    []string  `json:"notes,omitempty"`
	Curves   []Curve   `json:"curves,omitempty"`
	Timeline *Timeline `json:"timeline,omitempty"`
}

// WriteResult appends a result's line.
func WriteResult(w io.Writer, r *Result) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// A FormatError says what is wrong with a results file, and where.
type FormatError struct {
	File   string
	Line   int // from 1; 0 if the fault is the file's as a whole
	Reason string
}

func (e *FormatError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// LoadResults reads a results file, or that of a directory. A fault in
// it, or there being no result, is a *FormatError.
func LoadResults(path string) ([]Result, error) {
	path = ResultsPath(path)
	f, err := os.Open(path)
	if err != nil {
		return nil, &FormatError{File: path, Reason: pathReason(err)}
	}
	defer f.Close()
	return readResults(path, f)
}

// ResultsPath returns the path of the results file in a directory, and any
// other path as it is.
func ResultsPath(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, ResultsFile)
	}
	return path
}

// pathReason is the part of an error of package os that does not repeat the path.
func pathReason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "no such file"
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

// maxLine bounds a line of results: a hundred times what one is.
const maxLine = 16 << 20

func readResults(name string, r io.Reader) ([]Result, error) {
	var results []Result
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var res Result
		if err := json.Unmarshal(lines.Bytes(), &res); err != nil {
			return nil, &FormatError{name, n, "not a result: " + err.Error()}
		}
		if reason := res.fault(); reason != "" {
			return nil, &FormatError{name, n, reason}
		}
		results = append(results, res)
	}
	if err := lines.Err(); err != nil {
		return nil, &FormatError{name, n + 1, err.Error()}
	}
	if len(results) == 0 {
		return nil, &FormatError{name, 0, "holds no results"}
	}
	return results, nil
}

// fault says what a result lacks; empty if nothing.
func (r *Result) fault() string {
	switch {
	case r.Backend == "":
		return "result without a backend"
	case r.Workload == "":
		return "result without a workload"
	case len(r.Metrics) == 0:
		return "result without metrics"
	}
	return ""
}
