// Package doctor examines a machine: what its physical limits are, what can be
// measured on it, and how noisy it is at the moment.
//
//	limits     disk, memory and clock, measured in a temporary directory and in memory
//	noise      a loop of fixed work, repeated; what other processes and the hypervisor took meanwhile
//	abilities  what the kernel permits and which tools are installed
//	verdicts   what follows from these for who measures here, in plain words
//
// A [Figure] says how it was measured. What could not be is a [Gap], which says
// why; it is never a zero. Figures are those of now: a busy machine shows
// smaller limits than it has.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/statelab/statelab/bench/host"
)

// Options say where and how long to measure.
type Options struct {
	Dir    string        // on the file system to be measured; must exist
	File   int64         // bytes of the file that is written and read
	Memory int64         // bytes of memory that is walked through: many times the last-level cache
	Probe  time.Duration // how long one figure is measured for, about
}

// Quick and Full return options for some twenty seconds and for some minutes.
func Quick(dir string) Options { return Options{dir, 256 << 20, 256 << 20, time.Second} }
func Full(dir string) Options  { return Options{dir, 4 << 30, 1 << 30, 10 * time.Second} }

// A Report is what was found.
type Report struct {
	Machine   host.Machine `json:"machine"`
	Dir       string       `json:"dir"`
	Limits    []Figure     `json:"limits"`
	Noise     []Figure     `json:"noise"`
	Abilities []Ability    `json:"abilities"`
	Missing   []Gap        `json:"missing,omitempty"`
	Verdicts  []string     `json:"verdicts"`
}

// A Figure is something that was measured.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	How   string  `json:"how"`
}

// A Gap is something that could not be measured, and why.
type Gap struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// An Ability is something that measuring needs: whether it is here, and if not, why.
type Ability struct {
	Name string `json:"name"`
	Can  bool   `json:"can"`
	Note string `json:"note"`
}

// Examine measures. It writes only into a directory of its own in o.Dir, which it
// removes. Progress, if it is not nil, is told what is being measured.
func Examine(ctx context.Context, o Options, progress func(what string)) (r *Report, err error) {
	if progress == nil {
		progress = func(string) {}
	}
	dir, err := os.MkdirTemp(o.Dir, "statelab-doctor-")
	if err != nil {
		return nil, fmt.Errorf("make a directory to measure in: %w", err)
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	r = &Report{Machine: host.Describe(dir), Dir: o.Dir}
	for _, part := range []struct {
		what    string
		measure func(context.Context, *Report, Options, string) error
	}{
		{"noise", measureNoise},
		{"clock", measureClock},
		{"memory", measureMemory},
		{"disk", measureDisk},
		{"abilities", findAbilities},
	} {
		progress(part.what)
		if err := part.measure(ctx, r, o, dir); err != nil {
			return nil, fmt.Errorf("measure %s: %w", part.what, err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	r.Verdicts = verdicts(r)
	return r, nil
}

// limit adds a figure.
func (r *Report) limit(name string, value float64, unit, how string) {
	r.Limits = append(r.Limits, Figure{name, value, unit, how})
}

// miss adds a gap.
func (r *Report) miss(name string, err error) {
	r.Missing = append(r.Missing, Gap{name, reason(err)})
}

// reason is the part of an error that is of interest here.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Op + ": " + path.Err.Error()
	}
	return err.Error()
}

// Find returns the figure of that name.
func (r *Report) Find(name string) (Figure, bool) {
	for _, list := range [][]Figure{r.Limits, r.Noise} {
		if i := slices.IndexFunc(list, func(f Figure) bool { return f.Name == name }); i >= 0 {
			return list[i], true
		}
	}
	return Figure{}, false
}

// can says whether an ability is there.
func (r *Report) can(name string) bool {
	return slices.ContainsFunc(r.Abilities, func(a Ability) bool { return a.Name == name && a.Can })
}

// quantile returns the value below which a share q of sorted values lie; there must be one.
func quantile[T any](sorted []T, q float64) T {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
