package pebble

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/statelab/statelab"
)

// maintenance passes on what Pebble says of its flushes, compactions and write
// stalls, and counts the stalls.
type maintenance struct {
	options *statelab.Options

	mu      sync.Mutex
	begun   time.Time // of the stall under way
	stalls  int64
	stalled time.Duration
}

// listener returns what Pebble is to tell. It calls it from its own goroutines,
// holding locks.
func (m *maintenance) listener() *pebble.EventListener {
	return &pebble.EventListener{
		FlushEnd: func(i pebble.FlushInfo) {
			m.report(statelab.EventFlush, i.TotalDuration, i.Output)
		},
		CompactionEnd: func(i pebble.CompactionInfo) {
			m.report(statelab.EventCompaction, i.TotalDuration, i.Output.Tables)
		},
		WriteStallBegin: func(pebble.WriteStallBeginInfo) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.begun = time.Now()
		},
		WriteStallEnd: func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.stalls++
			m.stalled += time.Since(m.begun)
			m.options.ReportMaintenance(statelab.EventStall, m.begun, 0)
		},
	}
}

// report tells of something that took so long until now and wrote these tables.
func (m *maintenance) report(kind string, took time.Duration, tables []pebble.TableInfo) {
	var bytes int64
	for i := range tables {
		bytes += int64(tables[i].Size)
	}
	m.options.ReportMaintenance(kind, time.Now().Add(-took), bytes)
}

// fill adds the stalls to s.
func (m *maintenance) fill(s *statelab.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Stalls, s.StallTime = m.stalls, m.stalled
}
