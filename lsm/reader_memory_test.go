package lsm

import (
	"testing"

	"github.com/statelab/statelab"
)

// What an iterator holds of flushed memtables the cache does not have, and has
// again when the iterator is closed.
func TestTheCacheGivesWayToPinnedMemtables(t *testing.T) {
	const joinKeys = 20000
	s := filled(t, Options{Options: statelab.Options{Memory: 1 << 20}}, joinKeys)
	readAll := func() {
		t.Helper()
		for i := range joinKeys {
			if _, err := s.Get(nil, recordKey(i, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	readAll()
	full := s.env.memoryUse()
	if full.pinned != 0 || full.total < s.budget.readers*9/10 {
		t.Fatalf("%d bytes are in use, of them %d pinned: the test would show little", full.total, full.pinned)
	}
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		t.Fatal(err)
	}
	var b statelab.Batch
	for i := 0; s.env.memoryUse().pinned == 0; i++ {
		b.Reset()
		b.Append(recordKey(i%joinKeys, 5), make([]byte, 100), 0)
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
	}
	readAll()
	use := s.env.memoryUse()
	if use.pinned > s.budget.pinned || use.cache > full.cache-use.pinned*9/10 || use.total > s.budget.readers {
		t.Errorf("with %d bytes pinned readers use %d of %d, and the cache may take %d", use.pinned, use.total, s.budget.readers, use.cache)
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	if use := s.env.memoryUse(); use.pinned != 0 || use.cache < full.cache*9/10 {
		t.Errorf("after the iterator was closed %d bytes are pinned, and the cache may take %d, at first %d", use.pinned, use.cache, full.cache)
	}
}
