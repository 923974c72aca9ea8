package bench

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/statelab/statelab/bench/ftl"
	"github.com/statelab/statelab/internal/spec"
)

// A deviceModel is the flash device, and the file system over it, that the
// instrument device simulates.
type deviceModel struct {
	spare       float64 // share of the logical capacity that flash has more
	pageBytes   int
	blockPages  int
	collection  ftl.Policy
	streams     int
	trim        bool
	full        float64 // share of the logical capacity in use when the store's files are at their peak
	cold        float64 // share of it that something else holds, and never touches
	turns       float64 // capacities that replaying the run sends before it counts
	placement   ftl.Placement
	expireBytes int64
	dirtyBytes  int64
}

// DefaultDevice returns the device model of a run that names no other: a common
// device, 85 % full at the peak, under a file system that discards.
func DefaultDevice() string {
	m := defaultDeviceModel()
	return m.String()
}

func defaultDeviceModel() deviceModel {
	return deviceModel{
		spare:       ftl.DefaultSpare,
		pageBytes:   ftl.DefaultPageBytes,
		blockPages:  ftl.DefaultBlockPages,
		collection:  ftl.Greedy,
		streams:     ftl.DefaultStreams,
		trim:        true,
		full:        0.85,
		cold:        0.15,
		turns:       3,
		placement:   ftl.NextFit,
		expireBytes: ftl.DefaultExpire,
		dirtyBytes:  ftl.DefaultDirtyLimit,
	}
}

// deviceParams is the table of what a device model can be told.
func deviceParams() []spec.Param[deviceModel] {
	type m = deviceModel
	return []spec.Param[deviceModel]{
		fraction("op", "spare factor: flash beyond the logical capacity, as a share of it", 0.001, 16, func(d *m) *float64 { return &d.spare }),
		spec.Size("page", "flash page, and page of the page cache", "4KiB", 512, 1<<20, func(d *m) *int { return &d.pageBytes }),
		spec.Int("block", "pages of an erase block", "256", 2, 1<<20, func(d *m) *int { return &d.blockPages }),
		spec.Enum("gc", "which block is collected", "greedy", ftl.Policies(), func(d *m) *ftl.Policy { return &d.collection }),
		spec.Int("streams", "open blocks: 1 for everything, 2 sets relocated pages apart, 3 hot host writes too", "1", 1, 3, func(d *m) *int { return &d.streams }),
		spec.Bool("trim", "whether the file system discards what dies", "true", func(d *m) *bool { return &d.trim }),
		fraction("fill", "share of the logical capacity in use when the store's files are at their peak, cold data included", 0.01, 1, func(d *m) *float64 { return &d.full }),
		fraction("cold", "share of the logical capacity that holds data of something else, never touched", 0, 0.99, func(d *m) *float64 { return &d.cold }),
		fraction("turns", "how often the run is replayed before it counts, in times that it fills the logical capacity", 0, 100, func(d *m) *float64 { return &d.turns }),
		spec.Enum("place", "where new files go: on from the last, or the first gap", "next", ftl.Placements(), func(d *m) *ftl.Placement { return &d.placement }),
		spec.Size("expire", "bytes the store writes until what it never synced is written back", "512MiB", 1, 1<<50, func(d *m) *int64 { return &d.expireBytes }),
		spec.Size("dirty", "dirty bytes above which the oldest file is written back", "128MiB", 1, 1<<50, func(d *m) *int64 { return &d.dirtyBytes }),
	}
}

// fraction is a parameter that takes a number of least to most.
func fraction(name, doc string, least, most float64, field func(*deviceModel) *float64) spec.Param[deviceModel] {
	set := func(d *deviceModel, value string) error {
		x, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return errors.New("not a number")
		}
		if !(x >= least && x <= most) {
			return errors.New("out of range")
		}
		*field(d) = x
		return nil
	}
	allowed := fmt.Sprintf("%v to %v", least, most)
	def := defaultDeviceModel()
	return spec.Param[deviceModel]{Name: name, Doc: doc, Default: number(*field(&def)), Values: []string{allowed}, Set: set}
}

// ParseDevice reads a device model, such as "op=0.28,gc=cost-benefit", and
// returns it with everything spelled out, as results record it. What the text does not name
// has its default; an empty text is DefaultDevice.
func ParseDevice(text string) (string, error) {
	m, err := parseDevice(text)
	return m.String(), err
}

func parseDevice(text string) (deviceModel, error) {
	m := defaultDeviceModel()
	var params []spec.KV
	if text != "" {
		for part := range strings.SplitSeq(text, ",") {
			name, value, ok := strings.Cut(part, "=")
			if !ok {
				return m, fmt.Errorf("device %q: %q is not of the form name=value", text, part)
			}
			if slices.ContainsFunc(params, func(kv spec.KV) bool { return kv.Name == name }) {
				return m, fmt.Errorf("device %q: %s is set twice", text, name)
			}
			params = append(params, spec.KV{Name: name, Value: value})
		}
	}
	if err := spec.Apply(&m, params, deviceParams()); err != nil {
		return m, fmt.Errorf("device %q: %w", text, err)
	}
	if m.cold >= m.full {
		return m, fmt.Errorf("device %q: cold=%v leaves the store no room within fill=%v", text, m.cold, m.full)
	}
	return m, nil
}

// String is the inverse of parseDevice, with nothing left out.
func (m deviceModel) String() string {
	return fmt.Sprintf("op=%s,page=%s,block=%d,gc=%s,streams=%d,trim=%t,fill=%s,cold=%s,turns=%s,place=%s,expire=%s,dirty=%s",
		number(m.spare), spec.FormatSize(int64(m.pageBytes)), m.blockPages, m.collection, m.streams, m.trim,
		number(m.full), number(m.cold), number(m.turns), m.placement, spec.FormatSize(m.expireBytes), spec.FormatSize(m.dirtyBytes))
}

// deviceDoc explains the instrument and what its device can be told.
func deviceDoc() string {
	var told []string
	for _, p := range deviceParams() {
		told = append(told, fmt.Sprintf("%s=%s, %s (%s)", p.Name, p.Default, p.Doc, strings.Join(p.Values, ", ")))
	}
	return "what a flash device would program for the store's writes, by simulation; docs/FLASH.md says how. " +
		"The device and the file system over it are set with bench -device, by default to " + strings.Join(told, "; ")
}
