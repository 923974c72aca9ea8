package pebble_test

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/pebble"
	"github.com/statelab/statelab/vfs"
)

// A slow call can be named only if the store says what it was doing.
func TestMaintenanceIsReported(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int64{} // bytes of each kind
	count := map[string]int64{}
	opts := statelab.Options{Memory: 1 << 20, FS: vfs.NewMem(), OnMaintenance: func(e statelab.MaintenanceEvent) {
		mu.Lock()
		defer mu.Unlock()
		seen[e.Kind] += e.Bytes
		count[e.Kind]++
		if e.Duration < 0 || e.Start.IsZero() {
			t.Errorf("%+v", e)
		}
	}}
	s, err := pebble.Open("db", &pebble.Options{Options: kv.Options{Options: opts}})
	if err != nil {
		t.Fatal(err)
	}
	var b statelab.Batch
	value := make([]byte, 1000)
	for i := range uint32(10_000) {
		b.Put(binary.BigEndian.AppendUint32(nil, i*2654435761), value, statelab.NoExpiry)
		if b.Len() == 100 {
			if err := s.Apply(&b); err != nil {
				t.Fatal(err)
			}
			b.Reset()
		}
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	stalls := s.Stats().Stalls
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if seen[statelab.EventFlush] == 0 || seen[statelab.EventCompaction] == 0 {
		t.Errorf("bytes by kind: %v", seen)
	}
	if stalls == 0 || count[statelab.EventStall] < stalls {
		t.Errorf("%d stalls counted, %d reported", stalls, count[statelab.EventStall])
	}
}
