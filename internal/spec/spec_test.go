package spec

import (
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseKeepsOrderAndUnescapes(t *testing.T) {
	name, params, err := Parse("lsm?memtable=btree&compaction=a%26b+c&x=")
	want := []KV{{"memtable", "btree"}, {"compaction", "a&b c"}, {"x", ""}}
	if err != nil || name != "lsm" || !reflect.DeepEqual(params, want) {
		t.Fatalf("got %q %q %v", name, params, err)
	}
	if name, params, err := Parse("btree"); name != "btree" || params != nil || err != nil {
		t.Fatalf("got %q %q %v", name, params, err)
	}
}

func TestParseRefusesAndSaysWhat(t *testing.T) {
	for spec, part := range map[string]string{
		"":            `""`,
		"?a=b":        "backend's name",
		"l sm":        "backend's name",
		"LSM":         "backend's name",
		"lsm?":        "parameter's name",
		"lsm?=b":      "parameter's name",
		"lsm?a=b&":    "parameter's name",
		"lsm?a":       "write a=VALUE",
		"lsm?a=1&a=2": "a is set twice",
		"lsm?a=%zz":   "%zz",
		"lsm?%zz=a":   "%zz",
	} {
		if _, _, err := Parse(spec); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Parse(%q) = %v, want an error with %s", spec, err, part)
		}
	}
}

type kind uint8

type options struct {
	kind  kind
	fan   int
	on    bool
	block int64
	limit int
	every time.Duration
}

var table = []Param[options]{
	Enum("kind", "Kind of thing.", "a", []string{"a", "b"}, func(o *options) *kind { return &o.kind }),
	Int("fan", "Fan-out.", "8", 2, 64, func(o *options) *int { return &o.fan }),
	Bool("on", "On or off.", "false", func(o *options) *bool { return &o.on }),
	Size("block", "Block size.", "4KiB", 1024, 1<<20, func(o *options) *int64 { return &o.block }),
	AutoSize("limit", "Limit.", []string{"auto", "off"}, 16, 1<<20, func(o *options) *int { return &o.limit }),
	Duration("every", "Period.", "1s", time.Millisecond, time.Minute, func(o *options) *time.Duration { return &o.every }),
}

func TestApplySetsEveryShape(t *testing.T) {
	var o options
	_, params, err := Parse("x?kind=b&fan=16&on=true&block=64KiB&limit=off&every=250ms")
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(&o, params, table); err != nil {
		t.Fatal(err)
	}
	if want := (options{1, 16, true, 64 << 10, -1, 250 * time.Millisecond}); o != want {
		t.Fatalf("got %+v, want %+v", o, want)
	}
}

func TestApplyNamesEveryFaultWithWhatIsAllowed(t *testing.T) {
	_, params, err := Parse("x?kind=c&fan=65&on=yes&block=1&limit=4&every=2h&none=1")
	if err != nil {
		t.Fatal(err)
	}
	err = Apply(new(options), params, table)
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{
		"kind=c: unknown value; allowed: a, b",
		"fan=65: out of range; allowed: 2 to 64",
		"on=yes: neither true nor false; allowed: true, false",
		"block=1: out of range; allowed: 1KiB to 1MiB",
		"limit=4: out of range; allowed: auto, off, 16B to 1MiB",
		"every=2h: out of range; allowed: 1ms to 1m0s",
		"unknown parameter none; allowed: kind, fan, on, block, limit, every",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %q:\n%v", part, err)
		}
	}
	for _, bad := range []string{"fan=x", "fan=1", "block=1.5KiB", "every=soon"} {
		_, params, _ := Parse("x?" + bad)
		if Apply(new(options), params, table) == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	if err := Apply(new(options), params, nil); err == nil || !strings.Contains(err.Error(), "has none") {
		t.Errorf("without a table: %v", err)
	}
}

func TestDefaultsAreAllowedValues(t *testing.T) {
	for _, p := range table {
		if err := p.Set(new(options), p.Default); err != nil {
			t.Errorf("%s=%s: %v", p.Name, p.Default, err)
		}
	}
}

func TestSizesRoundTrip(t *testing.T) {
	for n, s := range map[int64]string{
		0: "0B", 1: "1B", 1000: "1000B", 1024: "1KiB", 1536: "1536B", 64 << 20: "64MiB", 3 << 30: "3GiB",
		math.MaxInt64: "9223372036854775807B",
	} {
		if got := FormatSize(n); got != s {
			t.Errorf("FormatSize(%d) = %s, want %s", n, got, s)
		}
		if got, err := ParseSize(s); got != n || err != nil {
			t.Errorf("ParseSize(%s) = %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "B", "-1", "+1", "1.5KiB", "1KB", "1 KiB", "9000000000GiB", "9223372036854775808"} {
		if n, err := ParseSize(s); err == nil {
			t.Errorf("ParseSize(%q) = %d", s, n)
		}
	}
	if n, err := ParseSize("512"); n != 512 || err != nil {
		t.Errorf("ParseSize(512) = %d, %v", n, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"lsm", "lsm?a=b&c=d", "lsm?a=%26", "lsm?a", "lsm?a=1&a=2", "?", "lsm?=&"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, params, err := Parse(s)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		again, sep := name, "?"
		for _, kv := range params {
			if kv.Name == "" || seen[kv.Name] {
				t.Fatalf("Parse(%q) let through %q", s, params)
			}
			seen[kv.Name] = true
			again += sep + url.QueryEscape(kv.Name) + "=" + url.QueryEscape(kv.Value)
			sep = "&"
		}
		name2, params2, err := Parse(again)
		if err != nil || name2 != name || !reflect.DeepEqual(params2, params) {
			t.Fatalf("Parse(%q) = %q %q %v, but was made from %q %q", again, name2, params2, err, name, params)
		}
	})
}
