package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/host"
	"github.com/statelab/statelab/bench/trace"
)

// RecordTrace runs a job in this process and records every call that it makes on
// its store to a trace at path. There is a trace only if the run agrees with the
// oracle. Nothing is measured: recording costs time.
func RecordTrace(ctx context.Context, job Job, open Opener, path string, codec trace.Codec) (trace.Totals, error) {
	totals, err := recordTrace(ctx, job, open, path, codec)
	if err != nil {
		return totals, fmt.Errorf("record %s on %s: %w", job.Workload, job.Backend, err)
	}
	return totals, nil
}

func recordTrace(ctx context.Context, job Job, open Opener, path string, codec trace.Codec) (totals trace.Totals, err error) {
	w, err := OpenWorkload(job.Workload)
	if err != nil {
		return totals, err
	}
	if w.special {
		return totals, fmt.Errorf("workload %s cannot be recorded: several may call at once, or the store may end", w.Name)
	}
	truth, err := w.truthOf(ctx, job)
	if err != nil {
		return totals, err
	}
	opts, err := job.options()
	if err != nil {
		return totals, err
	}
	opts.Prefix = w.prefix
	store, err := openStore(job, opts, open)
	if err != nil {
		return totals, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	f, err := trace.Create(path, trace.Header{
		Source: "record", Workload: job.Workload, Backend: job.Backend, Seed: job.Seed, Knobs: job.Knobs, Prefix: w.prefix.Name,
		Commit: host.Describe(filepath.Dir(path)).Commit,
	}, codec)
	if err != nil {
		return totals, err
	}
	if err := recordRun(ctx, job, w, store, f, truth); err != nil {
		return totals, errors.Join(err, f.Abandon())
	}
	return f.Commit()
}

// recordRun runs both phases of a workload and holds the output against truth.
func recordRun(ctx context.Context, job Job, w Workload, store statelab.Store, f *trace.File, truth Truth) error {
	recorded := trace.NewRecorder(store, f.Writer)
	d, err := w.driver(job, recorded, newRecorder(job.SampleEvery))
	if err != nil {
		return err
	}
	if t, ok := d.(*eventDriver); ok {
		t.source = &timedSource{t.source, recorded}
	}
	if err := d.warmUp(ctx); err != nil {
		return fmt.Errorf("warm-up: %w", err)
	}
	warm := d.tally()
	if err := recorded.Measure(); err != nil {
		return err
	}
	if err := d.measure(ctx); err != nil {
		return err
	}
	done := d.tally()
	m := Measurement{Metrics: Metrics{}, Events: done.events - warm.events, Checksum: done.checksum}
	return m.judge(truth)
}

// A timedSource tells a recorder the time of each event that it shows.
type timedSource struct {
	source
	recorded *trace.Recorder
}

func (s *timedSource) next(ev *event) {
	s.source.next(ev)
	s.recorded.SetTime(ev.time)
}
