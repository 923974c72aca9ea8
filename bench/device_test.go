package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/ftl"
	"github.com/statelab/statelab/vfs"
)

// A fileStore writes a file of a size at every Sync, and removes the one before.
type fileStore struct {
	*memStore
	fs    vfs.FS
	dir   string
	size  int64
	syncs int
	t     *testing.T
}

func (s *fileStore) name(n int) string { return filepath.Join(s.dir, fmt.Sprint(n)) }

func (s *fileStore) Sync() error {
	f, err := s.fs.Create(s.name(s.syncs))
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(make([]byte, s.size), 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if s.syncs > 0 {
		if err := s.fs.Remove(s.name(s.syncs - 1)); err != nil {
			return err
		}
	}
	s.syncs++
	return f.Close()
}

func (s *fileStore) Stats() statelab.Stats {
	stats := s.memStore.Stats()
	stats.Written = statelab.Written{Snapshot: int64(s.syncs) * s.size}
	stats.Disk = s.size
	return stats
}

// runDevice runs J10 for two checkpoints and three measured ones on a fileStore.
func runDevice(t *testing.T, device string, open Opener) Measurement {
	t.Helper()
	job, _ := smallJob(t, "J10")
	job.Watch, job.Device = []string{"device"}, device
	job.Knobs["warm_checkpoints"], job.Knobs["checkpoints"] = 2, 3
	m, err := Execute(context.Background(), job, open)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func openFileStore(t *testing.T, size int64) Opener {
	return func(_, dir string, opts *statelab.Options) (statelab.Store, error) {
		return &fileStore{memStore: newMemStore(), fs: opts.FS, dir: dir, size: size, t: t}, nil
	}
}

func TestTheDeviceIsSentWhatTheMeasuredPhaseWrote(t *testing.T) {
	const page, size = 4 << 10, 10<<20 - 100
	m := runDevice(t, "", openFileStore(t, size))
	// Two files at a time are 20 MiB, which 0.85 less 0.15 of the capacity holds.
	const capacity = (20*10/7 + 1) << 20
	for name, want := range map[string]float64{
		"device_sent_bytes":      3 * 10 << 20,
		"device_trimmed_bytes":   3 * 10 << 20,
		"device_cancelled_bytes": 0,
		"device_capacity_bytes":  capacity,
		// Five files a run: two runs fill the capacity three times, and two files are the warm-up.
		"device_turns":      (2*5 + 2) * (10 << 20) / float64(capacity),
		"device_fill_ratio": (20 + 4) << 20 / float64(capacity),
	} {
		if got := m.Metrics[name].Value; got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	v := func(name string) float64 { return m.Metrics[name].Value }
	if len(m.Notes) != 0 || v("write_amp_device") < 1 || v("write_amp_device") > 1.3 || v("device_erases") < 20 {
		t.Errorf("notes %v, device amplification %v, %v erases", m.Notes, v("write_amp_device"), v("device_erases"))
	}
	product := v("write_amp_sent") * v("write_amp_device")
	if total := v("write_amp_total"); total < 0.999*product || total > 1.001*product || total*v("logical_bytes") < 3*size {
		t.Errorf("total amplification %v, product of the layers %v", total, product)
	}
	for _, doc := range deviceMetrics {
		if m.Metrics[doc.Name].Unit != doc.Unit {
			t.Errorf("%s is not emitted, or in %q", doc.Name, m.Metrics[doc.Name].Unit)
		}
	}
}

// However short a run, the device is in a state that the store has brought it
// into: what it was aged with does not show.
func TestTheDeviceForgetsHowItWasAged(t *testing.T) {
	young := runDevice(t, "trim=false,block=16,turns=0", openFileStore(t, 10<<20)).Metrics["write_amp_device"].Value
	three := runDevice(t, "trim=false,block=16,turns=3", openFileStore(t, 10<<20)).Metrics["write_amp_device"].Value
	twenty := runDevice(t, "trim=false,block=16,turns=20", openFileStore(t, 10<<20)).Metrics["write_amp_device"].Value
	if !(three < 0.7*young && twenty > 0.8*three && twenty < 1.25*three) {
		t.Errorf("amplification %v without replay, %v after three turns and %v after twenty", young, three, twenty)
	}
}

func TestADeviceThatIsNotToldOfDeathsWritesMore(t *testing.T) {
	with := runDevice(t, "op=0.07", openFileStore(t, 10<<20))
	without := runDevice(t, "op=0.07,trim=false", openFileStore(t, 10<<20))
	if a, b := with.Metrics["write_amp_device"].Value, without.Metrics["write_amp_device"].Value; a >= b {
		t.Errorf("amplification %v with trim and %v without", a, b)
	}
	if v := without.Metrics["device_trimmed_bytes"].Value; v != 0 {
		t.Errorf("%v bytes discarded", v)
	}
}

// A store that says it wrote what no trace has seen has no device figures.
func TestAStoreWithItsOwnFilesIsNotTraced(t *testing.T) {
	for name, open := range map[string]Opener{
		"writes": openMem,
		"files": func(string, string, *statelab.Options) (statelab.Store, error) {
			return &fileStore{memStore: newMemStore(), fs: vfs.NewMem(), size: 2 << 20, t: t}, nil
		},
	} {
		m := runDevice(t, "", open)
		if !slices.Equal(m.Notes, []string{"device: store is not traced"}) {
			t.Errorf("%s: notes %v", name, m.Notes)
		}
		for _, doc := range deviceMetrics {
			if _, ok := m.Metrics[doc.Name]; ok {
				t.Errorf("%s: %s is %v", name, doc.Name, m.Metrics[doc.Name].Value)
			}
		}
	}
}

// silentStore is a memStore that says it wrote nothing: nor did it.
type silentStore struct{ *memStore }

func (s silentStore) Stats() statelab.Stats { return statelab.Stats{} }

func TestAStoreThatWritesNothingProgramsNothing(t *testing.T) {
	m := runDevice(t, "", func(string, string, *statelab.Options) (statelab.Store, error) {
		return silentStore{newMemStore()}, nil
	})
	total, ok := m.Metrics["write_amp_total"]
	if _, ratio := m.Metrics["write_amp_device"]; !ok || total.Value != 0 || ratio || len(m.Notes) != 0 {
		t.Errorf("total %v, %v; a ratio of nothing is there: %v; notes %v", total, ok, ratio, m.Notes)
	}
}

func TestARunTooLongToBeKeptSaysSo(t *testing.T) {
	job, _ := smallJob(t, "J10")
	d := &device{job: job, model: defaultDeviceModel(), rec: ftl.NewRecording(0)}
	defer d.close()
	d.rec.Observe(vfs.TraceOp{Op: vfs.OpCreate, Path: "a", File: 1})
	m := Measurement{Metrics: Metrics{}}
	if err := d.end(newMemStore(), &m); err != nil || len(m.Metrics) != 0 || len(m.Notes) != 1 || !strings.HasPrefix(m.Notes[0], deviceNote) {
		t.Errorf("error %v, metrics %v, notes %v", err, m.Metrics, m.Notes)
	}
}

func TestDeviceModelsAreReadAndSpelledOut(t *testing.T) {
	const all = "op=0.28,page=16KiB,block=64,gc=cost-benefit,streams=3,trim=false,fill=0.9,cold=0,turns=0.5,place=first,expire=1GiB,dirty=1MiB"
	for text, want := range map[string]string{
		"":        DefaultDevice(),
		all:       all,
		"gc=fifo": strings.Replace(DefaultDevice(), "greedy", "fifo", 1),
	} {
		got, err := ParseDevice(text)
		if err != nil || got != want {
			t.Errorf("%q: %q, error %v", text, got, err)
		}
		if again, err := ParseDevice(got); err != nil || again != got {
			t.Errorf("%q is read as %q, error %v", got, again, err)
		}
	}
}

func TestBadDeviceModelsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"op":                `"op" is not of the form name=value`,
		"op=0":              "parameter op=0: out of range",
		"op=NaN":            "parameter op=NaN: out of range",
		"op=x":              "parameter op=x: not a number",
		"op=0.1,op=0.2":     "op is set twice",
		"gc=best":           "parameter gc=best: unknown value; allowed: greedy, cost-benefit, fifo",
		"size=1":            "unknown parameter size; allowed: op, page",
		"fill=0.3,cold=0.3": "cold=0.3 leaves the store no room within fill=0.3",
	} {
		if _, err := ParseDevice(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v", text, err)
		}
		settings := Settings{Durability: "checkpoint", Compression: "default", Maintenance: "inline", Device: text}
		if err := settings.Validate(); err == nil {
			t.Errorf("%q passes for a setting", text)
		}
	}
}

func TestEveryParameterOfADeviceIsSpelledOut(t *testing.T) {
	spelled := DefaultDevice()
	for _, p := range deviceParams() {
		if !strings.Contains(","+spelled+",", ","+p.Name+"="+p.Default+",") {
			t.Errorf("%s=%s is not in %s", p.Name, p.Default, spelled)
		}
	}
}
