package memstore_test

import (
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/memstore/indextest"
)

func TestSliceIndexIsAnIndex(t *testing.T) {
	indextest.Run(t, arena.NewSlabs, memstore.NewSliceIndex)
	indextest.Run(t, arena.NewHeap, memstore.NewSliceIndex)
}
