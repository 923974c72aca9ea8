package bench

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/ftl"
	"github.com/statelab/statelab/internal/draw"
	"github.com/statelab/statelab/vfs"
)

var deviceMetrics = []MetricDoc{
	{"write_amp_sent", "ratio", Lower, "device_sent_bytes divided by logical_bytes: what write_amp_fs is, by simulation, without the file system's metadata and journal."},
	{"write_amp_device", "ratio", Lower, "device_bytes divided by device_sent_bytes: what garbage collection inside it adds."},
	{"write_amp_total", "ratio", Lower, "device_bytes divided by logical_bytes: bytes programmed into flash for each byte of state. It is write_amp_sent times write_amp_device, and so holds the engine's amplification, what the page cache takes away or adds, and the device's."},
	{"device_bytes", "bytes", Lower, "Bytes that the simulated flash device (settings.device) programmed: what it was sent and what its garbage collection moved."},
	{"device_sent_bytes", "bytes", Lower, "Bytes of pages that the simulated page cache wrote back to the device, everything that was dirty at the end of the phase included."},
	{"device_trimmed_bytes", "bytes", Neither, "Bytes of pages that the file system discarded because their file had died or was cut short."},
	{"device_cancelled_bytes", "bytes", Neither, "Bytes of dirty pages that never reached the device because their file died or was cut short first."},
	{"device_erases", "blocks", Lower, "Erase blocks that the simulated device erased."},
	{"device_capacity_bytes", "bytes", Neither, "Logical capacity of the simulated device: the peak of the store's files over the whole run divided by fill less cold of settings.device, in whole erase blocks, at least 16."},
	{"device_fill_ratio", "ratio", Neither, "Share of that capacity in use when the store's files were at their peak, cold data included."},
	{"device_turns", "ratio", Neither, "How often what was sent before the measured phase would fill the capacity: by replaying the run, turns of settings.device times over, and by its warm-up."},
}

// deviceNote begins the notes of this instrument.
const deviceNote = "device: "

// maxRecording bounds what the record of a run may take, in bytes: some
// thirty million writes.
const maxRecording = 256 << 20

// minDeviceBlocks keeps a device from being so small that a single block decides.
const minDeviceBlocks = 16

// device is the instrument that simulates a flash device. While the run lasts
// it only records what the store does to its files.
type device struct {
	job   Job
	model deviceModel
	rec   *ftl.Recording
}

func newDevice(job Job) (instrument, error) {
	model, err := parseDevice(job.Device)
	if err != nil {
		return nil, err
	}
	return &device{job: job, model: model, rec: ftl.NewRecording(maxRecording)}, nil
}

func (d *device) attach(opts *statelab.Options) {
	if opts.FS == nil {
		opts.FS = vfs.OS
	}
	opts.FS = vfs.NewChangeTrace(opts.FS, d.rec.Observe)
}

func (d *device) begin(statelab.Store) error {
	d.rec.Mark()
	return nil
}

func (d *device) end(s statelab.Store, m *Measurement) error {
	d.rec.Mark()
	seen := s.Stats()
	trace, err := d.survey()
	switch {
	case errors.Is(err, ftl.ErrTooLong):
		m.Notes = append(m.Notes, deviceNote+"the run's file operations are too many to be kept")
		return nil
	case err != nil:
		return fmt.Errorf("device: %w", err)
	case !trace.covers(&seen):
		m.Notes = append(m.Notes, deviceNote+"store is not traced")
		return nil
	}
	sim, err := d.simulate(trace.peak)
	if err != nil {
		return fmt.Errorf("device: %w", err)
	}
	sim.emit(m)
	return nil
}

func (d *device) close() error { return d.rec.Close() }

// A survey is what a trace of a store's files amounts to.
type survey struct {
	written int64 // bytes, in all
	peak    int64 // pages of all files, at most
	size    int64 // bytes of all files at the end
}

func (d *device) survey() (survey, error) {
	var s survey
	footprint := ftl.NewFootprint(d.model.pageBytes)
	err := d.rec.Replay(func(op vfs.TraceOp) error {
		footprint.Observe(op)
		if op.Op == vfs.OpWrite {
			s.written += op.Length
		}
		return nil
	}, func() error { return nil })
	s.peak, s.size = footprint.PeakPages(), footprint.Pages()*int64(d.model.pageBytes)
	return s, err
}

// covers says whether the trace can be all that the store wrote: a store with
// file access of its own says that it has written more, or holds more: more by a
// mebibyte and than twice as much, since stores count what they hold each in its own way.
func (s *survey) covers(store *statelab.Stats) bool {
	return s.written >= store.Written.Total() && store.Disk <= 2*s.size+1<<20
}

// A simulation is a flash device, with what is known of it at the two marks of a run.
type simulation struct {
	flash      *ftl.Device
	host       *ftl.Host
	used       int64 // pages in use at the peak
	aged       ftl.Counters
	flashes    [2]ftl.Counters
	hosts      [2]ftl.HostCounters
	marks      int
	pageBytes  int64
	totalPages int64
}

// simulate replays the run on a device for files of at most peak pages.
func (d *device) simulate(peak int64) (*simulation, error) {
	sim, err := d.newSimulation(peak)
	if err != nil {
		return nil, err
	}
	return sim, sim.run(d.rec, peak, d.model.turns)
}

// maxRounds bounds how often a run is replayed that sends the device little.
const maxRounds = 64

// run replays the run until what it has sent would fill the capacity so many
// times, and then once more, which counts. So the device is in the state that
// this store brings it into, however short the run is. From one round to the next the files of
// the last make room as those of the new one grow, so that no room is given back all at once;
// what is left of them goes when the measured phase begins.
func (sim *simulation) run(rec *ftl.Recording, peak int64, turns float64) error {
	target := int64(turns * float64(sim.totalPages))
	for range maxRounds {
		before := sim.sent()
		if sim.sent() >= target {
			break
		}
		if err := rec.Replay(sim.host.Observe, func() error { return nil }); err != nil {
			return err
		}
		if err := sim.host.Retire(peak); err != nil {
			return err
		}
		if sim.sent() == before {
			break
		}
	}
	return rec.Replay(sim.host.Observe, sim.mark)
}

// sent returns the pages that the device was sent since it was aged.
func (sim *simulation) sent() int64 { return sim.flash.Counters().Since(sim.aged).Host }

func (d *device) newSimulation(peak int64) (*simulation, error) {
	block := int64(d.model.blockPages)
	blocks := max(minDeviceBlocks, 1+int64(float64(peak)/(d.model.full-d.model.cold))/block)
	flash, err := ftl.NewDevice(ftl.Config{
		PageBytes: d.model.pageBytes, BlockPages: d.model.blockPages, LogicalPages: blocks * block,
		Spare: d.model.spare, GC: d.model.collection, Streams: d.model.streams,
	})
	if err != nil {
		return nil, err
	}
	host, err := ftl.NewHost(ftl.HostConfig{
		Place: d.model.placement, NoTrim: !d.model.trim, Expire: d.model.expireBytes, DirtyLimit: d.model.dirtyBytes,
	}, flash)
	if err != nil {
		return nil, err
	}
	sim := &simulation{flash: flash, host: host, pageBytes: int64(d.model.pageBytes), totalPages: blocks * block}
	sim.used = peak + sim.age(draw.New(d.job.Seed, deviceStream), blocks, d.model)
	sim.aged = flash.Counters()
	return sim, nil
}

// deviceStream numbers the random stream of the ageing among those of a seed.
const deviceStream = 1 << 32

// age brings the device into the state of one that has long been in use: every
// page is written once in order and then as many at random, as is customary
// before one is measured; then the file system is made, which discards everything but the
// cold data. That lies in whole blocks' worth of addresses, evenly spaced, and is by then all over
// it. It returns the pages of cold data.
func (sim *simulation) age(r *draw.Random, blocks int64, model deviceModel) (cold int64) {
	sim.flash.Write(0, sim.totalPages)
	for range sim.totalPages {
		sim.flash.Write(int64(r.Below(uint64(sim.totalPages))), 1)
	}
	block := int64(model.blockPages)
	for i := range blocks {
		if int64(float64(i+1)*model.cold) > int64(float64(i)*model.cold) {
			sim.host.Reserve(i*block, block)
			cold += block
		} else if model.trim {
			sim.flash.Trim(i*block, block)
		}
	}
	return cold
}

// mark sends everything that is dirty, so that the measured phase pays for what it
// wrote and for nothing else, and notes the counters.
func (sim *simulation) mark() error {
	if sim.marks == len(sim.flashes) {
		return nil
	}
	sim.host.DropOld()
	if err := sim.host.Flush(); err != nil {
		return err
	}
	sim.flashes[sim.marks], sim.hosts[sim.marks] = sim.flash.Counters(), sim.host.Counters()
	sim.marks++
	return nil
}

func (sim *simulation) emit(m *Measurement) {
	warm := sim.flashes[0].Since(sim.aged)
	flash, host := sim.flashes[1].Since(sim.flashes[0]), sim.hosts[1].Since(sim.hosts[0])
	bytes := func(pages int64) float64 { return float64(pages * sim.pageBytes) }
	all, logical := m.Metrics, m.Metrics["logical_bytes"].Value
	all.setRatio("write_amp_sent", bytes(flash.Host), logical)
	all.setRatio("write_amp_device", bytes(flash.Programmed()), bytes(flash.Host))
	all.setRatio("write_amp_total", bytes(flash.Programmed()), logical)
	all.set("device_bytes", bytes(flash.Programmed()))
	all.set("device_sent_bytes", bytes(flash.Host))
	all.set("device_trimmed_bytes", bytes(flash.Trimmed))
	all.set("device_cancelled_bytes", float64(host.Cancelled))
	all.set("device_erases", float64(flash.Erased))
	all.set("device_capacity_bytes", bytes(sim.totalPages))
	all.setRatio("device_fill_ratio", float64(sim.used), float64(sim.totalPages))
	all.setRatio("device_turns", float64(warm.Host), float64(sim.totalPages))
}
