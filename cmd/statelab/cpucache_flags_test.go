package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatCannotBeCountedIsRefusedInOneLine(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for want, args := range map[string][]string{
		`-cpu-cache: "perf" is neither cachegrind nor callgrind`:           {"-cpu-cache", "perf"},
		"-cpu-cache-scale must be at least 1":                              {"-cpu-cache", "cachegrind", "-cpu-cache-scale", "0.5"},
		"valgrind is not installed (on Debian: apt-get install valgrind)":  {"-cpu-cache", "cachegrind"},
		"only with -cpu-cache may it be 0":                                 {"-reps", "0"},
		"-reps must be at least 1":                                         {"-cpu-cache", "callgrind", "-reps", "-1"},
		"-cpu-cache-scale must be at least 1; it divides the size of work": {"-cpu-cache", "cachegrind", "-cpu-cache-scale", "NaN"},
	} {
		out := filepath.Join(t.TempDir(), "results")
		code, stdout, stderr := runs(append([]string{"bench", "-o", out}, args...)...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
		if found, err := filepath.Glob(out); err != nil || len(found) > 0 {
			t.Errorf("%q left %v, error %v", args, found, err)
		}
	}
}
