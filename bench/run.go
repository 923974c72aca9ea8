package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/host"
	"github.com/statelab/statelab/vfs"
)

// An Opener opens the backend that a spec such as "lsm?compaction=window"
// names, over a directory that does not exist or is empty. If the store has a
// method Notes() []string, every result carries what that returns.
type Opener func(spec, dir string, opts *statelab.Options) (statelab.Store, error)

// A Job is one run: one workload over one backend, once. It is what a
// process that measures is told.
type Job struct {
	Backend  string `json:"backend"` // a spec
	Workload string `json:"workload"`
	Rep      int    `json:"rep"` // from 1
	Seed     uint64 `json:"seed"`
	Settings `json:"settings"`
	Dir      string `json:"dir"` // for the store; made and removed by who runs the job

	// Limit is how many bytes the process may hold, page cache included, as
	// Settings.MemoryLimit asks; 0 for any number. Group is the
	// directory of the control group that bounds it, which the process has joined. Both are
	// for who runs the job in a process of its own.
	Limit int64  `json:"limit_bytes,omitempty"`
	Group string `json:"group,omitempty"`

	// Pass is empty for a run that is timed, or the name of another way to
	// measure.
	Pass string `json:"pass,omitempty"`

	// Until is set if the process that runs the job is counted from outside: it
	// then goes that far and measures nothing itself.
	Until Phase `json:"until,omitempty"`
}

// Settings are what a result depends on beside backend, workload and seed.
type Settings struct {
	Memory      int64  `json:"memory_bytes"` // Options.Memory; 0 is the engine's default: no bound if it is memory-resident
	Durability  string `json:"durability"`
	Compression string `json:"compression"`
	Maintenance string `json:"maintenance"`
	SampleEvery int    `json:"sample_every"` // one Get, probe, Apply or event in so many is timed; SampleAuto
	Knobs       Knobs  `json:"knobs"`        // of the workload

	// Rate is how many events arrive in a second of the measured phase; 0 is the
	// closed loop. RateMax asks for the highest rate that the store keeps up with.
	Rate    float64 `json:"rate_per_s,omitempty"`
	RateMax bool    `json:"rate_max,omitempty"`
	Arrival string  `json:"arrival,omitempty"` // ArrivalConstant if empty

	// RateShare, if it is not 0, asks for so much, at most 1, of the highest rate that the
	// backend RateOf of the suite keeps up with, or if that is empty the backend itself.
	RateShare float64 `json:"rate_share,omitempty"`
	RateOf    string  `json:"rate_of,omitempty"`

	// MemoryLimit is what a control group is to bound the memory of the whole
	// process at, page cache included, in bytes; 0 for no bound, or AutoLimit.
	MemoryLimit int64 `json:"memory_limit_bytes,omitempty"`

	// Watch names the instruments that watch the run.
	Watch []string `json:"watch,omitempty"`

	// CPUCache is how a pass was made that counts cache misses.
	CPUCache *CPUCache `json:"cpu_cache,omitempty"`

	// Device is what the instrument device simulates, as ParseDevice
	// reads and spells it out; empty for the default.
	Device string `json:"device,omitempty"`
}

// Validate says what is wrong with the settings that a store takes; the knobs are
// checked where they are set (Tune).
func (s *Settings) Validate() error {
	opts, err := s.options()
	if err == nil {
		_, err = opts.Resolve()
	}
	_, deviceErr := parseDevice(s.Device)
	return errors.Join(err, s.checkLoop(), deviceErr)
}

// options returns the settings as a store takes them.
func (s *Settings) options() (*statelab.Options, error) {
	durability, err1 := statelab.ParseDurability(s.Durability)
	compression, err2 := statelab.ParseCompression(s.Compression)
	maintenance, err3 := statelab.ParseMaintenance(s.Maintenance)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	return &statelab.Options{
		Memory:      s.Memory,
		Durability:  durability,
		Compression: compression,
		Maintenance: maintenance,
	}, nil
}

// A Measurement is what one run found, before anyone has judged it: a result
// only if the oracle agrees.
type Measurement struct {
	Metrics  Metrics `json:"metrics"`
	Events   int64   `json:"events"`   // of the measured phase
	Checksum uint64  `json:"checksum"` // of the whole output

	Notes    []string  `json:"notes,omitempty"`
	Curves   []Curve   `json:"curves,omitempty"`
	Timeline *Timeline `json:"timeline,omitempty"`
}

// Execute runs a job in this process: it opens the store, warms up, measures,
// and closes the store again. Memory and processor time are those of the whole
// process, so one that executes a job should do nothing else.
func Execute(ctx context.Context, job Job, open Opener) (Measurement, error) {
	m, err := execute(ctx, job, open)
	if err != nil {
		return m, fmt.Errorf("%s on %s: %w", job.Workload, job.Backend, err)
	}
	return m, nil
}

func execute(ctx context.Context, job Job, open Opener) (m Measurement, err error) {
	w, err := OpenWorkload(job.Workload)
	if err != nil {
		return m, err
	}
	if err := w.Suits(&job.Settings); err != nil {
		return m, err
	}
	opts, err := job.options()
	if err != nil {
		return m, err
	}
	opts.Prefix = w.prefix
	if job.Until != "" {
		opts.FS = newQuietFS(vfs.OS)
	}
	rec := newRecorder(job.SampleEvery)
	opts.OnMaintenance = rec.marks.report
	watch, err := newInstruments(job)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, watch.close()) }()
	watch.attach(opts)
	store, err := openFor(w, job, opts, open)
	if err != nil {
		return m, err
	}
	defer func() {
		if closeErr := store.Close(); err == nil {
			err = closeErr
		}
	}()
	d, err := w.driver(job, store, rec)
	if err != nil {
		return m, err
	}
	if job.Until != "" {
		return runUntil(ctx, d, job.Until)
	}
	m, err = measureDriver(ctx, job, d, store, rec, watch)
	if err != nil {
		return m, err
	}
	m.noteReplay(w, store)
	if err := emitGroup(m.Metrics, job.Group); err != nil {
		return m, err
	}
	if err := watch.end(store, &m); err != nil {
		return m, err
	}
	if s, ok := store.(interface{ Notes() []string }); ok { // what a store has to say of itself
		m.Notes = append(m.Notes, s.Notes()...)
	}
	if job.Rate > 0 {
		m.Metrics.dropWaiting()
	}
	return m, nil
}

func openStore(job Job, opts *statelab.Options, open Opener) (statelab.Store, error) {
	if job.Backend == Noop {
		return new(noopStore), nil
	}
	return open(job.Backend, job.Dir, opts)
}

// openFor opens the store of a job as its workload needs it.
func openFor(w Workload, job Job, opts *statelab.Options, open Opener) (statelab.Store, error) {
	if !w.ends {
		return openStore(job, opts, open)
	}
	s := &restartable{opts: opts, open: func(o *statelab.Options) (statelab.Store, error) { return openStore(job, o, open) }}
	return s, s.start()
}

// measureDriver runs both phases and reads the counters around the second. The
// instruments have not ended then.
func measureDriver(ctx context.Context, job Job, d driver, store statelab.Store, rec *recorder, watch instruments) (Measurement, error) {
	if err := d.warmUp(ctx); err != nil {
		return Measurement{}, fmt.Errorf("warm-up: %w", err)
	}
	warm := d.tally()
	clock := clockCost()
	runtime.GC() // the warm-up's garbage is not the measured phase's
	rec.reset(clock)
	if err := watch.begin(store); err != nil {
		return Measurement{}, err
	}
	load := host.ReadLoad()
	before := takeReading(store)
	if err := d.measure(ctx); err != nil {
		return Measurement{}, err
	}
	rec.finish()
	after := takeReading(store)
	loadAfter := host.ReadLoad()
	m := Metrics{}
	if a, ok := d.(auditor); ok {
		if err := a.audit(ctx, m); err != nil {
			return Measurement{}, fmt.Errorf("after the run: %w", err)
		}
	}
	done := d.tally()

	events := done.events - warm.events
	after.since(&before, events, done.logical-warm.logical, m)
	m.emitNeighbours(&load, &loadAfter, before.usage, after.usage)
	m.set("clock_ns", clock)
	m.set("disk_bytes", float64(after.store.Disk))
	m.set("disk_peak_bytes", float64(max(done.diskPeak, after.store.Disk)))
	if peak := max(done.memPeak, after.store.Memory); peak > 0 { // a store that never held any does not tell
		m.set("memory_bytes", float64(after.store.Memory))
		m.set("memory_peak_bytes", float64(peak))
	}
	m.set("output_checksum", float64(done.checksum))
	emitMemory(m)
	measured := Measurement{Metrics: m, Events: events, Checksum: done.checksum, Timeline: rec.timeline(job.Rate)}
	rec.emit(&measured)
	m.emitReadAmplification()
	rec.noteDropped(&measured)
	rec.judgeRate(job.Rate, &measured)
	return measured, nil
}

// judge compares a measurement with the truth, and completes its metrics with
// what only the oracle knows. A run that disagrees has no numbers.
func (m *Measurement) judge(t Truth) error {
	if err := m.agree(t); err != nil {
		return err
	}
	if _, held := m.Metrics["disk_bytes"]; !held {
		return nil // it was counted, and nobody asked the store
	}
	m.Metrics.set("live_records", float64(t.LiveRecords))
	m.Metrics.set("live_bytes", float64(t.LiveBytes))
	m.Metrics.setRatio("space_amp", m.Metrics["disk_bytes"].Value, float64(t.LiveBytes))
	if memory, ok := m.Metrics["memory_bytes"]; ok {
		m.Metrics.setRatio("memory_amp", memory.Value, float64(t.LiveBytes))
	}
	m.Metrics.emitPerRecord(t.LiveRecords)
	return nil
}

// agree says where a measurement disagrees with the truth.
func (m *Measurement) agree(t Truth) error {
	if m.Events != t.Events {
		return fmt.Errorf("the run disagrees with the oracle: it handled %d events of %d", m.Events, t.Events)
	}
	if m.Checksum != t.Checksum {
		return fmt.Errorf("the run disagrees with the oracle: output checksum %014x instead of %014x", m.Checksum, t.Checksum)
	}
	return nil
}
