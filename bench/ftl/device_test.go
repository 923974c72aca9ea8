package ftl

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// drive makes calls that the bytes of script describe, and checks the device
// against a plain record of what is mapped.
func drive(t *testing.T, c Config, script []byte) {
	t.Helper()
	d := newTestDevice(t, c)
	mapped := make([]bool, c.LogicalPages)
	var want Counters
	for i := 0; i+2 < len(script); i += 3 {
		page := int64(script[i]) % c.LogicalPages
		n := min(1+int64(script[i+1])%4, c.LogicalPages-page)
		trim := script[i+2]%4 == 0
		if trim {
			d.Trim(page, n)
		} else {
			d.Write(page, n)
			want.Host += n
		}
		for p := page; p < page+n; p++ {
			if trim && mapped[p] {
				want.Trimmed++
			}
			mapped[p] = !trim
		}
		if err := d.Check(); err != nil {
			t.Fatalf("%+v, call %d: %v", c, i/3, err)
		}
	}
	all := int64(0)
	for p, is := range mapped {
		if is {
			all++
		}
		if is != (d.mapped[p] != nowhere) {
			t.Fatalf("%+v: page %d: mapped is %v", c, p, !is)
		}
	}
	got := d.Counters()
	if all != d.Mapped() || got.Host != want.Host || got.Trimmed != want.Trimmed {
		t.Fatalf("%+v: %d pages mapped and counters %+v, not %d and %+v", c, d.Mapped(), got, all, want)
	}
}

func everyConfig(pages int64, per int, spare float64) []Config {
	var all []Config
	for gc := range policies {
		for streams := 1; streams <= 3; streams++ {
			all = append(all, Config{BlockPages: per, LogicalPages: pages, Spare: spare, GC: gc, Streams: streams})
		}
	}
	return all
}

func TestTheInvariantsHoldWhateverIsWritten(t *testing.T) {
	r := rand.NewPCG(3, 4)
	script := make([]byte, 3000)
	for _, pages := range []int64{1, 7, 64, 200} {
		for _, per := range []int{2, 8, 64} {
			for i := range script {
				script[i] = byte(r.Uint64())
			}
			for _, c := range everyConfig(pages, per, 0.01) {
				drive(t, c, script)
			}
		}
	}
}

func FuzzDevice(f *testing.F) {
	f.Add(byte(0), byte(1), []byte("aaabbbcccdddeeefff"))
	f.Add(byte(40), byte(6), []byte{0, 3, 1, 0, 3, 1, 0, 3, 4})
	f.Fuzz(func(t *testing.T, pages, per byte, script []byte) {
		for _, c := range everyConfig(1+int64(pages), 2+int(per%32), 0.07) {
			drive(t, c, script)
		}
	})
}

// Check is worth something only if it sees what is broken.
func TestCheckFindsEachBrokenInvariant(t *testing.T) {
	for id, harm := range map[string]func(*Device){
		"A1": func(d *Device) { d.mapped[3], d.mapped[4] = d.mapped[4], d.mapped[3] },
		"A2": func(d *Device) { d.blocks[d.mapped[3]/d.per].valid-- },
		"A3": func(d *Device) { d.open[0] = nowhere },
		"A5": func(d *Device) { d.count.Relocated++ },
		"A6": func(d *Device) {
			for _, n := range d.free {
				d.blocks[n].filled = d.per
			}
			d.free = nil
		},
		"A7": func(d *Device) { d.queues.least = d.per },
	} {
		d := newTestDevice(t, Config{BlockPages: 8, LogicalPages: 100})
		r := rand.NewPCG(5, 6)
		for range 500 {
			d.Write(below(r, 100), 1)
		}
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
		harm(d)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), id+":") {
			t.Errorf("%s was broken, and Check says: %v", id, err)
		}
	}
}

func TestSequentialOverwritesCostNothing(t *testing.T) {
	for _, c := range everyConfig(64*32, 32, 0.07) {
		d := newTestDevice(t, c)
		for range 5 {
			d.Write(0, c.LogicalPages)
		}
		if got := d.Counters(); got.Relocated != 0 {
			t.Errorf("%+v: counters %+v", c, got)
		}
	}
}

// overwriteSkewed sends nine in ten writes to a tenth of the pages.
func overwriteSkewed(t *testing.T, gc Policy, streams int) float64 {
	c := Config{BlockPages: 64, LogicalPages: 256 * 64, Spare: 0.07, GC: gc, Streams: streams}
	d := newTestDevice(t, c)
	r := rand.NewPCG(1, 2)
	d.Write(0, c.LogicalPages)
	hot := c.LogicalPages / 10
	return steady(t, d, 4, 4, func() {
		if below(r, 10) > 0 {
			d.Write(below(r, hot), 1)
		} else {
			d.Write(hot+below(r, c.LogicalPages-hot), 1)
		}
	})
}

// What the streams and the policy are for: where some pages are hot, each step
// towards keeping pages of one lifetime together lowers the amplification.
func TestKeepingHotAndColdApartPays(t *testing.T) {
	one := overwriteSkewed(t, Greedy, 1)
	two := overwriteSkewed(t, Greedy, 2)
	three := overwriteSkewed(t, Greedy, 3)
	benefit := overwriteSkewed(t, CostBenefit, 3)
	if !(two < 0.9*one && three < two && benefit < 0.75*three) {
		t.Errorf("greedy with 1, 2 and 3 streams %.2f, %.2f, %.2f; cost-benefit with 3 %.2f", one, two, three, benefit)
	}
}

func TestWritingAllocatesNothing(t *testing.T) {
	for _, c := range everyConfig(64*64, 64, 0.07) {
		d := newTestDevice(t, c)
		r := rand.NewPCG(1, 2)
		d.Write(0, c.LogicalPages)
		allocs := testing.AllocsPerRun(100, func() {
			for range 20 {
				d.Write(below(r, c.LogicalPages), 1)
			}
			d.Trim(below(r, c.LogicalPages), 1)
		})
		if allocs != 0 {
			t.Errorf("%+v: %v allocations", c, allocs)
		}
	}
}

func TestImpossibleDevicesAreRefused(t *testing.T) {
	for want, c := range map[string]Config{
		"0 logical pages":                  {},
		"-1 bytes a page":                  {PageBytes: -1, LogicalPages: 1},
		"1 pages a block":                  {BlockPages: 1, LogicalPages: 1},
		"spare factor -0.1":                {Spare: -0.1, LogicalPages: 1},
		"spare factor NaN":                 {Spare: math.NaN(), LogicalPages: 1},
		"unknown policy 9":                 {GC: 9, LogicalPages: 1},
		"4 streams":                        {Streams: 4, LogicalPages: 1},
		"physical pages are more than the": {LogicalPages: 1 << 40},
	} {
		if _, err := NewDevice(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v", c, err)
		}
	}
}

// In the steady state a block that is collected first-in first-out has seen
// a(1-p) writes for each logical page since it was filled, p being the share of its pages that
// is still valid: so p = e^(-a(1-p)), and A = 1/(1-p).
func TestTheClosedFormSolvesItsEquation(t *testing.T) {
	for _, spare := range []float64{0.001, 0.01, 0.07, 0.15, 0.28, 0.3, 1, 3, 16} {
		amplification := RandomAmplification(spare)
		p := 1 - 1/amplification
		if amplification <= 1 || math.Abs(p-math.Exp(-(1+spare)*(1-p))) > 1e-12 {
			t.Errorf("spare %v: amplification %v", spare, amplification)
		}
	}
}
