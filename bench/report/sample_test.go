package report

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/host"
)

// sampleSpecs are ten backends, some with specs as long as people write them.
var sampleSpecs = []string{
	"lsm", "btree", "skiplist", "pebble", "badger", "bbolt",
	"lsm?compaction=window&memtable=btree&segments=8&cache=s3fifo&filter_bits=12",
	"lsm?compaction=window&memtable=huandu&segments=8&cache=s3fifo&filter_bits=12",
	"btree?page_size=16KiB&update=in_place&fill=0.9&compression=zstd&pool=clock",
	"goleveldb",
}

// sample returns results that no machine has measured, but that look like some:
// backends, workloads and repetitions, with curves, time lines, marks and notes.
func sample(backends, reps int) []bench.Result {
	var results []bench.Result
	for rep := 1; rep <= reps; rep++ {
		for w, workload := range []string{"J1s", "J10", "reads"} {
			for b := range backends {
				results = append(results, sampleResult(workload, w, b, rep))
			}
		}
	}
	return results
}

func sampleResult(workload string, w, b, rep int) bench.Result {
	random := rand.New(rand.NewPCG(uint64(w), uint64(100*b+rep)))
	noise := func(v float64) float64 { return v * (1 + 0.04*random.Float64()) }
	weight := 1 + 0.45*float64((b*7+w*3)%10) // so that another backend is best on each workload
	r := bench.Result{
		Backend: sampleSpecs[b%len(sampleSpecs)], Workload: workload, Rep: rep, Seed: 1,
		Machine: host.Machine{CPU: "Example 3000", Cores: 2, Memory: 25 << 30, OS: "linux", Arch: "amd64",
			Kernel: "6.1.0", FS: "ext4", Go: "go1.26", Commit: "0123456789abcdef"},
		Settings: bench.Settings{Memory: 32 << 20, Durability: "checkpoint", Compression: "default", Maintenance: "background",
			SampleEvery: 1, Knobs: bench.Knobs{"live": 60000, "window_s": 600, "acted_share": 0.2}},
		Metrics: bench.Metrics{},
	}
	if workload == "reads" {
		r.Settings.Knobs = bench.Knobs{"records": 400000, "lookups": 600000}
	}
	set := func(name string, value float64) {
		doc, _ := bench.FindMetric(name)
		r.Metrics[name] = bench.Metric{Value: value, Unit: doc.Unit}
	}
	set("events", 250000)
	set("cpu_us_per_event", noise(4.5*weight))
	set("harness_us_per_event", 0.35)
	set("events_per_s", noise(2e5/weight))
	set("space_amp", noise(1.2*weight))
	set("memory_amp", noise(0.6*weight))
	set("rss_bytes", noise(48e6*weight))
	set("heap_objects", 1200*weight)
	set("gc_cpu_ratio", 0.003*weight)
	set("gc_pause_max_us", noise(80))
	set("clock_ns", 44)
	set("output_checksum", float64(0xabcdef0123+w))
	if b != 2 {
		set("cache_hit_ratio", 1-0.1/weight)
	}
	if workload != "reads" {
		sampleWrites(&r, set, noise, weight, b)
	}
	for _, op := range []struct {
		name string
		p50  float64
	}{{"get", 2}, {"probe", 5}, {"apply", 300}, {"event", 8}, {"sample", 90}} {
		if workload == "J1s" || op.name == "get" || op.name == "event" {
			sampleLatency(&r, set, op.name, noise(op.p50*weight))
		}
	}
	r.Curves = append(r.Curves, sampleMissRatio(weight), bench.Curve{Name: "miss_ratio_lru_measured", X: []float64{24 << 20}, Y: []float64{0.7 / weight}})
	r.Timeline = sampleTimeline(random, weight)
	if b == 5 {
		r.Notes = append(r.Notes, "memory is not bounded: it keeps its pages in the page cache")
	}
	if (b+rep)%7 == 0 {
		r.Notes = append(r.Notes, "disturbed: others used 31 % of the processors")
	}
	return r
}

func sampleWrites(r *bench.Result, set func(string, float64), noise func(float64) float64, weight float64, b int) {
	const logical = 64e6
	parts := map[string]float64{"written_flush_bytes": 0.6, "written_compaction_bytes": 0.5 * weight, "written_meta_bytes": 0.02}
	if b == 1 || b == 5 || b == 8 {
		parts = map[string]float64{"written_page_bytes": 1.9 * weight, "written_log_bytes": 0.3, "written_meta_bytes": 0.05}
	}
	total := 0.0
	for name, amp := range parts {
		v := math.Floor(logical * amp)
		total += v
		set(name, v)
	}
	set("logical_bytes", logical)
	set("write_amp_engine", total/logical)
	set("write_amp_fs", noise(0.9*total/logical))
	if b != 4 {
		r.Settings.Device = "page=4096 block=256 op=0.07 gc=greedy"
		set("write_amp_sent", 0.85*total/logical)
		set("write_amp_device", 1+0.1*float64(b))
		set("write_amp_total", (1+0.1*float64(b))*0.85*total/logical)
	}
	set("file_syncs", 12*weight)
}

func sampleLatency(r *bench.Result, set func(string, float64), op string, p50 float64) {
	curve := bench.Curve{Name: op + "_latency_us"}
	for _, p := range []float64{1, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 100} {
		tail := 4.5
		if p < 100 {
			tail = -math.Log10(1 - p/100)
		}
		y := p50 * math.Pow(10, 0.35*(tail-0.3)+0.06*tail*tail)
		curve.X, curve.Y = append(curve.X, p), append(curve.Y, y)
		switch p {
		case 50:
			set(op+"_p50_us", y)
		case 99:
			set(op+"_p99_us", y)
		case 99.9:
			set(op+"_p999_us", y)
		case 100:
			set(op+"_max_us", y)
		}
	}
	set(op+"_count", 250000)
	r.Curves = append(r.Curves, curve)
}

func sampleMissRatio(weight float64) bench.Curve {
	c := bench.Curve{Name: "miss_ratio_lru"}
	for size := 1 << 20; size <= 256<<20; size *= 2 {
		c.X = append(c.X, float64(size))
		c.Y = append(c.Y, 1/(1+float64(size)/(8e6*weight)))
	}
	return c
}

func sampleTimeline(random *rand.Rand, weight float64) *bench.Timeline {
	const slots = 80
	t := &bench.Timeline{Slot: 0.1}
	rate, get, apply := make([]float64, slots), make([]float64, slots), make([]float64, slots)
	for i := range slots {
		rate[i] = 2e5 / weight * (0.9 + 0.2*random.Float64())
		get[i] = 40 * weight * (0.5 + random.Float64())
		apply[i] = 900 * weight * (0.5 + random.Float64())
		at := float64(i) * t.Slot
		if i%9 == 4 {
			t.Marks = append(t.Marks, bench.Mark{Kind: "gc", At: at, For: 0.004})
		}
		if i%16 == 7 {
			t.Marks = append(t.Marks, bench.Mark{Kind: "flush", At: at, For: 0.12, Note: "4 MiB"})
		}
		if i%40 == 22 {
			t.Marks = append(t.Marks, bench.Mark{Kind: "compaction", At: at, For: 0.9, Note: fmt.Sprintf("level %d", i/40)})
			get[i+1] *= 30
			rate[i] /= 2
		}
	}
	t.Marks = append(t.Marks, bench.Mark{Kind: "checkpoint", At: 6, For: 0.21})
	apply[61] = 2.1e5
	t.Series = []bench.Series{{Name: "events_per_s", Values: rate}, {Name: "get_max_us", Values: get}, {Name: "apply_max_us", Values: apply}}
	return t
}
