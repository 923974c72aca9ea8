package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/trace"
)

// TraceWorkload begins the name of a workload that replays a trace; the rest is
// the file's path.
const TraceWorkload = "trace:"

// OpenWorkload returns the workload of that name from the catalogue, or the
// one that a trace makes if the name begins with TraceWorkload.
func OpenWorkload(name string) (Workload, error) {
	if path, ok := strings.CutPrefix(name, TraceWorkload); ok {
		return openTrace(path)
	}
	return FindWorkload(name)
}

// openTrace returns the workload that replays the trace in a file. It looks at
// the trace's beginning and end only.
func openTrace(path string) (Workload, error) {
	h, totals, _, err := trace.Stat(path)
	if err != nil {
		return Workload{}, err
	}
	prefix, err := trace.ParsePrefix(h.Prefix)
	if err != nil {
		return Workload{}, fmt.Errorf("%s: %w", path, err)
	}
	if totals.Records == 0 {
		return Workload{}, fmt.Errorf("%s holds no calls", path)
	}
	warm := totals.Warm
	if warm == 0 {
		warm = totals.Records / unmarkedWarmShare
	}
	return Workload{
		Name: TraceWorkload + path,
		Doc: "The replay of a recorded or imported trace: the same calls on the store, in the same order, with elements of the same sizes. " +
			"Each answer is held against the recorded one. One event is one record of the trace: a Get, an operation of a batch, an iterator, an Advance or a Sync. " +
			"Logical bytes are those of all keys and elements that are put and appended, timers included.",
		Knobs: []Knob{
			{"warm_records", float64(warm), 0, float64(totals.Records - 1), true, "records of the trace before measuring begins"},
		},
		prefix: prefix,
		driver: func(job Job, store statelab.Store, rec *recorder) (driver, error) {
			return newReplay(path, totals, job, store, rec)
		},
		replay: func(ctx context.Context, k Knobs) (Truth, error) { return replayTruth(ctx, path, totals, k) },
	}, nil
}

// unmarkedWarmShare divides the records of a trace in which no warm-up is
// marked: one in so many is warm-up.
const unmarkedWarmShare = 4

// noteReplay says what a result of a replay does not show by itself.
func (m *Measurement) noteReplay(w Workload, s statelab.Store) {
	if w.replay != nil && statelab.KeepsDead(s) {
		m.Notes = append(m.Notes, "the store keeps what has died, and the replay deletes only what the trace does")
	}
}

// replay is the driver that plays a trace.
type replay struct {
	path   string
	warm   uint64
	store  statelab.Store
	player *trace.Player
	reader *trace.FileReader // nil unless a phase is under way or the second is to come
	record trace.Record
	done   tally

	arrivals  arrivals
	stretch   float64 // ns of the replay for each recorded us between arrivals; 0 if they are not kept
	measuring bool
	first     int64 // arrival of the first measured record
}

func newReplay(path string, totals trace.Totals, job Job, store statelab.Store, rec *recorder) (*replay, error) {
	player := trace.NewPlayer(&timedStore{Store: store, rec: rec, probe: trace.Probes})
	player.Lenient = job.Backend == Noop
	r := &replay{
		path: path, warm: uint64(job.Knobs["warm_records"]), store: store, player: player,
		arrivals: newArrivals(job, rec), first: -1,
	}
	if job.Arrival == ArrivalRecorded && job.Rate > 0 {
		if totals.Elapsed == 0 {
			return nil, fmt.Errorf("%s: all calls arrive at once, so that there is no recorded spacing to keep", path)
		}
		r.stretch = 1e9 / job.Rate * float64(totals.Records) / float64(totals.Elapsed)
	}
	return r, nil
}

func (r *replay) warmUp(ctx context.Context) (err error) {
	if r.reader, err = trace.OpenFile(r.path); err != nil {
		return err
	}
	for r.player.Records() < r.warm {
		if _, err := r.step(ctx); err != nil {
			return errors.Join(err, r.close())
		}
	}
	return nil
}

func (r *replay) measure(ctx context.Context) error {
	r.arrivals.begin()
	r.measuring = true
	for {
		more, err := r.step(ctx)
		if err != nil {
			return errors.Join(err, r.close())
		}
		if !more {
			r.gauge()
			return r.close()
		}
	}
}

// recordsBetweenChecks is how many records pass between two looks at the context.
const recordsBetweenChecks = 4096

// step plays the next record; false at the trace's end.
func (r *replay) step(ctx context.Context) (more bool, err error) {
	err = r.reader.Next(&r.record)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err == nil {
		r.arrive()
		err = r.player.Play(&r.record)
	}
	if err != nil {
		return false, err
	}
	r.arrivals.rec.handled()
	r.done.events++
	if r.record.Kind == trace.Sync {
		r.gauge()
	}
	if r.player.Records()%recordsBetweenChecks == 0 {
		return true, ctx.Err()
	}
	return true, nil
}

// arrive waits until the record at hand has arrived.
func (r *replay) arrive() {
	if r.measuring && r.stretch > 0 {
		if r.first < 0 {
			r.first = r.record.Arrival
		}
		r.arrivals.next = r.arrivals.start + float64(r.record.Arrival-r.first)*r.stretch
	}
	r.arrivals.take()
}

// gauge looks at the size of the store's files.
func (r *replay) gauge() { r.done.look(r.store) }

// close closes the iterators that the trace left open, and the file.
func (r *replay) close() error { return errors.Join(r.player.Close(), r.reader.Close()) }

func (r *replay) tally() tally {
	done := r.done
	done.logical = r.player.Logical()
	done.checksum = cutChecksum(r.player.Checksum())
	return done
}

// replayTruth replays a trace on the plainest of stores. A trace whose answers
// that store does not give is no trace of a store that keeps the contract.
func replayTruth(ctx context.Context, path string, totals trace.Totals, k Knobs) (Truth, error) {
	store := trace.NewReference()
	r, err := newReplay(path, totals, Job{Settings: Settings{Knobs: k}}, store, newRecorder(1))
	if err == nil {
		err = r.warmUp(ctx)
	}
	if err == nil {
		err = r.measure(ctx)
	}
	if err != nil {
		return Truth{}, fmt.Errorf("replay %s on a plain store in memory: %w", path, err)
	}
	t := Truth{Events: int64(totals.Records) - int64(k["warm_records"]), Checksum: r.tally().checksum}
	t.LiveRecords, t.LiveBytes = store.Live()
	return t, nil
}
