package bench

import (
	"testing"
	"time"
)

func TestTheTimeLeftIsWhatLikeJobsTook(t *testing.T) {
	job := func(workload, backend string) Job { return Job{Workload: workload, Backend: backend} }
	p := newPace()
	if d, ok := p.left([]Job{job("J1s", "lsm")}); ok {
		t.Errorf("%v is left before any job has run", d)
	}
	p.add(job("J1s", "lsm"), 10*time.Second)
	p.add(job("J1s", "lsm"), 20*time.Second)
	p.add(job("J1s", "btree"), 30*time.Second)
	for _, c := range []struct {
		job  Job
		want time.Duration
	}{
		{job("J1s", "lsm"), 15 * time.Second},
		{job("J1s", "skiplist"), 20 * time.Second}, // as the others of its workload
		{job("J10", "lsm"), 20 * time.Second},      // as all
	} {
		if d, ok := p.left([]Job{c.job, c.job}); !ok || d != 2*c.want {
			t.Errorf("two of %s on %s: %v, known %v", c.job.Workload, c.job.Backend, d, ok)
		}
	}
	if d, ok := p.left(nil); !ok || d != 0 {
		t.Errorf("%v is left after the last", d)
	}
}

func TestAnEstimateHasFewDigits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1499 * time.Millisecond: "1s", 59 * time.Second: "59s", 89 * time.Second: "1m", 65*time.Minute + 10*time.Second: "1h5m",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v is %s, not %s", d, got, want)
		}
	}
}
