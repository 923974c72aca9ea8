package pipeline

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
)

func noEnv(string) (string, bool) { return "", false }

const complete = `
name:   rides
left:   {file: "${DATA}/rides.csv.gz", format: csv, columns: [ride, event, at, other], where: {event: START, other: 06},
         key: [ride, other], time: at, time_format: "2006-01-02 15:04:05", from: 2024-05-01, to: 2024-05-01T01:00:00+01:00, max_disorder: 10s}
right:
  file: clicks.jsonl
  key: [id, 7]
  time: ts
  time_format: unix_ms
  max_disorder: unbounded
join:   {kind: left_outer, lower: -1s, upper: 20m, late: {side: late.jsonl}, bad: {side: bad.jsonl}, emit: watermark, negatives: {keep: 0.1, seed: 42}}
state:  {backend: "lsm?compaction=window", dir: state, memory: 64MiB, durability: interval, checkpoint_every: 10s, partitions: 1}
output: {file: samples.jsonl, format: jsonl}
`

func TestEveryFieldIsRead(t *testing.T) {
	env := func(name string) (string, bool) { return "/data", name == "DATA" }
	got, err := Parse("p.yaml", []byte(complete), env)
	if err != nil {
		t.Fatal(err)
	}
	want := &Definition{
		Name: "p.yaml", Title: "rides",
		Inputs: [2][]Input{
			{{Config: source.Config{
				File: "/data/rides.csv.gz", Format: source.CSV, Columns: []string{"ride", "event", "at", "other"},
				Where: []source.Condition{{Column: "event", Value: "START"}, {Column: "other", Value: "06"}},
				Key:   []string{"ride", "other"}, Time: "at", TimeFormat: "2006-01-02 15:04:05",
				From: 1714521600e6, To: 1714521600e6,
			}}},
			{{Config: source.Config{File: "clicks.jsonl", Key: []string{"id", "7"}, Time: "ts", TimeFormat: source.UnixMS}}},
		},
		Spec: join.Spec{
			Kind: join.LeftOuter, Lower: -time.Second, Upper: 20 * time.Minute,
			MaxDisorder: [2]time.Duration{10 * time.Second, join.Unbounded},
			Negatives:   join.Negatives{Keep: 0.1, Seed: 42},
		},
		Late: "late.jsonl", Bad: "bad.jsonl",
		State: State{
			Backend: "lsm?compaction=window", Dir: "state", Memory: 64 << 20,
			Durability: statelab.DurabilityInterval, CheckpointEvery: 10 * time.Second, Partitions: 1,
		},
		Output: "samples.jsonl", Format: source.JSONL,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

// TestTheReferenceNamesEveryField asks the parser for the fields.
func TestTheReferenceNamesEveryField(t *testing.T) {
	for _, text := range []string{"x: 1", "left: {x: 1}", "join: {x: 1}", "join: {negatives: {x: 1}}", "join: {late: {x: 1}}", "state: {x: 1}", "output: {x: 1}"} {
		_, err := Parse("p.yaml", []byte(text), noEnv)
		if err == nil {
			t.Fatal(text)
		}
		_, fields, ok := strings.Cut(err.Error(), "; there are ")
		if !ok {
			t.Fatal(err)
		}
		for _, field := range strings.Split(fields, ", ") {
			if !regexp.MustCompile(`\b` + field + `\b`).MatchString(Reference) {
				t.Errorf("%s of %q is not in the reference", field, text)
			}
		}
	}
}

const minimal = `left: {file: a.csv, key: id, time: at, time_format: unix_s}
right: {file: b.csv, key: id, time: at, time_format: unix_s}
join: {kind: inner, upper: 1m}
output: {file: out.jsonl}
`

func TestDefaults(t *testing.T) {
	got, err := Parse("p.yaml", []byte(minimal), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	side := func(file string) []Input {
		return []Input{{Config: source.Config{File: file, Key: []string{"id"}, Time: "at", TimeFormat: source.UnixS}}}
	}
	want := &Definition{
		Name: "p.yaml", Inputs: [2][]Input{side("a.csv"), side("b.csv")},
		Spec:   join.Spec{Kind: join.Inner, Upper: time.Minute},
		State:  State{Backend: "lsm"},
		Output: "out.jsonl",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

func TestEveryKindIsRead(t *testing.T) {
	second := time.Second
	for text, want := range map[string]join.Spec{
		"{kind: tumbling, window: 10s}":                {Kind: join.Tumbling, Window: 10 * second},
		"{kind: regular, ttl: 10s}":                    {Kind: join.Regular, TTL: [2]time.Duration{10 * second, 10 * second}},
		"{kind: regular, ttl: {left: 1s, right: 24h}}": {Kind: join.Regular, TTL: [2]time.Duration{second, 24 * time.Hour}},
		"{kind: temporal}":                             {Kind: join.Temporal},
		"{ttl: 1h, kind: temporal}":                    {Kind: join.Temporal, TTL: [2]time.Duration{0, time.Hour}},
		"{kind: dedup}":                                {Kind: join.Dedup},
		"{kind: dedup, keep: last, window: 1s}":        {Kind: join.Dedup, Keep: join.KeepLast, Window: second},
		"{kind: session, gap: 30m}":                    {Kind: join.Session, Gap: 30 * time.Minute},
	} {
		lines := strings.SplitAfter(minimal, "\n")
		lines[2] = "join: " + text + "\n"
		if want.Kind.Inputs() == 1 {
			lines[1] = ""
		}
		got, err := Parse("p.yaml", []byte(strings.Join(lines, "")), noEnv)
		if err == nil {
			err = got.Validate()
		}
		if err != nil || !reflect.DeepEqual(got.Spec, want) {
			t.Errorf("%s: %v, %+v", text, err, got)
		}
	}
}

func TestHowLateEventsMayBe(t *testing.T) {
	for text, want := range map[string]join.Spec{
		"drop":                                {},
		"corrections":                         {Correct: true, Lateness: 70 * time.Second},
		"{corrections: 5s}":                   {Correct: true, Lateness: 5 * time.Second},
		"{corrections: 0s, side: late.jsonl}": {Correct: true},
	} {
		got, err := Parse("p.yaml", []byte(strings.Replace(minimal, "upper: 1m", "late: "+text+", lower: -10s, upper: 1m, emit: on_match", 1)), noEnv)
		if err != nil {
			t.Fatal(err)
		}
		want.Kind, want.Lower, want.Upper, want.Emit = join.Inner, -10*time.Second, time.Minute, join.OnMatch
		if !reflect.DeepEqual(got.Spec, want) || (got.Late != "") != strings.Contains(text, "side") {
			t.Errorf("%s: %+v", text, got.Spec)
		}
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	text := `
left: &side {file: a.csv, key: id, time: at, time_format: unix_s, where: {event: START}}
right:
  <<: *side
  where: {event: END}
join: {kind: inner, upper: 1m}
output: {file: out.jsonl}
`
	got, err := Parse("p.yaml", []byte(text), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	left, right := got.Inputs[0][0], got.Inputs[1][0]
	if left.File != right.File || left.Where[0].Value != "START" || len(right.Where) != 1 || right.Where[0].Value != "END" {
		t.Errorf("%+v\n%+v", left, right)
	}
}

// TestFaultsAreNamedWithLineAndField replaces one line of minimal.
func TestFaultsAreNamedWithLineAndField(t *testing.T) {
	const left, right, joins, output = 0, 1, 2, 3
	for _, c := range []struct {
		line       int
		text, want string
	}{
		{left, "left: {fil: a.csv}", `p.yaml:1: left: unknown field "fil"; there are columns, file, follow, format, from, idle, key, max_disorder, time, time_format, to, where`},
		{left, "lefty: {}", `p.yaml:1: unknown field "lefty"; there are join, left, name, output, right, state`},
		{left, "", "p.yaml: no left"},
		{left, "left: a.csv", `p.yaml:1: left: want a mapping, such as {a: b}, not "a.csv"`},
		{left, "left:", "p.yaml:1: left: want a mapping, such as {a: b}, not nothing"},
		{left, "left: {key: id, time: at}", "p.yaml:1: left: no file"},
		{left, "left: {file: a.csv, time: at}", "p.yaml:1: left: no key"},
		{left, "left: {file: a.csv, key: [], time: at}", "p.yaml:1: left.key: is empty"},
		{left, "left: {file: a.csv, key: [{a: b}], time: at}", "p.yaml:1: left.key: want a value, not a mapping"},
		{left, "left: {file: [], key: id, time: at}", "p.yaml:1: left.file: is empty"},
		{left, "left: {file: '', key: id, time: at}", "p.yaml:1: left.file: is empty"},
		{left, "left: {file: '${X}/a.csv', key: id, time: at}", "p.yaml:1: left.file: the environment variable X is not set"},
		{left, "left: {file: a.csv, format: xml, key: id, time: at}", `p.yaml:1: left.format: unknown format "xml"; there are [csv jsonl parquet]`},
		{left, "left: {file: a.csv, key: id, time: at, time_format: yyyy}", `p.yaml:1: left.time_format: "yyyy" is neither unix_s, unix_ms, unix_us nor a Go layout such as "2006-01-02 15:04:05"`},
		{left, "left: {file: a.csv, key: id, time: at, max_disorder: 10}", `p.yaml:1: left.max_disorder: "10" is not a duration such as 10s, 1h30m or -5m`},
		{left, "left: {file: a.csv, where: {a: }, key: id, time: at}", "p.yaml:1: left.where.a: want a value, not nothing"},
		{left, "left: {file: a.csv, key: id, time: at}", "p.yaml: left: no time_format"},
		{left, "left: {file: a.parquet, columns: [id], key: id, time: at}", "p.yaml: left.columns: a parquet file names its own"},
		{left, "left: {file: a.csv, key: [id, at], time: at, time_format: unix_s}", "p.yaml: left.key has 2 columns and right.key 1"},
		{left, "left: {file: out.jsonl, key: id, time: at, time_format: unix_s}", "p.yaml: output.file: out.jsonl is the left input"},
		{left, "left: *x", "p.yaml:1: no anchor &x stands before *x"},
		{left, "left: {file: a.csv, file: b.csv}", "p.yaml:1: "},
		{left, "left: {file: a.csv", "p.yaml:"},
		{joins, "join: {kind: hopping, upper: 1m}", `p.yaml:3: join.kind: "hopping" is not available; there are [left_outer inner tumbling regular temporal dedup session three_way]`},
		{joins, "join: {upper: 1m}", "p.yaml:3: join: no kind"},
		{joins, "join: {kind: inner}", "p.yaml:3: join: no upper"},
		{joins, "join: {kind: inner, uper: 1m}", `p.yaml:3: join: unknown field "uper"`},
		{joins, "join: {kind: inner, lower: 2m, upper: 1m}", "p.yaml: join: lower 2m0s is above upper 1m0s"},
		{joins, "join: {kind: inner, upper: 1ns}", "p.yaml: join: upper 1ns is not a whole number of microseconds"},
		{joins, "join: {kind: inner, upper: 1m, emit: always}", `p.yaml:3: join.emit: "always" is not available; there are watermark and on_match`},
		{output, "state: {batch: 0}\noutput: {file: a.jsonl}", `p.yaml:4: state.batch: "0" is not a whole number from 1 to 65536`},
		{output, "state: {batch: 10}\noutput: {file: a.jsonl}", `p.yaml: state.batch: join: kind inner emitted on watermark does not ask for single records, so none can be asked for together`},
		{joins, "join: {kind: inner, upper: 1m, bad: drop}", `p.yaml:3: join.bad: "drop" is not available; there are stop and {side: FILE}`},
		{left, "left: {file: a.csv, key: id, time: at, from: soon}", `p.yaml:1: left.from: "soon" is not a time such as 2024-05-01, 2024-05-01 08:00:00 or 2024-05-01T08:00:00Z`},
		{left, "left: {file: a.csv, key: id, time: at, time_format: unix_s, from: 2024-05-01}", `p.yaml: left: from is after to, or to is missing`},
		{joins, "join: {kind: tumbling, upper: 1m}", `p.yaml:3: join: unknown field "upper"; there are bad, kind, late, window`},
		{joins, "join: {kind: tumbling}", "p.yaml:3: join: no window"},
		{joins, "join: {kind: tumbling, window: 0s}", "p.yaml: join: kind tumbling needs a window"},
		{joins, "join: {kind: regular, ttl: {left: 1s}}", "p.yaml:3: join.ttl: no right"},
		{joins, "join: {kind: temporal, ttl: {left: 1s, right: 1s}}", `p.yaml:3: join.ttl: unknown field "left"; there are right`},
		{joins, "join: {kind: temporal, late: corrections}", "p.yaml: join: kind temporal has no corrections"},
		{joins, "join: {kind: session, gap: 1s}", "p.yaml: right: kind session has one input, left"},
		{joins, "join: {kind: dedup, keep: best}", `p.yaml:3: join.keep: "best" is not available; there are first and last`},
		{right, "", "p.yaml: no right"},
		{joins, "join: {kind: inner, upper: 1m, late: keep}", `p.yaml:3: join.late: "keep" is not available; there are drop, corrections, {side: FILE} and {corrections: DURATION}`},
		{joins, "join: {kind: inner, upper: 1m, late: {file: x}}", `p.yaml:3: join.late: unknown field "file"; there are corrections, side`},
		{joins, "join: {kind: inner, upper: 1m, late: {}}", "p.yaml:3: join.late: neither side nor corrections"},
		{joins, "join: {kind: inner, upper: 1m, late: {corrections: -1s}}", "p.yaml: join: lateness -1s is negative"},
		{joins, "join: {kind: inner, upper: 1m, late: {side: out.jsonl}}", "p.yaml: join.late.side: out.jsonl is output.file"},
		{joins, "join: {kind: left_outer, upper: 1m, negatives: {keep: 0}}", `p.yaml:3: join.negatives.keep: "0" is not a share, above 0 and at most 1`},
		{joins, "join: {kind: left_outer, upper: 1m, negatives: {keep: 1, seed: -1}}", `p.yaml:3: join.negatives.seed: "-1" is not a whole number`},
		{joins, "join: {kind: inner, upper: 1m, negatives: {keep: 0.5}}", "p.yaml: join: kind inner emits no negatives"},
		{output, "output: {file: out.csv}", "p.yaml: output.file: out.csv: csv output is not available; JSON lines are, and parquet for samples"},
		{output, "output: {file: out.parquet.gz}", "p.yaml: output.file: out.parquet.gz: a parquet file is compressed by itself, page by page; leave the suffix out"},
		{joins, "join: {kind: inner, upper: 1m, late: {side: late.jsonl.zst}}", "p.yaml: join.late.side: late.jsonl.zst: only samples can be compressed"},
		{output, "output: {file: out, format: csv}", `p.yaml:4: output.format: "csv" is not available; there are jsonl and parquet`},
		{output, "output: {}", "p.yaml: output: no file"},
		{output, "", "p.yaml: output: no file"},
		{output, "output: {file: x}\nstate: {partitions: 0}", `p.yaml:5: state.partitions: "0" is not a whole number from 1 to 1024`},
		{output, "output: {file: x}\nstate: {memory: 1KiB}", "p.yaml:5: state.memory: 1KiB is less than the least of 64KiB"},
		{output, "output: {file: x}\nstate: {memory: lots}", `p.yaml:5: state.memory: "lots" is not a size such as 512, 64KiB or 1GiB`},
		{output, "output: {file: x}\nstate: {durability: some}", `p.yaml:5: state.durability: unknown durability "some"`},
		{output, "output: {file: x}\nstate: {checkpoint_every: 0s}", "p.yaml:5: state.checkpoint_every: 0s is less than a microsecond"},
		{output, "output: {file: '-'}\nstate: {dir: s}", "p.yaml: state.dir: standard output cannot be taken back after a restart"},
		{output, "output: {file: x}\n---\na: b", "p.yaml:6: a second document"},
	} {
		lines := strings.SplitAfter(minimal, "\n")
		lines[c.line] = c.text + "\n"
		def, err := Parse("p.yaml", []byte(strings.Join(lines, "")), noEnv)
		if err == nil {
			err = def.Validate()
		}
		var input *InputError
		if !errors.As(err, &input) || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s:\n%v, want\n%s", c.text, err, c.want)
		}
	}
	for _, text := range []string{"", "# nothing\n"} {
		if _, err := Parse("p.yaml", []byte(text), noEnv); err == nil || err.Error() != "p.yaml: is empty" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzDefinitionsNeverPanic(f *testing.F) {
	f.Add([]byte(complete))
	f.Add([]byte(minimal))
	f.Add([]byte("left: &a {<<: *a}\nright: *a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		def, err := Parse("p.yaml", text, noEnv)
		if err == nil {
			err = def.Validate()
		}
		var input *InputError
		if err != nil && !errors.As(err, &input) {
			t.Errorf("%v is not an InputError", err)
		}
	})
}
