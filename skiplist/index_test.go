package skiplist

import (
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/memstore/indextest"
)

func TestTowersAreAnIndex(t *testing.T) {
	for _, branching := range []int{defaultBranching, 2} {
		indextest.Run(t, arena.NewSlabs, func(a *arena.Arena, _ memstore.Retirer) (memstore.Index, error) {
			return newTowers(defaultHeight, branching, a), nil
		})
	}
}

func TestOptionsNameEveryFault(t *testing.T) {
	_, err := Open("never made", &Options{
		Options: statelab.Options{Memory: -1}, Index: 9, Hash: 9, Layout: 9, MaxHeight: 99, Branching: 1, Fanout: 1, LogLimit: 1,
	})
	for _, word := range []string{"Memory", "Index", "Hash", "Layout", "MaxHeight", "Branching", "Fanout", "LogLimit"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v does not name %s", err, word)
		}
	}
}
