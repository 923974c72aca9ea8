package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
)

// randomRuns plays seeded random histories under each durability and compares
// every answer with the model's. Most are played with inline maintenance, so
// that a seed fails again; every fourth in the background. A quarter of the seeds
// stand for a second history, beside which others read.
func randomRuns(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		for i := range l.cfg.Seeds {
			l.proveRandom(l.cfg.Seed+uint64(i), d)
		}
		for i := range (l.cfg.Seeds + 3) / 4 {
			l.proveBeside(l.cfg.Seed+uint64(i), d)
		}
	})
}

// proveRandom plays the history of a seed.
func (l *lab) proveRandom(seed uint64, d statelab.Durability) {
	l.Helper()
	st := l.settingOf(seed, d)
	l.prove("random", seed, st, l.cfg.generate(seed, l.cfg.Steps, randomMix), 300, func(steps []step) *failure { return playRandom(l, st, steps) })
}

// proveBeside plays another history of a seed, with readers beside it.
func (l *lab) proveBeside(seed uint64, d statelab.Durability) {
	l.Helper()
	if why, ok := l.cfg.Waive["C1"]; ok {
		l.Log("nothing is read beside the writer; C1 is waived: " + why)
		return
	}
	st := l.settingOf(seed, d)
	st.readBack = false
	if seed%2 == 0 {
		st.maintenance = statelab.MaintenanceBackground
	}
	history := l.cfg.generate(seed, l.cfg.Steps, besideMix)
	f := playBeside(l, st, history)
	if f == nil {
		return
	}
	l.shrinkAndFail("beside", seed, st, history, f, 60, func(steps []step) *failure { return playOften(l, st, steps) })
}

// playBeside plays a history while others read.
func playBeside(l *lab, st setting, steps []step) *failure {
	before := offheap.InUse()
	p := newPlayer(l, st, nil)
	if st.maintenance == statelab.MaintenanceBackground {
		p.o.SyncInterval = time.Millisecond
	}
	p.readers = newReaders(uint64(len(steps)), steps)
	f := p.play(steps)
	l.cfg.tally.add(historiesBeside, st.durability, 1)
	return f.orLeak(before)
}

// playOften plays a history with readers until it fails, but not for ever: what
// it shows depends on who runs when.
func playOften(l *lab, st setting, steps []step) *failure {
	const most = 10
	for range most {
		if f := playBeside(l, st, steps); f != nil {
			return f
		}
	}
	return nil
}

// settingOf varies the options by the seed.
func (l *lab) settingOf(seed uint64, d statelab.Durability) setting {
	st := setting{
		durability: d,
		memory:     []int64{64 << 10, 128 << 10, 512 << 10}[seed%3],
		prefix:     seed%5 < 3,
		readBack:   seed%2 == 0 && !l.cfg.Volatile,
	}
	if n := seed / 2 % uint64(len(l.cfg.Compressions)+1); n > 0 {
		st.compression = l.cfg.Compressions[n-1]
	}
	if l.cfg.MemoryResident {
		st.memory = []int64{0, 0, 256 << 10}[seed%3]
	}
	if !l.cfg.NoInline && seed%4 != 0 {
		st.maintenance = statelab.MaintenanceInline
	}
	return st
}

func playRandom(l *lab, st setting, steps []step) *failure {
	before := offheap.InUse()
	p := newPlayer(l, st, nil)
	f := p.play(steps)
	l.cfg.tally.add(histories, st.durability, 1)
	return f.orLeak(before)
}

// orLeak returns the failure, if there is one, and otherwise says whether there
// is more off-heap memory in use than before.
func (f *failure) orLeak(before int64) *failure {
	if left := offheap.InUse() - before; f == nil && left != 0 {
		return failed("O5", "%d bytes of off-heap memory are in use after the store and its iterators were closed", left)
	}
	return f
}

// prove plays the history, and if it fails shrinks it, in at most so many runs,
// and ends the case.
func (l *lab) prove(run string, seed uint64, st setting, steps []step, runs int, play func([]step) *failure) {
	l.Helper()
	if f := play(steps); f != nil {
		l.shrinkAndFail(run, seed, st, steps, f, runs, play)
	}
}

// again returns the command that runs a seed of this case again.
func (l *lab) again(seed uint64) string {
	if l.repeat != nil {
		return l.repeat(seed)
	}
	return l.cfg.rerun(l.Name(), seed)
}

// shrinkAndFail ends the case with a history that fails, shrunk.
func (l *lab) shrinkAndFail(run string, seed uint64, st setting, steps []step, f *failure, runs int, play func([]step) *failure) {
	l.Helper()
	l.Log(fmt.Sprintf("the history of seed %d fails in step %d of %d and is being cut down: %s: %s", seed, f.step+1, len(steps), f.clause, f.text))
	short, f := shrink(steps, f, runs, play)
	l.failClause(f.clause, "step %d of %d, %s:\n\t%s\n\tthe history of seed %d, cut down from %d steps to %d, for Replay:\n\n%s%s\n\tagain: %s\n",
		f.step+1, len(short), lineOf(short, f.step), f.text, seed, len(steps), len(short),
		st.line(run), printSteps(short), l.again(seed))
}

func lineOf(steps []step, i int) string {
	if i >= len(steps) {
		return "the end"
	}
	const most = 200
	line := steps[i].String()
	if len(line) > most {
		line = line[:most] + "..."
	}
	return line
}

// line prints the setting for Replay.
func (st setting) line(run string) string {
	return fmt.Sprintf("with run=%s durability=%s maintenance=%s memory=%d compression=%s prefix=%v readback=%v\n",
		run, st.durability, st.maintenance, st.memory, st.compression, st.prefix, st.readBack)
}

// Replay plays a history that a failure printed, under the setting in its first line.
func Replay(t *testing.T, cfg Config, history string) { replay(testingT{t}, &cfg, history) }

func replay(t tb, cfg *Config, history string) {
	cfg.setDefaults()
	runLab(t, cfg, randomName, func(l *lab) {
		first, rest, _ := strings.Cut(strings.TrimSpace(history), "\n")
		run, st, err := parseSetting(first)
		if err != nil {
			l.Fatal(err)
		}
		steps, err := parseSteps(rest)
		if err != nil {
			l.Fatal(err)
		}
		if f := playAs(run, l, st, steps); f != nil {
			l.failClause(f.clause, "step %d, %s:\n\t%s", f.step+1, lineOf(steps, f.step), f.text)
		}
	})
}

// playAs plays a history in the way that the run of this name does.
func playAs(run string, l *lab, st setting, steps []step) *failure {
	switch run {
	case "random":
		return playRandom(l, st, steps)
	case "beside":
		return playOften(l, st, steps)
	case "power-cut":
		return playPowerCuts(l, st, steps)
	}
	for _, kind := range allFaultKinds() {
		if run == "fault-"+kind.String() {
			return playFaults(l, st, steps, kind)
		}
	}
	return failed("", "storetest: unknown run %q", run)
}

func parseSetting(line string) (run string, st setting, err error) {
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "with" {
		return "", st, fmt.Errorf("storetest: the history's first line, %q, is no setting", line)
	}
	for _, w := range words[1:] {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "run":
			run = value
		case "durability":
			st.durability, err = statelab.ParseDurability(value)
		case "maintenance":
			st.maintenance, err = statelab.ParseMaintenance(value)
		case "memory":
			_, err = fmt.Sscan(value, &st.memory)
		case "compression":
			st.compression, err = statelab.ParseCompression(value)
		case "prefix":
			_, err = fmt.Sscan(value, &st.prefix)
		case "readback":
			_, err = fmt.Sscan(value, &st.readBack)
		default:
			err = fmt.Errorf("storetest: unknown setting %q", w)
		}
		if err != nil {
			return "", st, err
		}
	}
	return run, st, nil
}
