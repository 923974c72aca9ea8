package storetest

import (
	"fmt"
	"time"

	"github.com/statelab/statelab"
)

// The long runs do what the random histories and the cases of crashes and
// failures do, with ever new seeds, until a time is over or a number is
// reached. Each seed stands for the same history there as here, so that the
// command that a failure prints runs it alone.

// progress tells how far a long run is, once in a minute.
type progress struct {
	l       *lab
	began   time.Time
	told    time.Time
	between time.Duration
}

func (l *lab) newProgress() *progress {
	now := time.Now()
	return &progress{l: l, began: now, told: now, between: time.Minute}
}

func (p *progress) passed() time.Duration { return time.Since(p.began) }

func (p *progress) tell(format string, args ...any) {
	if time.Since(p.told) >= p.between {
		p.told = time.Now()
		p.l.Log(fmt.Sprintf("after %s: ", p.passed().Round(time.Second)) + fmt.Sprintf(format, args...))
	}
}

// with returns the lab with a configuration for one seed: every sixteenth
// history is eight times as long.
func (l *lab) with(seed uint64) *lab {
	const often, longer = 16, 8
	c, one := *l.cfg, *l
	if seed%often == 0 {
		c.Steps *= longer
	}
	one.cfg = &c
	return &one
}

// draw returns one of a few numbers, which has nothing to do with the seed's
// remainders: other settings are chosen by those.
func draw(seed uint64, of int) int {
	return int((seed * 0x9e3779b97f4a7c15 >> 40) % uint64(of))
}

// ofSeed returns one of the durabilities that the store supports.
func (cfg *Config) ofSeed(seed uint64) statelab.Durability {
	ds := cfg.Durabilities
	if ds == nil {
		ds = everyDurability()
	}
	return ds[draw(seed, len(ds))]
}

// randomFor plays random histories, without readers and with them, until the
// effort's time is over.
func randomFor(l *lab) {
	l.cfg.tally = newTally()
	p := l.newProgress()
	l.Log(fmt.Sprintf("random histories for %s, from seed %d on", l.cfg.For, l.cfg.Seed))
	seed := l.cfg.Seed
	for ; p.passed() < l.cfg.For; seed++ {
		d := l.cfg.ofSeed(seed)
		one := l.with(seed)
		one.repeat = func(seed uint64) string { return one.cfg.rerun(l.Name()+"/"+d.String(), seed) }
		one.proveRandom(seed, d)
		one.proveBeside(seed, d)
		p.tell("%d histories, the last of seed %d", l.cfg.tally.total(histories)+l.cfg.tally.total(historiesBeside), seed)
	}
	l.Log(fmt.Sprintf("%s of random histories, seeds %d to %d, nothing broken:\n%s", p.passed().Round(time.Second), l.cfg.Seed, seed-1, l.cfg.tally.table()))
}

// crashesUntil cuts the power amid random histories, and makes file operations
// fail amid others, until the effort's number of crash points is reached.
// Histories of one seed are of one durability, and meet one kind of failure.
func crashesUntil(l *lab) {
	l.cfg.tally = newTally()
	p := l.newProgress()
	l.repeat = func(seed uint64) string {
		return l.cfg.rerun(l.Name(), seed, "-storetest.crashes=1", fmt.Sprintf("-storetest.points=%d", l.cfg.Points))
	}
	l.Log(fmt.Sprintf("%d crash points, from seed %d on", l.cfg.Crashes, l.cfg.Seed))
	kinds := allFaultKinds()
	seed := l.cfg.Seed
	for ; l.cfg.tally.total(crashPoints) < int64(l.cfg.Crashes); seed++ {
		if seed > l.cfg.Seed+100 && l.cfg.tally.total(crashPoints) == 0 {
			l.failClause("D2", "a hundred histories changed no file")
		}
		d := l.cfg.ofSeed(seed)
		l.provePowerCuts(seed, d)
		if needsInline.missing(l.cfg) == "" {
			l.proveFaults(seed, d, kinds[draw(seed+1, len(kinds))])
		}
		p.tell("%d crash points, the last in the history of seed %d", l.cfg.tally.total(crashPoints), seed)
	}
	l.Log(fmt.Sprintf("%d crash points in %s, seeds %d to %d, nothing broken:\n%s", l.cfg.tally.total(crashPoints), p.passed().Round(time.Second), l.cfg.Seed, seed-1, l.cfg.tally.table()))
}
