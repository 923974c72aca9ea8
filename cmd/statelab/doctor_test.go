package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab/bench/doctor"
)

func TestDoctorPrintsJSON(t *testing.T) {
	var stdout, stderr bytes.Buffer
	o := doctor.Options{Dir: t.TempDir(), File: 1 << 20, Memory: 1 << 20, Probe: time.Millisecond}
	if err := examine(o, "json", &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	var r doctor.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || len(r.Limits) == 0 || len(r.Verdicts) == 0 {
		t.Errorf("error %v of\n%s", err, stdout.Bytes())
	}
	if !strings.Contains(stderr.String(), "examining disk\n") {
		t.Errorf("progress %q", stderr.String())
	}
}

func TestDoctorRefusesWhatItDoesNotKnow(t *testing.T) {
	for want, args := range map[string][]string{
		`"xml" is neither text nor json`: {"-format", "xml"},
		"no such file or directory":      {"-dir", filepath.Join(t.TempDir(), "nothing")},
		"is no directory":                {"-dir", "doctor_test.go"},
		"exclude each other":             {"-quick", "-full"},
		"1 arguments; usage":             {"it"},
	} {
		code, stdout, stderr := runs(append([]string{"doctor"}, args...)...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}
