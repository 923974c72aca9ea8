package doctor

import (
	"fmt"
	"strings"
)

// From where on timings are called noisy: the fixed loop varies by as much as one
// would act on, or others have a tenth of the machine.
const (
	noisyLoop   = 5  // % of loop_p95
	noisyOthers = 10 // %
	noisySteal  = 2  // %
)

// verdicts says what the figures mean for who measures here.
func verdicts(r *Report) []string {
	texts := []string{noiseVerdict(r), cacheVerdict(r), boundVerdict(r)}
	if fresh, ok := r.Find("write_new"); ok {
		if over, ok := r.Find("write_over"); ok && over.Value > 2*fresh.Value {
			texts = append(texts, fmt.Sprintf(
				"To overwrite a file is %.1f times as fast as to write a new one: files that are recycled pay off, and a benchmark must say which it does.",
				over.Value/fresh.Value))
		}
	}
	if sync, ok := r.Find("append_fsync_p50"); ok && sync.Value > 0 {
		texts = append(texts, fmt.Sprintf(
			"An append with fsync takes %s us: with durability always, one caller cannot apply more than %s batches a second.",
			number(sync.Value), number(1e6/sync.Value)))
	}
	if one, ok := r.Find("dram"); ok {
		texts = append(texts, fmt.Sprintf("A read that misses all caches takes %s ns now, as long as hundreds of instructions.", number(one.Value)))
	}
	if !r.can(directAbility) {
		texts = append(texts, "Without O_DIRECT the disk itself cannot be told from the page cache.")
	}
	return texts
}

func noiseVerdict(r *Report) string {
	var parts []string
	noisy := false
	for _, c := range []struct {
		figure, text string
		threshold    float64
	}{
		{"loop_p95", "the fixed loop varies by %s %%", noisyLoop},
		{"others", "others use %s %% of the processors", noisyOthers},
		{"steal", "the hypervisor took %s %%", noisySteal},
	} {
		if f, ok := r.Find(c.figure); ok {
			parts = append(parts, fmt.Sprintf(c.text, number(f.Value)))
			noisy = noisy || f.Value > c.threshold
		}
	}
	state := strings.Join(parts, ", ")
	if noisy {
		return "Timings here are noisy now (" + state + "): use counts (bytes, blocks, cachegrind), many repetitions and compare's intervals."
	}
	return "Timings here are quiet now (" + state + ")."
}

func cacheVerdict(r *Report) string {
	switch {
	case r.can(counterAbility):
		return "The processor counts its own cache misses: every bench run has them."
	case r.can(cachegrindAbility):
		return "The processor shows no counters: for cache misses use bench -cpu-cache cachegrind."
	}
	return "Nothing here counts cache misses: install valgrind, or use a machine whose processor shows its counters."
}

func boundVerdict(r *Report) string {
	bound := "Memory, page cache included, can be bounded: engines that live in the page cache compete fairly."
	if !r.can(groupAbility) {
		bound = "Memory cannot be bounded here: engines that live in the page cache have all of it, and their results are marked."
	}
	if !r.can(dropAbility) {
		bound += " Caches cannot be dropped before a run."
	}
	return bound
}
