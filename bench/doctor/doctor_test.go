package doctor

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func tiny(dir string) Options { return Options{dir, 2 << 20, 1 << 20, time.Millisecond} }

func TestAMachineIsExamined(t *testing.T) {
	dir := t.TempDir()
	var parts []string
	r, err := Examine(context.Background(), tiny(dir), func(what string) { parts = append(parts, what) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(parts, []string{"noise", "clock", "memory", "disk", "abilities"}) {
		t.Errorf("parts %v", parts)
	}
	seen := map[string]bool{}
	for _, f := range slices.Concat(r.Limits, r.Noise) {
		if seen[f.Name] || f.Unit == "" || f.How == "" {
			t.Errorf("%+v is there twice, or does not say what it is", f)
		}
		seen[f.Name] = true
	}
	for _, f := range r.Limits {
		if !(f.Value > 0) && !strings.HasPrefix(f.Name, "sleep_late") {
			t.Errorf("%s is %v", f.Name, f.Value)
		}
	}
	for _, f := range r.Noise {
		if f.Value < 0 {
			t.Errorf("%s is %v", f.Name, f.Value)
		}
	}
	for _, g := range r.Missing {
		if seen[g.Name] || g.Why == "" {
			t.Errorf("%s is missing and is not, or nobody knows why: %q", g.Name, g.Why)
		}
		seen[g.Name] = true
	}
	for _, name := range []string{"clock_cost", "dram", "memcpy", "write_new", "write_over_direct", "append_fsync_p50", "loop_p95"} {
		if !seen[name] {
			t.Errorf("not a word of %s", name)
		}
	}
	for _, a := range r.Abilities {
		if !a.Can && a.Note == "" {
			t.Errorf("no word of why %s cannot be", a.Name)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("error %v, and it left %v", err, entries)
	}
	text := r.Text()
	for _, want := range []string{"limits\n", "noise now\n", "what can be measured\n", "Timings here are "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	encoded, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(encoded, &back); err != nil || !reflect.DeepEqual(&back, r) {
		t.Errorf("error %v, or another report:\n%s", err, encoded)
	}
}

func TestAnExaminationEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	if _, err := Examine(ctx, tiny(dir), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("error %v, and it left %v", err, entries)
	}
	if _, err := Examine(context.Background(), tiny(dir+"/nothing"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v of a directory that is not there", err)
	}
}

// A shorter cycle would fit a cache, and not show what memory costs.
func TestAChainLeadsThroughAllLines(t *testing.T) {
	mem := make([]byte, 1000*line)
	chain(mem)
	at, steps := uint64(0), 0
	for {
		at = binary.LittleEndian.Uint64(mem[at*line:])
		steps++
		if at == 0 || steps > 1000 {
			break
		}
	}
	if steps != 1000 {
		t.Errorf("back at the beginning after %d of 1000 lines", steps)
	}
}

func TestVerdictsFollowFromFigures(t *testing.T) {
	quiet := Report{
		Limits:    []Figure{{"write_new", 100, "MiB/s", ""}, {"write_over", 110, "MiB/s", ""}, {"append_fsync_p50", 250, "us", ""}, {"dram", 90, "ns", ""}},
		Noise:     []Figure{{"loop_p95", 1, "%", ""}, {"others", 2, "%", ""}},
		Abilities: []Ability{{counterAbility, true, ""}, {groupAbility, true, ""}, {dropAbility, true, ""}, {directAbility, true, ""}},
	}
	noisy := quiet
	noisy.Noise = []Figure{{"loop_p95", 1, "%", ""}, {"steal", 3, "%", ""}}
	noisy.Limits = []Figure{{"write_new", 100, "MiB/s", ""}, {"write_over", 400, "MiB/s", ""}}
	noisy.Abilities = []Ability{{counterAbility, false, "none"}, {cachegrindAbility, true, ""}}
	bare := Report{Noise: quiet.Noise}
	for _, c := range []struct {
		report    *Report
		want, not []string
		name      string
		verdicts  int
	}{
		{&quiet, []string{"Timings here are quiet", "counts its own cache misses", "compete fairly", "4000 batches", "takes 90.0 ns"}, []string{"times as fast", "O_DIRECT"}, "quiet", 5},
		{&noisy, []string{"Timings here are noisy now (the fixed loop varies by 1.00 %, the hypervisor took 3.00 %)", "-cpu-cache cachegrind", "Memory cannot be bounded", "Caches cannot be dropped", "4.0 times as fast", "Without O_DIRECT"}, []string{"batches"}, "noisy", 5},
		{&bare, []string{"install valgrind"}, []string{"batches", "takes"}, "bare", 4},
	} {
		got := verdicts(c.report)
		text := strings.Join(got, "\n")
		if len(got) != c.verdicts {
			t.Errorf("%s: %d verdicts:\n%s", c.name, len(got), text)
		}
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, text)
			}
		}
		for _, not := range c.not {
			if strings.Contains(text, not) {
				t.Errorf("%s: %q in\n%s", c.name, not, text)
			}
		}
	}
}
