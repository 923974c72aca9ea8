package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// PartFile is the name of the results file of a suite that has not come to its
// end.
const PartFile = ResultsFile + ".part"

// openPart opens the file that the suite's results are written to, and returns
// those that it holds already if the suite goes on with an interrupted one. A last line that was cut
// is cut off.
func (s *Suite) openPart() (*os.File, []Result, error) {
	path := filepath.Join(s.Dir, PartFile)
	if !s.Resume {
		f, err := os.Create(path)
		if err != nil {
			return nil, nil, fmt.Errorf("make results file: %w", err)
		}
		return f, nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, &FormatError{File: path, Reason: pathReason(err)}
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	var earlier []Result
	if len(bytes.TrimSpace(whole)) > 0 {
		if earlier, err = readResults(path, bytes.NewReader(whole)); err != nil {
			return nil, nil, err
		}
	}
	if err := s.checkEarlier(earlier); err != nil {
		return nil, nil, err
	}
	if err := s.removeStores(); err != nil {
		return nil, nil, err
	}
	if err := os.Truncate(path, int64(len(whole))); err != nil {
		return nil, nil, fmt.Errorf("cut results file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("open results file: %w", err)
	}
	return f, earlier, nil
}

// checkEarlier refuses to go on with results that another machine or another
// program has made, or that are of no job of this suite.
func (s *Suite) checkEarlier(earlier []Result) error {
	jobs := s.Plan()
	for i := range earlier {
		r := &earlier[i]
		where := fmt.Sprintf("%s on %s, repetition %d, of the interrupted suite", r.title(), r.Backend, r.Rep)
		if field, same := r.Machine.SameAs(&s.Machine); !same {
			return &MismatchError{Reason: fmt.Sprintf("%s was measured on a machine that differs in %s", where, field)}
		}
		if r.Machine.Commit != s.Machine.Commit || r.Machine.Go != s.Machine.Go {
			return &MismatchError{Reason: where + " was measured by another program: its commit or Go version differs"}
		}
		if !slices.ContainsFunc(jobs, r.isOf) {
			return &MismatchError{Reason: where + " is not what this suite would run"}
		}
	}
	return nil
}

// isOf says whether the result is that of a job.
func (r *Result) isOf(job Job) bool {
	return r.Backend == job.Backend && r.Workload == job.Workload && r.Rep == job.Rep && r.Pass == job.Pass &&
		r.Seed == job.Seed && settingsDifference(&r.Settings, &job.Settings) == ""
}

// jobsLeft returns the suite's jobs without those that results are there of.
func (s *Suite) jobsLeft(earlier []Result) []Job {
	return slices.DeleteFunc(s.Plan(), func(job Job) bool {
		return slices.ContainsFunc(earlier, func(r Result) bool { return r.isOf(job) })
	})
}

// removeStores removes the directories of stores that a suite has left behind
// which had no time to.
func (s *Suite) removeStores() error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return fmt.Errorf("look for stores left behind: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), storePrefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.Dir, e.Name())); err != nil {
			return fmt.Errorf("remove a store left behind: %w", err)
		}
	}
	return nil
}

// storePrefix begins the name of the directory that a run has for its store.
const storePrefix = "store-"
