package statelab

import "time"

// A MaintenanceEvent is something that a store did beside its callers' own
// operations, or for which one of them had to wait. Who measures latencies can
// tell by it what a slow call was waiting for.
type MaintenanceEvent struct {
	Kind     string // one of the constants below, or an engine's own word
	Start    time.Time
	Duration time.Duration
	Bytes    int64 // written to files; 0 if none or not known
}

// Kinds of MaintenanceEvent.
const (
	EventFlush      = "flush"      // a write buffer became a file
	EventCompaction = "compaction" // files became fewer
	EventCommit     = "commit"     // a tree's root became durable with all below it
	EventWriteBack  = "write-back" // dirty pages were written to make room for others
	EventSnapshot   = "snapshot"   // a memory-resident store wrote its image
	EventLogSync    = "log sync"   // the clock of DurabilityInterval synced the log
	EventStall      = "stall"      // a writer waited for maintenance
)

// ReportMaintenance tells OnMaintenance, if it is set, of something that began at
// start and has just ended. Engines call it.
func (o *Options) ReportMaintenance(kind string, start time.Time, bytes int64) {
	if o.OnMaintenance != nil {
		o.OnMaintenance(MaintenanceEvent{Kind: kind, Start: start, Duration: time.Since(start), Bytes: bytes})
	}
}
