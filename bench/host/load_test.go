package host

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// loadOf returns a load made of such text as the kernel writes.
func loadOf(t *testing.T, at time.Time, stat, pressure string, kernel int64) *Load {
	t.Helper()
	l := &Load{at: at, kernel: kernel}
	l.cpu, l.cpuKnown = parseStat([]byte(stat))
	l.pressure[Disk] = parsePressure([]byte(pressure))
	return l
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// Of 1000 ticks 40 were stolen and 500 busy: 300 of this process, 50 of kernel
// threads, so 150 of others.
func TestWhatOthersDidIsToldApart(t *testing.T) {
	start := time.Unix(1000, 0)
	before := loadOf(t, start, "cpu  100 0 0 100 0 0 0 0 7 7\ncpu0 1\n", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\nfull total=9\n", 10)
	after := loadOf(t, start.Add(5*time.Second), "cpu  300 100 100 500 60 50 50 40 9 9\n", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\n", 60)
	if v, ok := after.Steal(before); !ok || !near(v, 0.04) {
		t.Errorf("steal %v, known %v", v, ok)
	}
	if v, ok := after.Others(before, 3*time.Second); !ok || !near(v, 0.15) {
		t.Errorf("others %v, known %v", v, ok)
	}
	if v, ok := after.Pressure(before, Disk); !ok || !near(v, 0.2) {
		t.Errorf("pressure %v, known %v", v, ok)
	}
	// Counters are not read at one instant, so that a busy process may seem to have used all and more.
	if v, ok := after.Others(before, time.Hour); !ok || v != 0 {
		t.Errorf("others %v, known %v", v, ok)
	}
}

func TestALoadThatIsNotToldIsUnknown(t *testing.T) {
	now := time.Now()
	whole := loadOf(t, now, "cpu 1 1 1 1 1 1 1 1 1 1", "some total=5", 0)
	for _, stat := range []string{"", "cpu 1 1 1 1 1 1 1", "cpu 1 1 1 1 x 1 1 1", "cpu0 1 1 1 1 1 1 1 1"} {
		part := loadOf(t, now.Add(time.Second), stat, "full total=5", 0)
		_, ok1 := part.Steal(whole)
		_, ok2 := part.Others(whole, 0)
		_, ok3 := part.Pressure(whole, Disk)
		_, ok4 := part.Pressure(whole, CPU)
		if ok1 || ok2 || ok3 || ok4 {
			t.Errorf("%q: steal %v, others %v, pressure %v and %v are said to be known", stat, ok1, ok2, ok3, ok4)
		}
	}
	for ticks, want := range map[string]bool{"101": true, "100": false} { // one of them is before the first load
		later := loadOf(t, now, "cpu 1 1 1 "+ticks+" 1 1 1 1 1 1", "", 0)
		if _, ok := later.Steal(whole); ok != want {
			t.Errorf("a share of %s ticks less one: known is %v", ticks, ok)
		}
	}
	if p := parsePressure([]byte("some avg10=0.00 total=x\n")); p.known {
		t.Errorf("pressure %+v", p)
	}
}

// The name of a process may hold blanks and parentheses.
func TestOnlyKernelThreadsAreCountedAsSuch(t *testing.T) {
	proc := t.TempDir()
	for dir, stat := range map[string]string{
		"17":   "17 (kworker/0:1) I 2 0 0 0 -1 69238880 0 0 0 0 3 40 0 0 20 0 1 0 4 0 0\n",
		"18":   "18 (a) b (x) S 1 18 18 0 -1 4194560 0 0 0 0 100 200 0 0 20 0 1 0 4 0 0\n",
		"19":   "19 (cut) I 2 0 0 0 -1 69238880 0\n",
		"self": "20 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 7 7 0 0 20 0 1 0 4 0 0\n",
	} {
		if err := os.Mkdir(filepath.Join(proc, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, dir, "stat"), []byte(stat), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := kernelTicks(proc); got != 43 {
		t.Errorf("%d ticks, not 43", got)
	}
	if got := kernelTicks(filepath.Join(proc, "none")); got != 0 {
		t.Errorf("%d ticks of nothing", got)
	}
}

func TestTheLoadOfThisMachineIsRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has /proc/stat")
	}
	l := ReadLoad()
	if !l.cpuKnown || l.cpu.total() <= 0 || l.cpu.busy <= 0 {
		t.Errorf("load %+v", l)
	}
	if v, ok := l.Average(); !ok || v < 0 {
		t.Errorf("load average %v, known %v", v, ok)
	}
}
