package storetest

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
	"github.com/statelab/statelab/vfs"
)

// A fault run plays a history again and again over a file system of which the
// n-th operation of a kind fails: for each kind, for as many n as Effort.Points
// allows, once and then for good. When a call reports the failure, the file
// system is healed, and what the contract says must hold: the store goes on if
// it was a read, or a Checkpoint; it answers the first error to every change if
// it was a write or a sync; it does one of the two if it was an operation on
// names. In the end the store is opened again, as it is and after a power cut.

// errInjected is found in every failure that a fault run makes.
var errInjected = errors.New("injected failure")

// A faultKind is a way in which operations fail.
type faultKind struct {
	op     vfs.Op
	short  bool // half of the write arrives
	sticky bool
}

func (k faultKind) String() string {
	name := k.op.String()
	if k.short {
		name = "short-" + name
	}
	if k.sticky {
		name += "-for-good"
	}
	return name
}

// breaks says whether such a failure ends all changes until the store is
// reopened; harmless that it must not.
func (k faultKind) breaks() bool { return k.op == vfs.OpWrite || k.op == vfs.OpSync }

func (k faultKind) harmless() bool {
	return k.op == vfs.OpRead || k.op == vfs.OpOpen || k.op == vfs.OpStat || k.op == vfs.OpLock
}

// effort returns how many operations to fail: fewer where the first failure
// shows most of what there is to see.
func (k faultKind) effort(cfg *Config) *Effort {
	if k.sticky || k.op == vfs.OpStat || k.op == vfs.OpLock || k.op == vfs.OpMkdir {
		return cfg.part(30)
	}
	return cfg.part(10)
}

// faultKinds returns the kinds of failure of these operations.
func faultKinds(ops ...vfs.Op) []faultKind {
	var kinds []faultKind
	for _, op := range ops {
		kinds = append(kinds, faultKind{op: op}, faultKind{op: op, sticky: true})
		if op == vfs.OpWrite {
			kinds = append(kinds, faultKind{op: op, short: true}, faultKind{op: op, short: true, sticky: true})
		}
	}
	return kinds
}

func allFaultKinds() []faultKind { return faultKinds(vfs.Ops()...) }

// faultRuns are the cases of F1, F3 and F7.
func faultRuns(kinds []faultKind) func(*lab) {
	return func(l *lab) {
		l.eachDurability(func(l *lab, d statelab.Durability) {
			for i := range max(1, l.cfg.Seeds/8) {
				for _, kind := range kinds {
					l.proveFaults(l.cfg.Seed+uint64(i), d, kind)
				}
			}
		})
	}
}

func (l *lab) proveFaults(seed uint64, d statelab.Durability, kind faultKind) {
	l.Helper()
	st := l.settingOf(seed, d)
	st.maintenance = statelab.MaintenanceInline // so that a failure belongs to a call
	if !l.cfg.MemoryResident {
		st.memory = statelab.MinMemory // so that reading reads files
	}
	steps := l.cfg.generate(seed, max(10, l.cfg.Steps/6), faultMix)
	play := func(steps []step) *failure { return playFaults(l, st, steps, kind) }
	l.prove("fault-"+kind.String(), seed, st, steps, 150, play)
}

// playFaults makes each operation of the kind fail in turn, as far as the
// effort goes.
func playFaults(l *lab, st setting, steps []step, kind faultKind) *failure {
	before := offheap.InUse()
	counting := vfs.NewFaulty(vfs.NewMem())
	if f := playerOn(l, st, nil, nil).on(counting).play(steps); f != nil {
		return f
	}
	for _, i := range kind.effort(l.cfg).sample(int(counting.Count(kind.op))) {
		mem := vfs.NewMem()
		fault := vfs.Fault{Op: kind.op, N: int64(i + 1), Sticky: kind.sticky, Short: kind.short, Err: errInjected}
		r := &faultRun{l: l, st: st, kind: kind, mem: mem, faulty: vfs.NewFaulty(mem, fault)}
		r.player = playerOn(l, st, nil, nil).on(r.faulty)
		if f := r.run(steps); f != nil {
			f.text = fmt.Sprintf("with %s %d of the file system failing: %s", kind, i+1, f.text)
			return f
		}
		l.cfg.tally.add("failed file operations: "+kind.String(), st.durability, 1)
	}
	if left := offheap.InUse() - before; left != 0 {
		return failed("O5", "%d bytes of off-heap memory are in use after all stores were closed", left)
	}
	return nil
}

// on makes the player use this file system.
func (p *player) on(fsys vfs.FS) *player {
	p.o.FS = fsys
	return p
}

// A faultRun is one play of a history with one fault.
type faultRun struct {
	*player
	l      *lab
	st     setting
	kind   faultKind
	mem    *vfs.Mem
	faulty *vfs.Faulty
	// A write or a sync has failed: changes must fail from now on.
	broken bool
	// A call that must not make later ones fail has reported the failure.
	excused bool
}

func (r *faultRun) run(steps []step) (f *failure) {
	at := 0
	defer func() {
		if v := recover(); v != nil { // the store may hold its locks: leave it alone
			f = failed("F1", "panic: %v\n%s", v, debug.Stack())
		} else {
			r.abandon()
		}
		if f != nil {
			f.step = at
		}
	}()
	r.skipCopies = true // they would be opened over the same file system
	err := r.open()
	if err != nil && !errors.Is(err, errInjected) {
		return failed("F7", "opening fails with %q, which does not say what the file system said", err)
	}
	goOn := err == nil
	for i := 0; goOn && i < len(steps); i++ {
		at = i
		if goOn, f = r.step(steps[i]); f != nil {
			return f
		}
	}
	return r.end()
}

// step makes one step and judges it. It says whether the history can go on.
func (r *faultRun) step(s step) (goOn bool, f *failure) {
	struck := r.faulty.Struck()
	f, err := r.do(s)
	now := r.faulty.Struck() > struck
	if f != nil {
		return false, f
	}
	isChange := s.verb == "apply" || s.verb == "advance" || s.verb == "delete-range" || s.verb == "sync"
	switch {
	case err == nil && isChange && r.kind.breaks() && (now || r.broken):
		return false, failed("F1", "%s returned nil although a write or sync had failed", s.verb)
	case err == nil && s.verb == "checkpoint" && r.kind.breaks() && now:
		return false, failed("D6", "Checkpoint returned nil although a write or sync had failed")
	case err == nil:
		r.broken = r.broken || now && r.kind.breaks() && s.verb != "reopen"
		return true, nil
	case !errors.Is(err, errInjected):
		return false, failed("F1", "the error %q does not say what the file system said", err)
	case r.excused:
		return false, failed("F3", "it fails after a failed %s that was reported, and was no change's: %v", r.kind, err)
	}
	r.faulty.Heal()
	switch {
	case isChange:
		return r.changeFailed(s)
	case s.verb == "reopen":
		return false, nil
	case s.verb == "checkpoint":
		r.excused = true
		return true, nil
	}
	return r.readFailed(s, err)
}

// readFailed: only failed reads may make reads fail, and not for long.
func (r *faultRun) readFailed(s step, err error) (goOn bool, f *failure) {
	if !r.kind.harmless() {
		return false, failed("F2", "it fails after a failed %s: %v", r.kind, err)
	}
	r.excused = true
	if it := r.iters[s.iter]; it != nil && shapes[s.verb].iter { // it may stay failed, but not its successor
		it.Close()
		delete(r.iters, s.iter)
		return true, nil
	}
	return r.step(s)
}

// changeFailed follows up an Apply, Advance or Sync that reported a failure.
func (r *faultRun) changeFailed(s step) (goOn bool, f *failure) {
	tried := r.tried
	if s.verb == "sync" {
		tried = r.journal.now()
	}
	if f := r.resolve(tried); f != nil {
		return false, f
	}
	if r.kind.harmless() {
		r.excused = true
		return r.step(step{verb: "sync"})
	}
	r.journal.mayHold(tried, s.verb == "sync")
	if !r.kind.breaks() { // either it is healed, or broken for good
		f, err := r.do(step{verb: "sync"})
		if f != nil || err == nil {
			return f == nil, f
		}
	}
	return false, r.staysBroken()
}

// resolve finds out whether the change that failed is there: whole or not at all.
func (r *faultRun) resolve(tried *model) *failure {
	got, err := stateOf(r.store, r.apart)
	if err != nil {
		return failed("F2", "reading everything after a failed %s: %v", r.kind, err)
	}
	switch got.sum {
	case r.journal.now().state(r.apart).sum:
	case tried.state(r.apart).sum:
		r.journal.visible(tried)
	default:
		return failed("F2", "after a failed %s the store holds neither what it held before nor what it should have held:%s", r.kind, got.difference(tried))
	}
	return nil
}

// staysBroken makes one more change of each kind: each must return the first
// error, although the file system works again.
func (r *faultRun) staysBroken() *failure {
	r.broken = true
	for _, s := range []step{
		{verb: "apply", ops: []opText{{statelab.OpPut, text{head: "probe"}, text{head: "v"}, never}}},
		{verb: "advance", at: max(r.journal.now().watermark, 0) + 1000},
		{verb: "sync"},
	} {
		f, err := r.do(s)
		switch {
		case f != nil:
			return f
		case err == nil:
			return failed("F1", "after a failed %s, which a call reported, %s returns nil", r.kind, s)
		case !errors.Is(err, errInjected):
			return failed("F1", "after a failed %s, %s returns %q, which is not the first error", r.kind, s, err)
		}
		if f := r.resolve(r.tried); f != nil {
			return f
		}
		r.journal.mayHold(r.tried, s.verb == "sync")
	}
	return nil
}

// end closes the store and opens what is there, as it is and after power cuts.
func (r *faultRun) end() *failure {
	for _, it := range r.iters {
		it.Close()
	}
	clear(r.iters)
	if r.store != nil {
		store := r.store
		r.store = nil
		err := store.Close()
		if err != nil && !errors.Is(err, errInjected) {
			return failed("F7", "Close after a failed %s: %v", r.kind, err)
		}
		if err == nil && !r.broken {
			r.journal.closed()
		}
	}
	r.faulty.Heal()
	return opensAfter(r.l, r.st, r.mem, r.journal.allowed())
}

// opensAfter opens what failures have left, as it is and after power cuts.
func opensAfter(l *lab, st setting, mem *vfs.Mem, allowed []*model) *failure {
	for _, left := range []left{
		{how: "a power cut that leaves only what is sure", mem: mem.PowerCutStrict()},
		{how: "a power cut", mem: mem.PowerCut(1)},
		{how: "nothing else", mem: mem},
	} {
		if _, f := playerOn(l, st, left.mem, nil).recovers("F7", allowed, nil); f != nil {
			f.clause = "F7"
			f.text = fmt.Sprintf("opened afterwards, with %s in between: %s", left.how, f.text)
			return f
		}
	}
	return nil
}

// openingFaults makes each file operation of an opening fail, of a store that
// was closed and of one whose process was killed. The opening may fail or
// work; it may not panic, keep the lock or lose anything.
func openingFaults(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		st := l.settingOf(l.cfg.Seed, d)
		steps := l.cfg.generate(l.cfg.Seed, max(10, l.cfg.Steps/6), crashMix)
		p := newPlayer(l, st, nil)
		mem := p.mem
		var killed *vfs.Mem
		var allowed []*model
		p.beforeEnd = func() { killed, allowed = mem.Kill(), p.journal.allowed() }
		if f := p.play(steps); f != nil {
			l.failClause(f.clause, "%s", f.text)
		}
		p.journal.closed()
		before := offheap.InUse()
		for _, c := range []struct {
			how     string
			mem     *vfs.Mem
			allowed []*model
		}{{"closed", mem, p.journal.allowed()}, {"killed", killed, allowed}} {
			for _, kind := range allFaultKinds() {
				if f := openFaulty(l, st, c.mem, kind, c.allowed); f != nil {
					l.failClause(f.clause, "opening a store that was %s: %s", c.how, f.text)
				}
			}
		}
		if left := offheap.InUse() - before; left != 0 {
			l.failClause("O5", "%d bytes of off-heap memory are in use after openings that failed", left)
		}
	})
}

func openFaulty(l *lab, st setting, mem *vfs.Mem, kind faultKind, allowed []*model) *failure {
	counting := vfs.NewFaulty(mem.Kill())
	if _, f := playerOn(l, st, nil, nil).on(counting).recovers("F7", allowed, nil); f != nil {
		return f
	}
	for _, i := range kind.effort(l.cfg).sample(int(counting.Count(kind.op))) {
		copied := mem.Kill()
		faulty := vfs.NewFaulty(copied, vfs.Fault{Op: kind.op, N: int64(i + 1), Sticky: kind.sticky, Short: kind.short, Err: errInjected})
		f := openOnce(playerOn(l, st, nil, nil).on(faulty), allowed)
		if f == nil {
			f = opensAfter(l, st, copied, allowed)
		}
		if f != nil {
			f.text = fmt.Sprintf("with %s %d of the file system failing: %s", kind, i+1, f.text)
			return f
		}
	}
	return nil
}

// openOnce opens and reads a store over a file system that fails. What it says
// without an error must be right.
func openOnce(p *player, allowed []*model) (f *failure) {
	defer func() {
		if v := recover(); v != nil {
			f = failed("F7", "panic: %v\n%s", v, debug.Stack())
		} else {
			p.abandon()
		}
	}()
	err := p.open()
	if err == nil {
		var got state
		got, err = stateOf(p.store, p.apart)
		if _, ok := whichModel(got, allowed, p.apart); err == nil && !ok {
			return failed("F7", "it opens and does not hold what it should:%s", got.difference(allowed[len(allowed)-1]))
		}
	}
	if err != nil && !errors.Is(err, errInjected) {
		return failed("F7", "it fails with %q, which does not say what the file system said", err)
	}
	return nil
}
