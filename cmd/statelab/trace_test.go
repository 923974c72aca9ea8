package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/trace"
)

// mustRun runs the command, which must succeed, and returns what it printed.
func mustRun(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	code, stdout, stderr := runs(args...)
	if code != exitDone {
		t.Fatalf("statelab %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

func TestARecordedTraceIsReplayedOnEveryEngine(t *testing.T) {
	t.Chdir(t.TempDir())
	record := append([]string{"trace", "record", "-workload", "J1s", "-backend", "skiplist", "-o", "rides.trace"}, small[:12]...)
	said := mustRun(t, record...)
	info := mustRun(t, "trace", "info", "rides.trace")
	var s trace.Summary
	if err := json.Unmarshal([]byte(mustRun(t, "trace", "info", "-format", "json", "rides.trace")), &s); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(said, "rides.trace: ") || !strings.HasSuffix(said, "answers "+s.Answers+"\n") || !strings.Contains(info, "recorded from J1s on skiplist, seed 1") ||
		s.Calls.Get == 0 || s.Calls.Probe == 0 || s.Warm == 0 || s.Header.Prefix == "" {
		t.Errorf("record says %sinfo says\n%s\nand as JSON %+v", said, info, s)
	}
	table := mustRun(t, "trace", "replay", "rides.trace", "-backends", "lsm?memory=1MiB,btree?memory=1MiB,skiplist", "-watch", "none", "-memory-limit", "none", "-o", "results")
	results, err := bench.LoadResults("results")
	if err != nil || len(results) != 3 {
		t.Fatalf("error %v, %d results", err, len(results))
	}
	for _, r := range results {
		if r.Workload != "trace:rides.trace" || r.Metrics["output_checksum"] != results[0].Metrics["output_checksum"] ||
			r.Metrics["events"].Value != float64(s.Records-s.Warm) || !strings.Contains(table, r.Backend) {
			t.Errorf("%s on %s: %v\n%s", r.Workload, r.Backend, r.Metrics["events"], table)
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil || len(entries) != 2 {
		t.Errorf("error %v, files %v", err, entries)
	}
}

const someOps = "time,op,key,size,ttl\n1000,put,a,100,5000\n2000,get,a,,\n3000,get,b,,\n9000,advance,,,\n9000,get,a,,\n10000,sync,,,\n"

func TestAnImportedTraceIsReplayedAtItsOwnSpeed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("ops.csv", []byte(someOps), 0o644); err != nil {
		t.Fatal(err)
	}
	want := "ops.csv: 6 lines, advance 1, get 3, put 1, sync 1; 0 late\nops.trace: 6 records in "
	if said := mustRun(t, "trace", "import", "-format", "csv", "ops.csv", "-o", "ops.trace"); !strings.HasPrefix(said, want) {
		t.Errorf("import says %s", said)
	}
	mustRun(t, "trace", "replay", "ops.trace", "-backends", "skiplist", "-speed", "0.5", "-set", "warm_records=1", "-watch", "none", "-memory-limit", "none", "-o", "results")
	results, err := bench.LoadResults("results")
	if err != nil || len(results) != 1 {
		t.Fatalf("error %v, %d results", err, len(results))
	}
	// 6 records within 9 ms, at half that speed.
	r := results[0].Settings
	if r.Arrival != bench.ArrivalRecorded || r.Rate < 333 || r.Rate > 334 || r.Knobs["warm_records"] != 1 {
		t.Errorf("settings %+v", r)
	}
	if elapsed := results[0].Metrics["elapsed_s"].Value; elapsed < 0.016 {
		t.Errorf("8 ms at half the speed took %v s", elapsed)
	}
}

func TestBadInputToTraceIsAnsweredWithOneLine(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{"ops.csv": someOps, "bad.csv": "op,key\nget,a\nfetch,b\n"} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, "trace", "import", "-format", "csv", "ops.csv", "-o", "whole")
	whole, err := os.ReadFile("whole")
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	for name, content := range map[string][]byte{"short": whole[:len(whole)-3], "damaged": damaged} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"trace":                                          "statelab trace: 0 arguments; usage: statelab trace record|info|import|replay ...",
		"trace shred x":                                  `statelab trace: unknown subcommand "shred"; usage: statelab trace record|info`,
		"trace record":                                   "statelab trace record: -o names the file to write, and is missing",
		"trace record -o none/x":                         "statelab trace record: -o: none is no directory",
		"trace record -o .":                              "statelab trace record: -o: . is a directory",
		"trace record -o x -workload J99":                `statelab trace record: unknown workload "J99"`,
		"trace record -o x -backend nosuch":              `statelab trace record: backend spec "nosuch"`,
		"trace record -o x -codec lzw":                   `statelab trace record: -codec: unknown compression "lzw"; one of`,
		"trace record -o x -set live=0":                  "statelab trace record: -set: workload J1s: live is 0",
		"trace info":                                     "statelab trace info: 0 arguments; usage: statelab trace info FILE",
		"trace info none":                                "statelab trace info: open none: no such file",
		"trace info ops.csv":                             "statelab trace info: ops.csv: not a trace that can be read: it does not begin as a trace does",
		"trace info short":                               "statelab trace info: short is damaged at offset",
		"trace info damaged":                             "statelab trace info: damaged is damaged at offset",
		"trace info -format xml whole":                   `statelab trace info: -format is "xml", neither text nor json`,
		"trace import ops.csv -o x":                      `statelab trace import: -format: unknown format ""; one of`,
		"trace import -format csv ops.csv":               "statelab trace import: -o names the file to write",
		"trace import -format csv none -o x":             "statelab trace import: open none: no such file",
		"trace import -format csv bad.csv -o x":          `statelab trace import: bad.csv:3: op: "fetch" is none of get, put`,
		"trace import -format csv ops.csv -o x -set a=1": `statelab trace import: -set: format csv has no parameter "a"`,
		"trace import -format taxi ops.csv -o x":         "statelab trace import: ops.csv:1: 5 fields instead of 11",
		"trace replay":                                   "statelab trace replay: 0 arguments; usage: statelab trace replay FILE",
		"trace replay none":                              "statelab trace replay: open none: no such file",
		"trace replay short":                             "statelab trace replay: short is damaged at offset",
		"trace replay damaged":                           "statelab trace replay: ",
		"trace replay whole -workload J1s":               "statelab trace replay: -workload is of no use: the trace is the workload",
		"trace replay whole -speed -1":                   "statelab trace replay: -speed -1: it must be more than 0",
		"trace replay whole -speed 1 -rate 5":            "statelab trace replay: -speed stands for -rate and -arrival",
		"trace replay whole -set live=5":                 `statelab trace replay: -set: unknown knob "live"; one of warm_records`,
		"trace replay whole -set warm_records=6":         "statelab trace replay: -set: workload trace:whole: warm_records is 6, not within 0 and 5",
		"bench -workload J10 -rate 5 -arrival recorded":  "statelab bench: workload J10 has no recorded arrivals: only a trace has",
	} {
		code, stdout, stderr := runs(strings.Fields(line)...)
		last := stderr[strings.LastIndexByte(strings.TrimSuffix(stderr, "\n"), '\n')+1:]
		if code != exitUsage || stdout != "" || !strings.HasPrefix(last, want) {
			t.Errorf("statelab %s: exit code %d, stdout %q, stderr\n%swant exit code 2 and\n%s", line, code, stdout, stderr, want)
		}
	}
	after, err := os.ReadDir(".")
	if err != nil || len(after) != len(before) {
		t.Errorf("error %v, and bad usage has left files: %v", err, after)
	}
}

func TestHelpKnowsTheSubcommandsOfTrace(t *testing.T) {
	for _, c := range traceCommands() {
		code, help, stderr := runs("help", "trace", c.name)
		if code != exitDone || stderr != "" || !strings.HasPrefix(help, "usage: statelab trace "+c.name) {
			t.Errorf("help trace %s: exit code %d, stdout %q, stderr %q", c.name, code, help, stderr)
		}
		if !strings.Contains(traceDoc, "\n  "+c.name+" ") {
			t.Errorf("help trace does not list %s", c.name)
		}
	}
}

// The commands of docs/TRACES.md print what it shows.
func TestTheRealInputsAreImported(t *testing.T) {
	data := os.Getenv("STATELAB_DATA")
	if data == "" {
		t.Skip("STATELAB_DATA is not set: no real inputs to import (see docs/DATA.md)")
	}
	t.Chdir(t.TempDir())
	said := mustRun(t, "trace", "import", "-format", "jobs", filepath.Join(data, "borg_jobs.csv.gz"), "-o", "jobs.trace")
	if !strings.Contains(said, ": 26250 lines, EVICT 3, FAIL 160, FINISH 4738, KILL 3935, SCHEDULE 8705, SUBMIT 8709; 4169 late\n") {
		t.Errorf("import says %s", said)
	}
	mustRun(t, "trace", "replay", "jobs.trace", "-backends", "lsm,btree,skiplist", "-watch", "none", "-memory-limit", "none", "-o", "results")
}
