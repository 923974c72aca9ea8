package bench

import (
	"context"
	"slices"
	"testing"

	"github.com/statelab/statelab"
)

// notingStore has something to say.
type notingStore struct{ *memStore }

func (notingStore) Notes() []string { return []string{"forgets all"} }

func TestWhatAStoreSaysOfItselfIsNoted(t *testing.T) {
	job, _ := smallJob(t, "reads")
	open := func(string, string, *statelab.Options) (statelab.Store, error) {
		return notingStore{newMemStore()}, nil
	}
	m, err := Execute(context.Background(), job, open)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(m.Notes, "forgets all") {
		t.Errorf("notes %q lack the store's", m.Notes)
	}
}
