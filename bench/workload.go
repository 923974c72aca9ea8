package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// A Workload is a stream of operations that a seed and some knobs determine
// to the last byte, whichever backend serves it.
type Workload struct {
	Name  string
	Doc   string // whole sentences
	Knobs []Knob

	prefix statelab.Prefix // of its keys
	driver func(Job, statelab.Store, *recorder) (driver, error)
	truth  func(seed uint64, k Knobs) Truth
	replay func(context.Context, Knobs) (Truth, error) // instead of truth, of a workload that a file holds

	special bool // it is none of a suite's: see LogWorkloads
	ends    bool // its driver ends the store, which is a restartable
}

// Suits says what in the settings of a job the workload cannot do.
func (w Workload) Suits(s *Settings) error {
	if s.Arrival == ArrivalRecorded && w.replay == nil {
		return fmt.Errorf("workload %s has no recorded arrivals: only a trace has", w.Name)
	}
	if w.special && !s.closed() {
		return fmt.Errorf("workload %s runs in the closed loop only", w.Name)
	}
	return nil
}

// truthOf computes what a job must bring forth.
func (w Workload) truthOf(ctx context.Context, job Job) (Truth, error) {
	if w.replay != nil {
		return w.replay(ctx, job.Knobs)
	}
	return w.truth(job.Seed, job.Knobs), nil
}

// A Knob is a parameter of a workload. Its unit is the end of its name.
type Knob struct {
	Name     string
	Default  float64
	Min, Max float64
	Whole    bool // only whole numbers make sense
	Doc      string
}

// Knobs are values by the names of knobs.
type Knobs map[string]float64

// micros returns the knob of that name, which is in seconds, in microseconds.
func (k Knobs) micros(name string) int64 { return int64(math.Round(k[name] * 1e6)) }

// Workloads returns those of the catalogue that a suite runs unasked, in this order;
// NamedWorkloads has the others.
func Workloads() []Workload {
	return []Workload{{
		Name: "J1s",
		Doc: "The sample join of online training, small: impressions wait for the actions that label them. " +
			"One in five impressions gets one to five actions, after a log-normal delay. The join is left outer and labels " +
			"each impression once, when its window has passed; every action also asks with one Get whether its impression is still waiting. " +
			"One event is one impression or one action.",
		Knobs: slices.Concat(timelineKnobs(60_000), []Knob{
			{"value_bytes", 500, stampSize, 1 << 20, true, "size of an impression"},
			{"action_bytes", 80, stampSize, 1 << 20, true, "size of an action"},
			{"acted_share", 0.2, 0, 1, false, "share of impressions that get actions"},
			{"delay_median_s", 60, 0.001, 1e6, false, "median delay of an action after its impression"},
		}),
		prefix: join.Prefix(),
		driver: newSampleJoinDriver,
		truth:  sampleJoinTruth,
	}, {
		Name: "J10",
		Doc: "Deduplication that keeps the first event of an identifier within a window: a Get for each event, " +
			"and a Put that expires with the window if nothing was found. One event is one identifier shown, new or again.",
		Knobs: slices.Concat(timelineKnobs(200_000), []Knob{
			{"repeat_share", 0.3, 0, 1, false, "share of identifiers that are shown a second time"},
			{"delay_median_s", 60, 0.001, 1e6, false, "median delay of the second showing"},
		}),
		driver: newDedupDriver,
		truth:  dedupTruth,
	}, {
		Name: "hot",
		Doc: "The join of impressions with what their user did lately, where some users do far more than others: an impression looks back over " +
			"window_s and gets every behaviour of its user. Users follow Zipf's law in both streams, so that by default the most active of 100,000 has " +
			"about 4,700 live behaviours, and most of those who have any one or two. The join is left outer. Impressions are as rare as it takes for an event to have " +
			"the set number of pairs in the mean, whatever the law: by default 1 in 30 events, with 600 pairs each in the mean. One event is one impression or one behaviour.",
		Knobs: slices.Concat(timelineKnobs(60_000), []Knob{
			{"users", 100_000, 1, 1e7, true, "distinct users"},
			{"skew", 0.99, 0, 10, false, "exponent of Zipf's law for users; at 0 all are equally active"},
			{"pairs", 20, 0.001, 1e6, false, "pairs of an impression and a behaviour for each event, in the mean; impressions are at most every second event"},
			{"value_bytes", 100, stampSize, 1 << 20, true, "size of a behaviour"},
			{"impression_bytes", 500, stampSize, 1 << 20, true, "size of an impression"},
		}),
		prefix: join.Prefix(),
		driver: newHotJoinDriver,
		truth:  hotJoinTruth,
	}, {
		Name: "reads",
		Doc: "Point reads: load records in random order, sync, then Get keys drawn uniformly. " +
			"One event is one Get; loading and the first Gets are the warm-up.",
		Knobs: []Knob{
			{"records", 400_000, 1, 1e9, true, "records loaded"},
			{"value_bytes", 100, stampSize, 1 << 20, true, "size of a record's value"},
			{"hit_share", 0.8, 0, 1, false, "share of Gets whose key exists"},
			{"warm_lookups", 200_000, 0, 1e10, true, "Gets before measuring begins"},
			{"lookups", 600_000, 1, 1e10, true, "Gets measured"},
		},
		driver: readsMix.newDriver,
		truth:  readsMix.truth,
	}, {
		Name: "churn",
		Doc: "A constant number of live records, each of which is new for window_s and then gone: what memory they take, and what the garbage collector " +
			"makes of them. The warm-up loads them. One event is one record: a Get of one of the last live ones, drawn uniformly, and a Put.",
		Knobs: slices.Concat(timelineKnobs(300_000), []Knob{
			{"value_bytes", 100, stampSize, 1 << 20, true, "size of a record's value"},
		}),
		driver: newChurnDriver,
		truth:  churnTruth,
	}}
}

// timelineKnobs are those of every workload that runs in event time.
func timelineKnobs(live float64) []Knob {
	return []Knob{
		{"live", live, 1, 1e9, true, "records that wait in the steady state; with window_s it sets the rate of arrival"},
		{"window_s", 600, 0.001, 1e7, false, "how long a record waits, in event time"},
		{"tick_s", 1, 0.001, 1e6, false, "event time between two advances of the watermark"},
		{"checkpoint_s", 800, 0.001, 1e7, false, "event time between two checkpoints (Store.Sync)"},
		{"warm_checkpoints", 2, 1, 1e6, true, "checkpoint intervals before measuring begins"},
		{"checkpoints", 2, 1, 1e6, true, "checkpoint intervals measured"},
	}
}

// NamedWorkloads returns the workloads that run only where they are named.
func NamedWorkloads() []Workload {
	return slices.Concat(JoinWorkloads(), KeyValueWorkloads(), LogWorkloads())
}

// FindWorkload returns the workload of that name.
func FindWorkload(name string) (Workload, error) {
	var names []string
	for _, w := range slices.Concat(Workloads(), NamedWorkloads()) {
		if w.Name == name {
			return w, nil
		}
		names = append(names, w.Name)
	}
	return Workload{}, fmt.Errorf("unknown workload %q; one of %s", name, strings.Join(names, ", "))
}

// Defaults returns the workload's knobs as they are unless set.
func (w Workload) Defaults() Knobs {
	k := Knobs{}
	for _, knob := range w.Knobs {
		k[knob.Name] = knob.Default
	}
	return k
}

// check says whether a value suits the knob.
func (n Knob) check(value float64) error {
	if math.IsNaN(value) || value < n.Min || value > n.Max {
		return fmt.Errorf("%s is %v, not within %v and %v", n.Name, value, n.Min, n.Max)
	}
	if n.Whole && value != math.Trunc(value) {
		return fmt.Errorf("%s is %v, not a whole number", n.Name, value)
	}
	return nil
}

// A Setting is a knob's new value, for one workload or for all that have it.
type Setting struct {
	Workload string // empty for all
	Knob     string
	Value    float64
}

// ParseSetting reads "knob=value" or "workload.knob=value".
func ParseSetting(s string) (Setting, error) {
	name, text, ok := strings.Cut(s, "=")
	if !ok {
		return Setting{}, fmt.Errorf("setting %q is not of the form knob=value or workload.knob=value", s)
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Setting{}, fmt.Errorf("setting %q: %q is not a number", s, text)
	}
	set := Setting{Knob: name, Value: value}
	if workload, knob, ok := strings.Cut(name, "."); ok {
		set.Workload, set.Knob = workload, knob
	}
	return set, nil
}

// Tune returns the knobs of each workload, by name, with the settings made. A setting
// that suits none of the workloads, or whose value is out of bounds, is an error.
func Tune(workloads []Workload, settings []Setting) (map[string]Knobs, error) {
	tuned := map[string]Knobs{}
	for _, w := range workloads {
		tuned[w.Name] = w.Defaults()
	}
	for _, set := range settings {
		used := false
		for _, w := range workloads {
			i := slices.IndexFunc(w.Knobs, func(n Knob) bool { return n.Name == set.Knob })
			if i < 0 || set.Workload != "" && set.Workload != w.Name {
				continue
			}
			if err := w.Knobs[i].check(set.Value); err != nil {
				return nil, fmt.Errorf("workload %s: %w", w.Name, err)
			}
			tuned[w.Name][set.Knob] = set.Value
			used = true
		}
		if !used {
			return nil, noSuchKnob(workloads, set)
		}
	}
	for _, w := range workloads {
		if k := tuned[w.Name]; k["live"] > k["window_s"]*1e6 {
			return nil, fmt.Errorf("workload %s: live=%s within window_s=%s is more than one a microsecond",
				w.Name, number(k["live"]), number(k["window_s"]))
		}
	}
	return tuned, nil
}

func noSuchKnob(workloads []Workload, set Setting) error {
	var have []string
	for _, w := range workloads {
		if set.Workload != "" && set.Workload != w.Name {
			continue
		}
		for _, n := range w.Knobs {
			if !slices.Contains(have, n.Name) {
				have = append(have, n.Name)
			}
		}
	}
	if len(have) == 0 {
		return fmt.Errorf("setting %s.%s is for a workload that is not run", set.Workload, set.Knob)
	}
	return fmt.Errorf("unknown knob %q; one of %s", set.Knob, strings.Join(have, ", "))
}
