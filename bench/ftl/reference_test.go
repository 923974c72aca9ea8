package ftl

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/vfs"
)

// below returns a number in [0, n).
func below(r *rand.PCG, n int64) int64 {
	hi, _ := bits.Mul64(r.Uint64(), uint64(n))
	return int64(hi)
}

func newTestDevice(t *testing.T, c Config) *Device {
	t.Helper()
	d, err := NewDevice(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// steady returns the amplification of what write sends once it has sent the
// device's capacity warm times, over as many again as measured says.
func steady(t *testing.T, d *Device, warm, measured int64, write func()) float64 {
	t.Helper()
	capacity := d.Config().LogicalPages
	send := func(pages int64) {
		for end := d.Counters().Host + pages; d.Counters().Host < end; {
			write()
		}
	}
	send(warm * capacity)
	before := d.Counters()
	send(measured * capacity)
	if err := d.Check(); err != nil {
		t.Error(err)
	}
	return d.Counters().Since(before).Amplification()
}

// overwriteAtRandom is the workload of the literature: a full device, of which
// the share live stays mapped and is overwritten uniformly at random.
func overwriteAtRandom(t *testing.T, c Config, live float64) float64 {
	d := newTestDevice(t, c)
	r := rand.NewPCG(1, 2)
	pages := int64(live * float64(c.LogicalPages))
	d.Write(0, c.LogicalPages)
	d.Trim(pages, c.LogicalPages-pages)
	return steady(t, d, 3, 3, func() { d.Write(below(r, pages), 1) })
}

// A wholeFiles workload makes files of one size and, once the device is as full as it says,
// removes one for each that it makes.
type wholeFiles struct {
	writers int  // files being made at the same time, each by turns at random
	oldest  bool // the oldest file dies, not one at random
	trim    bool
	place   Placement
	turn    int64 // pages that a writer writes and syncs at its turn
}

// Whole files are simulated in pages of 64 KiB: nothing smaller is ever written.
const (
	filePages  = 32  // 2 MiB
	halfMiB    = 8   // the usual turn of a writer
	superblock = 256 // 16 MiB
)

// run returns the amplification on a device of so many superblocks that is 85 % full.
func (w wholeFiles) run(t *testing.T, blocks int64) float64 {
	const pageBytes = 64 << 10
	d := newTestDevice(t, Config{PageBytes: pageBytes, BlockPages: superblock, LogicalPages: blocks * superblock})
	h, err := NewHost(HostConfig{Place: w.place, NoTrim: !w.trim}, d)
	if err != nil {
		t.Fatal(err)
	}
	if !w.trim {
		d.Write(0, d.Config().LogicalPages) // without discards no page stays unmapped for long
	}
	observe := func(op vfs.TraceOp) {
		op.Path = fmt.Sprint(op.File)
		if err := h.Observe(op); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.NewPCG(1, 2)
	limit := int(0.85*float64(d.Config().LogicalPages))/filePages - w.writers
	type progress struct {
		file  uint64
		pages int64
	}
	writers := make([]progress, w.writers)
	var files []uint64 // whole ones, the oldest first if that matters
	made := uint64(0)
	removeOne := func() {
		i := 0
		if !w.oldest {
			i = int(below(r, int64(len(files))))
		}
		observe(vfs.TraceOp{Op: vfs.OpRemove, File: files[i]})
		files = slices.Delete(files, i, i+1)
	}
	return steady(t, d, 5, 4, func() {
		p := &writers[below(r, int64(w.writers))]
		if p.pages%filePages == 0 {
			if p.file != 0 {
				files = append(files, p.file)
			}
			if len(files) > limit {
				removeOne()
			}
			made++
			*p = progress{file: made}
			observe(vfs.TraceOp{Op: vfs.OpCreate, File: p.file})
		}
		observe(vfs.TraceOp{Op: vfs.OpWrite, File: p.file, Offset: p.pages * pageBytes, Length: w.turn * pageBytes})
		observe(vfs.TraceOp{Op: vfs.OpSync, File: p.file})
		p.pages += w.turn
	})
}

// A comparison is a simulated figure beside the one to expect.
type comparison struct {
	what                string
	reference, simulate float64
}

// tolerance is how far a simulated figure may be from its reference.
const tolerance = 0.03

// The references are the closed form of Xiang and Kurkoski for first-in
// first-out collection, and for the rest steady states found with a simulator that shares
// no code with this one.

func compareOverwrites(t *testing.T, blocks int64) []comparison {
	var all []comparison
	for _, row := range []struct {
		spare  float64
		greedy [3]float64 // with 32, 128 and 256 pages a block
		fifo   float64
	}{
		{0.07, [3]float64{6.35, 7.39, 7.60}, 7.82},
		{0.15, [3]float64{3.61, 3.91, 3.96}, 4.02},
		{0.28, [3]float64{2.33, 2.44, 2.46}, 2.48},
		{0.30, [3]float64{2.23, 2.33, 2.35}, 2.37},
		{1.00, [3]float64{1.22, 1.25, 1.25}, 1.26},
	} {
		for i, per := range []int{32, 128, 256} {
			c := Config{BlockPages: per, LogicalPages: blocks * int64(per), Spare: row.spare}
			what := fmt.Sprintf("spare %.2f, greedy, %3d pages a block", row.spare, per)
			all = append(all, comparison{what, row.greedy[i], overwriteAtRandom(t, c, 1)})
		}
		c := Config{BlockPages: 256, LogicalPages: blocks * 256, Spare: row.spare, GC: FIFO}
		simulated := overwriteAtRandom(t, c, 1)
		all = append(all,
			comparison{fmt.Sprintf("spare %.2f, fifo,   256 pages a block", row.spare), row.fifo, simulated},
			comparison{fmt.Sprintf("spare %.2f, fifo,   closed form", row.spare), RandomAmplification(row.spare), simulated})
	}
	return all
}

func compareTrim(t *testing.T, blocks int64) []comparison {
	var all []comparison
	for _, row := range []struct{ live, reference float64 }{{0.9, 3.30}, {0.8, 2.17}, {0.7, 1.66}, {0.5, 1.20}} {
		c := Config{BlockPages: 256, LogicalPages: blocks * 256, Spare: 0.07}
		what := fmt.Sprintf("spare 0.07, greedy, %.0f %% mapped, the rest trimmed", 100*row.live)
		all = append(all, comparison{what, row.reference, overwriteAtRandom(t, c, row.live)})
	}
	return all
}

func compareWholeFiles(t *testing.T, blocks int64) []comparison {
	row := func(what string, reference float64, w wholeFiles) comparison {
		return comparison{"2 MiB files, " + what, reference, w.run(t, blocks)}
	}
	return []comparison{
		row("one at random dies, trim", 2.07, wholeFiles{1, false, true, FirstFit, halfMiB}),
		row("one at random dies, no trim", 4.19, wholeFiles{1, false, false, FirstFit, halfMiB}),
		row("one at random dies, 8 writers, trim", 2.25, wholeFiles{8, false, true, FirstFit, halfMiB}),
		row("one at random dies, 8 writers, no trim", 5.52, wholeFiles{8, false, false, FirstFit, halfMiB}),
		row("the oldest dies, trim", 1, wholeFiles{1, true, true, FirstFit, halfMiB}),
		row("the oldest dies, 8 writers, trim", 1, wholeFiles{8, true, true, FirstFit, halfMiB}),
		row("the oldest dies, no trim", 1, wholeFiles{1, true, false, FirstFit, halfMiB}),
		row("the oldest dies, 8 writers, no trim", 1, wholeFiles{8, true, false, FirstFit, halfMiB}),
	}
}

// varyWholeFiles shows what placement and turns do; there is no reference for it.
func varyWholeFiles(t *testing.T, blocks int64) []comparison {
	row := func(what string, w wholeFiles) comparison {
		return comparison{what: "2 MiB files, " + what, simulate: w.run(t, blocks)}
	}
	return []comparison{
		row("one at random dies, trim, next fit", wholeFiles{1, false, true, NextFit, halfMiB}),
		row("one at random dies, no trim, next fit", wholeFiles{1, false, false, NextFit, halfMiB}),
		row("one at random dies, 8 writers of 64 KiB, trim", wholeFiles{8, false, true, FirstFit, 1}),
		row("one at random dies, 8 writers of 64 KiB, no trim", wholeFiles{8, false, false, FirstFit, 1}),
		row("the oldest dies, 8 writers, no trim, next fit", wholeFiles{8, true, false, NextFit, halfMiB}),
	}
}

// referenceTable compares every figure, on devices of so many blocks.
func referenceTable(t *testing.T, random, whole int64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-60s %9s  %9s  %6s\n", "steady state of", "reference", "simulated", "off by")
	for _, c := range slices.Concat(compareOverwrites(t, random), compareTrim(t, random), compareWholeFiles(t, whole)) {
		off := c.simulate/c.reference - 1
		fmt.Fprintf(&b, "%-60s %9.2f  %9.2f  %+5.1f%%\n", c.what, c.reference, c.simulate, 100*off)
		if math.Abs(off) > tolerance {
			t.Errorf("%s: amplification %.3f, not within %v of %.2f", c.what, c.simulate, tolerance, c.reference)
		}
	}
	return b.String()
}

// The table of docs/FLASH.md is what this test prints (go test ./bench/ftl -run Reference -v).
func TestSteadyStatesAgreeWithTheReference(t *testing.T) {
	if testing.Short() {
		referenceTable(t, 256, 128)
		return
	}
	table := referenceTable(t, 512, 256)
	for _, c := range varyWholeFiles(t, 256) {
		table += fmt.Sprintf("%-60s %9s  %9.2f\n", c.what, "-", c.simulate)
	}
	t.Logf("amplification\n%s", table)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "FLASH.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table) {
		t.Errorf("docs/FLASH.md does not hold this table:\n%s", table)
	}
}
