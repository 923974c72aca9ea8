package bench

import (
	"strings"
	"testing"
)

func TestARunIsDisturbedPastTheThresholds(t *testing.T) {
	for _, c := range []struct {
		metrics map[string]float64
		times   float64
		note    string
	}{
		{nil, 0, ""},
		{map[string]float64{"others_cpu_ratio": 0.10, "steal_ratio": 0.02}, 1, ""},
		{map[string]float64{"others_cpu_ratio": 0.25}, 2.5, "disturbed: other processes used 25.0% of the processors (more than 10.0%)"},
		{map[string]float64{"steal_ratio": 0.03}, 1.5, "disturbed: the hypervisor stole 3.0% (more than 2.0%)"},
		{map[string]float64{"others_cpu_ratio": 0.2, "steal_ratio": 0.08}, 4,
			"disturbed: other processes used 20.0% of the processors (more than 10.0%), the hypervisor stole 8.0% (more than 2.0%)"},
		{map[string]float64{"pressure_cpu_ratio": 0.9, "load_average": 50}, 0, ""}, // the run's own threads make these too
	} {
		m := Metrics{}
		for name, v := range c.metrics {
			m.set(name, v)
		}
		note, times := disturbance(m)
		if note != c.note || times < c.times-1e-9 || times > c.times+1e-9 {
			t.Errorf("%v: %q, %v times", c.metrics, note, times)
		}
		r := Result{Notes: []string{"other", note}}
		if g := (Group{Results: []Result{r, {}}}); r.Disturbed() != (c.note != "") || g.Disturbed() != strings.Count(note, disturbedNote) {
			t.Errorf("%q: disturbed is %v, of the group %d", note, r.Disturbed(), g.Disturbed())
		}
	}
}
