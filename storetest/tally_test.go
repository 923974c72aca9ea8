package storetest

import (
	"testing"

	"github.com/statelab/statelab"
)

func TestATallyAddsUpByDurability(t *testing.T) {
	var none *tally
	none.add("calls", statelab.DurabilityAlways, 1)
	if n := none.total("calls"); n != 0 {
		t.Errorf("no tally counted %d", n)
	}
	c := newTally()
	c.add("reads", statelab.DurabilityInterval, 12)
	c.add("calls", statelab.DurabilityAlways, 3)
	c.add("calls", statelab.DurabilityCheckpoint, 4)
	c.add("never", statelab.DurabilityAlways, 0)
	const want = "" +
		"  checkpoint  interval  always  total\n" +
		"           4         0       3      7 calls\n" +
		"           0        12       0     12 reads\n"
	if got := c.table(); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
	if n := c.total("calls"); n != 7 {
		t.Errorf("the total is %d, want 7", n)
	}
}
