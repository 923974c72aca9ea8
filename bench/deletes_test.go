package bench

import (
	"context"
	"testing"

	"github.com/statelab/statelab"
)

// keepingStore leaves what has died to its user, and counts what stays.
type keepingStore struct{ *memStore }

func (keepingStore) KeepsDead() bool { return true }

func TestDriversDeleteWhereTheStoreKeepsWhatHasDied(t *testing.T) {
	for _, workload := range []string{"J1s", "J10", "hot", "churn"} {
		job, w := smallJob(t, workload)
		store := keepingStore{newMemStore()}
		open := func(string, string, *statelab.Options) (statelab.Store, error) { return store, nil }
		m, err := Execute(context.Background(), job, open)
		if err != nil {
			t.Fatal(err)
		}
		truth := w.truth(job.Seed, job.Knobs)
		if err := m.judge(truth); err != nil {
			t.Errorf("%s: %v", workload, err)
		}
		// Each live record has a timer or an entry of an index, and what died
		// since the last tick may still be there.
		if n, most := store.tree.Len(), int(3*truth.LiveRecords); n > most {
			t.Errorf("%s: %d records are left, more than %d; %d are alive", workload, n, most, truth.LiveRecords)
		}
		plain, err := Execute(context.Background(), job, openMem)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := m.Metrics["logical_bytes"], plain.Metrics["logical_bytes"]; a != b {
			t.Errorf("%s: with deletes logical_bytes is %v, without %v", workload, a, b)
		}
	}
}
