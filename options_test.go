package statelab

import (
	"strings"
	"testing"
)

func TestZeroOptionsResolve(t *testing.T) {
	for _, o := range []*Options{nil, {}} {
		r, err := o.Resolve()
		if err != nil || r.FS == nil || r.Logger == nil || r.SyncInterval != DefaultSyncInterval {
			t.Errorf("Resolve of %v: %+v, %v", o, r, err)
		}
	}
}

func TestResolveNamesEveryFaultAtOnce(t *testing.T) {
	o := Options{Memory: 1, Durability: 9, Compression: 9, Maintenance: 9, SyncInterval: -1, Prefix: Prefix{Name: "x"}}
	_, err := o.Resolve()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, word := range []string{"Memory", "Durability", "Compression", "Maintenance", "SyncInterval", "Prefix"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not name %s: %v", word, err)
		}
	}
}

func TestNamesParseBack(t *testing.T) {
	for d := range DurabilityAlways + 1 {
		if got, err := ParseDurability(d.String()); err != nil || got != d {
			t.Errorf("ParseDurability(%q) = %v, %v", d.String(), got, err)
		}
	}
	for c := range CompressionZstd + 1 {
		if got, err := ParseCompression(c.String()); err != nil || got != c {
			t.Errorf("ParseCompression(%q) = %v, %v", c.String(), got, err)
		}
	}
	for m := range MaintenanceInline + 1 {
		if got, err := ParseMaintenance(m.String()); err != nil || got != m {
			t.Errorf("ParseMaintenance(%q) = %v, %v", m.String(), got, err)
		}
	}
	if _, err := ParseDurability("often"); err == nil || !strings.Contains(err.Error(), "checkpoint") {
		t.Errorf("ParseDurability(often) does not name the allowed values: %v", err)
	}
}
