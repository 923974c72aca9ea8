package storetest

import "github.com/statelab/statelab"

// flawSet is what a mutant does wrong inside the store.
type flawSet struct {
	changeRecord func(watermark int64, old, next *refRecord, op statelab.Op)

	noBudget, snapshotsMove, pinsForEver, timeFlowsBack, noSweep, logGrows bool
}
