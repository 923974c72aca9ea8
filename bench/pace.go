package bench

import "time"

// A pace says how long jobs have taken, so that one can tell how long those take
// that are left.
type pace struct {
	total   tempo
	byWhat  map[string]tempo    // by workload and pass
	byWhich map[[2]string]tempo // by workload and pass, and backend
}

// A tempo is how long some jobs took together.
type tempo struct {
	took time.Duration
	jobs int
}

func (t tempo) plus(d time.Duration) tempo { return tempo{t.took + d, t.jobs + 1} }

func newPace() *pace {
	return &pace{byWhat: map[string]tempo{}, byWhich: map[[2]string]tempo{}}
}

// add says that a job took d.
func (p *pace) add(job Job, d time.Duration) {
	what := titleOf(job.Workload, job.Pass)
	which := [2]string{what, job.Backend}
	p.total = p.total.plus(d)
	p.byWhat[what] = p.byWhat[what].plus(d)
	p.byWhich[which] = p.byWhich[which].plus(d)
}

// left estimates how long jobs will take: each as others of its workload
// and backend did, or else of its workload, or else all. False
// if none is known.
func (p *pace) left(jobs []Job) (time.Duration, bool) {
	if p.total.jobs == 0 {
		return 0, false
	}
	var sum time.Duration
	for _, job := range jobs {
		what := titleOf(job.Workload, job.Pass)
		t := p.byWhich[[2]string{what, job.Backend}]
		if t.jobs == 0 {
			t = p.byWhat[what]
		}
		if t.jobs == 0 {
			t = p.total
		}
		sum += t.took / time.Duration(t.jobs)
	}
	return sum, true
}

// roughly renders a duration with as many digits as an estimate deserves.
func roughly(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	text := d.Round(time.Minute).String() // "1h5m0s"
	return text[:len(text)-len("0s")]
}
