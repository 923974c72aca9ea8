package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/statelab/statelab/bench"
)

// A contender is a backend with its settings, and its repetitions in one experiment.
type contender struct {
	name string // the spec, shortened if it is long, and what sets it apart from others of that spec
	look int    // how lines of it are drawn, throughout the page
	bench.Group
}

// An experiment is one workload with one seed and one set of knobs on one
// machine: what contenders can be compared in.
type experiment struct {
	name       string // the workload, and what sets the experiment apart from others of that workload
	contenders []contender
}

func (e *experiment) first() *bench.Result { return &e.contenders[0].Results[0] }

// results returns all results of an experiment.
func (e *experiment) results() []bench.Result {
	var all []bench.Result
	for _, c := range e.contenders {
		all = append(all, c.Results...)
	}
	return all
}

// A trait is something in which results of one spec, or of one workload, may differ.
type trait struct{ name, value string }

func (t trait) String() string {
	if t.name == "" {
		return t.value
	}
	return t.name + "=" + t.value
}

// backendTraits are what makes two contenders of one spec: all settings but for
// the knobs, and the program.
func backendTraits(r *bench.Result) []trait {
	commit := r.Machine.Commit
	if revision, changes, ok := strings.Cut(commit, "+"); ok {
		commit = revision[:min(8, len(revision))] + "+" + changes
	} else {
		commit = commit[:min(8, len(commit))]
	}
	return append(settingTraits(&r.Settings), trait{"", r.Machine.Go}, trait{"commit", commit})
}

// settingTraits returns settings by the names that they have in results, so
// that none is forgotten that a later version adds.
func settingTraits(s *bench.Settings) []trait {
	without := *s
	without.Knobs = nil
	// Settings came from JSON, or could go there: there is no error.
	text, _ := json.Marshal(&without)
	values := map[string]any{}
	_ = json.Unmarshal(text, &values)
	delete(values, "knobs")
	var traits []trait
	for _, name := range slices.Sorted(maps.Keys(values)) {
		t := trait{name, fmt.Sprint(values[name])}
		switch v := values[name].(type) {
		case float64:
			if bytes, ok := strings.CutSuffix(name, "_bytes"); ok {
				t = trait{bytes, "default"}
				if v > 0 {
					t.value = bench.FormatMetric("bytes", v)
				}
			}
		case []any:
			t.value = strings.ReplaceAll(strings.Trim(fmt.Sprint(v), "[]"), " ", "+")
		}
		traits = append(traits, t)
	}
	// The longest are named only if nothing else tells contenders apart.
	slices.SortStableFunc(traits, func(a, b trait) int { return len(a.value)/longestName - len(b.value)/longestName })
	return traits
}

// experimentTraits are what makes two experiments of one workload.
func experimentTraits(r *bench.Result) []trait {
	const gib = 1 << 30 // kernels differ in how much they keep to themselves
	m := &r.Machine
	knobs := knobTraits(r.Settings.Knobs)
	return append(knobs, []trait{
		{"seed", fmt.Sprint(r.Seed)},
		{"", orUnknown(m.CPU)},
		{"cores", fmt.Sprint(m.Cores)},
		{"machine memory", fmt.Sprintf("%d GiB", (m.Memory+gib/2)/gib)},
		{"", m.OS + "/" + m.Arch},
		{"kernel", orUnknown(m.Kernel)},
		{"file system", orUnknown(m.FS)},
	}...)
}

// knobTraits returns knobs by name, but that of the size of the state first.
func knobTraits(knobs bench.Knobs) []trait {
	var traits []trait
	for _, name := range slices.Sorted(maps.Keys(knobs)) {
		t := trait{name, strconv.FormatFloat(knobs[name], 'f', -1, 64)}
		if slices.Contains(sizeKnobs, name) {
			traits = slices.Insert(traits, 0, t)
		} else {
			traits = append(traits, t)
		}
	}
	return traits
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// A labeller names things of one family, such as the contenders of one spec, by
// the first of their traits that tell them from the others.
type labeller struct {
	members map[string][][]trait // by family: the different sets of traits
}

func (l *labeller) add(family string, traits []trait) {
	if l.members == nil {
		l.members = map[string][][]trait{}
	}
	if !slices.ContainsFunc(l.members[family], func(o []trait) bool { return slices.Equal(o, traits) }) {
		l.members[family] = append(l.members[family], traits)
	}
}

// name returns the name of a member of a family, which begins with stem.
func (l *labeller) name(stem, family string, traits []trait) string {
	text := stem
	others := slices.Clone(l.members[family])
	for _, t := range traits {
		n := len(others)
		others = slices.DeleteFunc(others, func(o []trait) bool { return !slices.Contains(o, t) })
		if len(others) < n {
			text += " · " + t.String()
		}
	}
	return text
}

// title names the workload of a result, and the pass, if it is not the one that is timed.
func title(r *bench.Result) string {
	if r.Pass == "" {
		return r.Workload
	}
	return r.Workload + " under " + r.Pass
}

// makeExperiments sorts results: experiments in order of appearance, those of one workload
// together, and in each the contenders in order of appearance.
func makeExperiments(results []bench.Result) []experiment {
	experiments, contenders := nameAll(results)
	var whole []string
	for _, name := range contenders {
		if !slices.Contains(whole, name) {
			whole = append(whole, name)
		}
	}
	short := abbreviate(whole)
	var all []experiment
	for i := range results {
		look := slices.Index(whole, contenders[i])
		findExperiment(&all, experiments[i]).add(short[look], look, &results[i])
	}
	return byWorkload(all)
}

// nameAll returns for each result the name of its experiment, and that of its
// contender, which tells it from others of that spec in the experiment.
func nameAll(results []bench.Result) (experiments, contenders []string) {
	var workloads, backends labeller
	for i := range results {
		workloads.add(title(&results[i]), experimentTraits(&results[i]))
	}
	family := func(i int) string { return experiments[i] + "\x00" + results[i].Backend }
	for i := range results {
		r := &results[i]
		experiments = append(experiments, workloads.name(title(r), title(r), experimentTraits(r)))
		backends.add(family(i), backendTraits(r))
	}
	for i := range results {
		contenders = append(contenders, backends.name(results[i].Backend, family(i), backendTraits(&results[i])))
	}
	return experiments, contenders
}

func findExperiment(all *[]experiment, name string) *experiment {
	at := slices.IndexFunc(*all, func(e experiment) bool { return e.name == name })
	if at < 0 {
		at = len(*all)
		*all = append(*all, experiment{name: name})
	}
	return &(*all)[at]
}

func (e *experiment) add(name string, look int, r *bench.Result) {
	at := slices.IndexFunc(e.contenders, func(c contender) bool { return c.name == name })
	if at < 0 {
		at = len(e.contenders)
		e.contenders = append(e.contenders, contender{name, look, bench.Group{Workload: r.Workload, Backend: r.Backend}})
	}
	e.contenders[at].Results = append(e.contenders[at].Results, *r)
}

// byWorkload brings experiments of one workload together, and contenders into
// the same order everywhere.
func byWorkload(all []experiment) []experiment {
	var workloads []string
	for i := range all {
		if w := all[i].first().Workload; !slices.Contains(workloads, w) {
			workloads = append(workloads, w)
		}
		slices.SortStableFunc(all[i].contenders, func(a, b contender) int { return a.look - b.look })
	}
	slices.SortStableFunc(all, func(a, b experiment) int {
		return slices.Index(workloads, a.first().Workload) - slices.Index(workloads, b.first().Workload)
	})
	return all
}
