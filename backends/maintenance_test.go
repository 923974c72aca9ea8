package backends_test

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/vfs"
)

// reports collects what a store says of its maintenance, by kind.
type reports struct {
	mu     sync.Mutex
	events map[string][]statelab.MaintenanceEvent
}

func (r *reports) add(e statelab.MaintenanceEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events[e.Kind] = append(r.events[e.Kind], e)
}

func (r *reports) of(kind string) []statelab.MaintenanceEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[kind]
}

// churn overwrites a few thousand records for ever, in no order.
func churn(t *testing.T, s statelab.Store, round int) {
	t.Helper()
	var b statelab.Batch
	value := make([]byte, 200)
	for i := range 200 {
		key := binary.BigEndian.AppendUint32(nil, uint32(round*200+i)*2654435761%4000)
		b.Put(key, value, statelab.NoExpiry)
	}
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
}

// A stall can be named only if engines say what they were doing.
func TestEnginesReportTheirMaintenance(t *testing.T) {
	for _, c := range []struct {
		spec    string
		opts    statelab.Options
		kind    string
		noBytes bool
	}{
		{spec: "lsm", kind: statelab.EventFlush},
		{spec: "lsm", kind: statelab.EventCompaction},
		{spec: "btree", kind: statelab.EventWriteBack},
		{spec: "btree", opts: statelab.Options{Durability: statelab.DurabilityAlways}, kind: statelab.EventWriteBack},
		{spec: "btree?log_limit=64KiB", opts: statelab.Options{Durability: statelab.DurabilityInterval}, kind: statelab.EventCommit},
		{spec: "skiplist?log_limit=64KiB", opts: statelab.Options{Memory: 64 << 20, Durability: statelab.DurabilityInterval}, kind: statelab.EventSnapshot},
		{spec: "lsm", opts: statelab.Options{Durability: statelab.DurabilityInterval, SyncInterval: time.Millisecond}, kind: statelab.EventLogSync, noBytes: true},
		{spec: "btree", opts: statelab.Options{Durability: statelab.DurabilityInterval, SyncInterval: time.Millisecond}, kind: statelab.EventLogSync, noBytes: true},
		{spec: "skiplist", opts: statelab.Options{Memory: 64 << 20, Durability: statelab.DurabilityInterval, SyncInterval: time.Millisecond}, kind: statelab.EventLogSync, noBytes: true},
	} {
		got := &reports{events: map[string][]statelab.MaintenanceEvent{}}
		opts := c.opts
		opts.FS, opts.OnMaintenance = vfs.NewMem(), got.add
		if opts.Memory == 0 {
			opts.Memory = 256 << 10
		}
		begun := time.Now()
		s, err := backends.Open(c.spec, "db", &opts)
		if err != nil {
			t.Fatal(err)
		}
		for round := 0; len(got.of(c.kind)) == 0 && round < 2000; round++ {
			churn(t, s, round)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		events := got.of(c.kind)
		if len(events) == 0 {
			t.Errorf("%s, durability %s: no %s was reported, but %v", c.spec, opts.Durability, c.kind, got.events)
			continue
		}
		e := events[0]
		if e.Start.Before(begun) || e.Start.Add(e.Duration).After(time.Now()) || (e.Bytes > 0) == c.noBytes {
			t.Errorf("%s: a %s of %d bytes, %v long, %v after the opening", c.spec, c.kind, e.Bytes, e.Duration, e.Start.Sub(begun))
		}
	}
}
