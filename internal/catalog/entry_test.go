package catalog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/spec"
)

// options are those of a store that exists only here.
type options struct {
	statelab.Options
	fan int
}

// opened is a store that has been opened, and how; none of its methods work.
type opened struct {
	statelab.Store
	dir string
	o   options
}

var errOpen = errors.New("cannot be opened")

func fake() Entry {
	return Describe(Backend{Name: "fake"},
		[]spec.Param[options]{spec.Int("fan", "Fan-out.", "8", 2, 64, func(o *options) *int { return &o.fan })},
		func(o *options) *statelab.Options { return &o.Options },
		func(dir string, o *options) (*opened, error) {
			if dir == "" {
				return nil, errOpen
			}
			return &opened{dir: dir, o: *o}, nil
		})
}

func prepare(t *testing.T, text string, opts *statelab.Options) (Opener, error) {
	t.Helper()
	_, params, err := spec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return fake().prepare(params, opts)
}

func TestParametersOverrideOptions(t *testing.T) {
	base := statelab.Options{Memory: 1 << 20, Durability: statelab.DurabilityAlways, Compression: statelab.CompressionZstd}
	open, err := prepare(t, "fake?memory=3MiB&fan=9&durability=interval&sync_interval=20ms&maintenance=inline", &base)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open("dir")
	if err != nil {
		t.Fatal(err)
	}
	got := s.(*opened)
	if got.dir != "dir" || got.o.fan != 9 || got.o.Memory != 3<<20 || got.o.Durability != statelab.DurabilityInterval ||
		got.o.SyncInterval != 20*time.Millisecond || got.o.Maintenance != statelab.MaintenanceInline ||
		got.o.Compression != statelab.CompressionZstd {
		t.Fatalf("opened %q with %+v", got.dir, got.o)
	}
	if base.Memory != 1<<20 {
		t.Fatal("the caller's options were changed")
	}
}

func TestEveryFaultIsNamedWithWhatIsAllowed(t *testing.T) {
	_, err := prepare(t, "fake?memory=1KiB&fan=1&durability=never&compression=lzo&maintenance=x&sync_interval=0s&colour=red", nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{
		"memory=1KiB: out of range; allowed: 64KiB to ",
		"fan=1: out of range; allowed: 2 to 64",
		"durability=never: unknown value; allowed: checkpoint, interval, always",
		"compression=lzo: unknown value; allowed: default, none, s2, zstd",
		"maintenance=x: unknown value; allowed: background, inline",
		"sync_interval=0s: out of range; allowed: 1ms to 1h0m0s",
		"unknown parameter colour; allowed: fan, memory, durability, sync_interval, compression, maintenance",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q:\n%v", part, err)
		}
	}
}

func TestAFailedOpenReturnsNoStore(t *testing.T) {
	open, err := prepare(t, "fake", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := open(""); s != nil || !errors.Is(err, errOpen) {
		t.Fatalf("open returned %v, %v", s, err)
	}
}

func TestSettingsOfFilesBecomeParameters(t *testing.T) {
	got := fake().fixed(map[string]string{"fan": "4", "unheard-of": "1"})
	if len(got) != 1 || got[0] != (spec.KV{Name: "fan", Value: "4"}) {
		t.Fatalf("got %v", got)
	}
}

func TestAbsentStoresSayHowToHaveThem(t *testing.T) {
	c := Catalog{Absent(Backend{Name: "far", Doc: "A store"}, "build with -tags far")}
	if doc := c.List()[0].Doc; doc != "A store; not in this build: build with -tags far" {
		t.Errorf("described as %q", doc)
	}
	if err := c.Validate("far?any=thing"); err == nil || !strings.Contains(err.Error(), "build with -tags far") {
		t.Errorf("the error is %v", err)
	}
}
