package bench

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

func keyValueJob(t *testing.T, w Workload) Job {
	t.Helper()
	k := w.Defaults()
	maps.Copy(k, Knobs{"records": 700, "warm_ops": 300, "ops": 2000, "value_bytes": 40})
	switch w.Name {
	case "seekrandom":
		k["nexts"] = 2
	case "fillseq":
		k["records"] = 2300
	}
	return Job{
		Backend: "mem", Workload: w.Name, Rep: 1, Seed: 7, Dir: t.TempDir(),
		Settings: Settings{Durability: "checkpoint", Compression: "default", Maintenance: "inline", Knobs: k},
	}
}

func TestKeyValueWorkloadsAgreeWithTheirOracles(t *testing.T) {
	for _, w := range KeyValueWorkloads() {
		job := keyValueJob(t, w)
		if found, err := FindWorkload(w.Name); err != nil || found.Doc != w.Doc {
			t.Errorf("%s is not in the catalogue: %v", w.Name, err)
		}
		truth := w.truth(job.Seed, job.Knobs)
		m, err := Execute(context.Background(), job, openMem)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.judge(truth); err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
		if truth.Events != 2000 || truth.LiveRecords < 600 || strings.HasPrefix(w.Name, "ycsb-d") && truth.LiveRecords < 750 || truth.LiveBytes != truth.LiveRecords*(idSize+40) {
			t.Errorf("%s: the oracle says %+v", w.Name, truth)
		}
	}
}

// A store that returns one value wrong, or loses one write, has no numbers.
func TestKeyValueWorkloadsFindWrongStoresOut(t *testing.T) {
	for _, w := range KeyValueWorkloads() {
		values := 0
		spoilt := func(string, string, *statelab.Options) (statelab.Store, error) {
			s := newMemStore()
			s.spoil = func(value []byte) {
				if values++; values == 200 {
					value[len(value)-1] ^= 1
				}
			}
			return s, nil
		}
		loses := func(string, string, *statelab.Options) (statelab.Store, error) {
			lost := 2
			switch w.Name {
			case "fillrandom":
				lost = 2300 // the last one, over which nobody writes
			case "overwrite":
				lost = 2307 // the same, after those that load
			}
			return &losesOne{Store: newMemStore(), lost: lost}, nil
		}
		for what, open := range map[string]func(string, string, *statelab.Options) (statelab.Store, error){
			"a value is wrong": spoilt, "a write is lost": loses,
		} {
			job := keyValueJob(t, w)
			m, err := Execute(context.Background(), job, open)
			if err == nil {
				err = m.judge(w.truth(job.Seed, job.Knobs))
			}
			if err == nil || !strings.Contains(err.Error(), "disagrees") {
				t.Errorf("%s, where %s: %v", w.Name, what, err)
			}
		}
	}
}

// losesOne loses one batch.
type losesOne struct {
	statelab.Store
	n, lost int
}

func (s *losesOne) Apply(b *statelab.Batch) error {
	if s.n++; s.n == s.lost {
		return nil
	}
	return s.Store.Apply(b)
}

// The mixes are what their names stand for, and the Zipf law favours few keys.
func TestKeyValueMixes(t *testing.T) {
	const n = 20_000
	for _, c := range []struct {
		name           string
		updates, first int // per cent
	}{
		{"ycsb-a", 50, 0}, {"ycsb-b", 5, 0}, {"ycsb-c", 0, 0}, {"ycsb-d", 5, 0}, {"ycsb-e", 5, 0}, {"ycsb-f", 50, 50}, {"fillseq", 100, 0},
		{"fillrandom", 100, 0}, {"overwrite", 100, 0}, {"readrandom", 0, 0}, {"readmissing", 0, 0}, {"seekrandom", 0, 0},
	} {
		w, err := FindWorkload(c.name)
		if err != nil {
			t.Fatal(err)
		}
		job := keyValueJob(t, w)
		job.Knobs["records"] = 1000
		d, err := w.driver(job, newMemStore(), newRecorder(1))
		if err != nil {
			t.Fatal(err)
		}
		s := d.(*keyValue).source
		kinds, hottest, missing, uses := map[keyValueKind]int{}, 0, 0, map[uint64]int{}
		for range n {
			op := s.next()
			kinds[op.kind]++
			uses[op.number]++
			hottest = max(hottest, uses[op.number])
			if op.number >= 1000 && op.kind == readOp && c.name != "ycsb-d" {
				missing++
			}
		}
		near := func(got, percent int) bool { return got >= n/100*(percent-1) && got <= n/100*(percent+1) }
		if !near(kinds[updateOp]+kinds[readUpdateOp], c.updates) || !near(kinds[readUpdateOp], c.first) {
			t.Errorf("%s: operations %v", c.name, kinds)
		}
		if zipf := strings.HasPrefix(c.name, "ycsb") && c.name != "ycsb-d"; zipf != (hottest > n/10) {
			t.Errorf("%s: the hottest of 1000 keys is used %d times of %d", c.name, hottest, n)
		}
		if (missing == n) != (c.name == "readmissing") || missing != 0 && missing != n || (kinds[seekOp] > n/2) != (c.name == "seekrandom" || c.name == "ycsb-e") {
			t.Errorf("%s: %d keys are missing, operations %v", c.name, missing, kinds)
		}
	}
}
