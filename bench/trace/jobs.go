package trace

import "encoding/binary"

// Columns of a file of cluster jobs.
const (
	jobsColumns = 7
	jobsJob     = 0
	jobsTime    = 1
	jobsEvent   = 2
)

// jobsDisorder is by how much a line may be older than one before it and still
// come before the watermark, in microseconds. The lines of the file that this
// format was made for step back by up to 982.
const jobsDisorder = 1000

func jobsFormat() Format {
	return Format{
		Name: "jobs",
		Doc: "Job events of a cluster, about in order of event time, kept as a list for each job until it ends. " +
			"SUBMIT appends to the job. SCHEDULE gets the job and appends to it. " +
			"FINISH, FAIL, KILL, EVICT and LOST get the job and delete it; any other event counts as SCHEDULE. " +
			"Nothing is put, since a SUBMIT may come after its SCHEDULE. Elements are as long as lines and expire ttl_s after the event. " +
			"Each second the watermark advances to 1 ms before the greatest time seen; the store is synced each checkpoint_s. A job's key is 8 bytes.",
		Args: []Arg{
			{"ttl_s", 28_800, "how long an element is kept"},
			{"checkpoint_s", 600, "event time between two syncs; 0 for none but the last"},
		},
		run: func(i *importer) error {
			j := &jobsImport{importer: i, ttl: i.micros("ttl_s"), syncs: newTicker(i.micros("checkpoint_s")), ticks: newTicker(1e6)}
			return j.run()
		},
	}
}

type jobsImport struct {
	*importer
	ttl          int64 // µs
	ticks, syncs ticker
	key          []byte
}

func (j *jobsImport) run() error {
	for {
		more, err := j.next(jobsColumns)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := j.handle(); err != nil {
			return err
		}
	}
	if j.got.Lines == 0 {
		return j.fault("", "it holds no job")
	}
	return j.store.Sync()
}

// handle makes the calls of one line.
func (j *jobsImport) handle() error {
	job, err := j.number(jobsJob, "job", 0)
	if err != nil {
		return err
	}
	at, err := j.number(jobsTime, "time", 0)
	if err != nil {
		return err
	}
	kind := j.fields[jobsEvent]
	if kind == "" {
		return j.fault("event", "it is empty")
	}
	if err := j.advance(max(at, j.greatest) - jobsDisorder); err != nil {
		return err
	}
	j.event(kind, at)
	j.key = binary.BigEndian.AppendUint64(j.key[:0], uint64(job))
	if kind != "SUBMIT" {
		if _, err := j.get(j.key); err != nil {
			return err
		}
	}
	switch kind {
	case "FINISH", "FAIL", "KILL", "EVICT", "LOST":
		j.batch.Delete(j.key)
	default:
		j.batch.Append(j.key, j.zeros(j.size()), at+j.ttl)
	}
	return j.apply()
}

// advance tells the store that event time has moved on, each second.
func (j *jobsImport) advance(to int64) error {
	if !j.ticks.due(to) {
		return nil
	}
	j.store.SetTime(to)
	if err := j.store.Advance(to); err != nil {
		return err
	}
	if j.syncs.due(to) {
		return j.store.Sync()
	}
	return nil
}
