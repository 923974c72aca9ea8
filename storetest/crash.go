package storetest

import (
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
	"github.com/statelab/statelab/vfs"
)

// A crash run plays a history twice. The first time it notes every operation
// that changes files; then it chooses those after which it will crash: all that
// make something durable, those just before them, and some writes in between,
// or as many of them as Effort.Points allows. The second time it keeps, at each of
// those, what a crash would leave, and which states of the history a
// recovery may then lead back to. Afterwards each of these is opened and
// compared.

// powerCutRuns are the cases of D1, D2 and D3.
func powerCutRuns(d statelab.Durability) func(*lab) {
	return func(l *lab) {
		l.only(d)
		for i := range max(1, l.cfg.Seeds/2) {
			l.provePowerCuts(l.cfg.Seed+uint64(i), d)
		}
	}
}

func (l *lab) provePowerCuts(seed uint64, d statelab.Durability) {
	l.Helper()
	st := l.settingOf(seed, d)
	steps := l.cfg.generate(seed, max(10, l.cfg.Steps/4), crashMix)
	l.prove("power-cut", seed, st, steps, 60, func(steps []step) *failure { return playPowerCuts(l, st, steps) })
}

// A cut is a moment at which the history is crashed.
type cut struct {
	after   string // the operation on files that it follows
	left    []left
	allowed []*model
	copies  []copied
}

// left is a file system after a crash.
type left struct {
	how    string
	kind   string // of which there are three
	mem    *vfs.Mem
	killed bool // and not cut from power: what was not durable may still be lost
}

func playPowerCuts(l *lab, st setting, steps []step) *failure {
	before := offheap.InUse()
	events, f := noteEvents(l, st, steps)
	if f != nil {
		return f
	}
	cuts, history, f := takeCuts(l, st, steps, l.choosePoints(events))
	if f != nil {
		return f
	}
	for i, c := range cuts {
		if f := c.verify(l, st, i, history); f != nil {
			f.text = fmt.Sprintf("crash after %s: %s", c.after, f.text)
			f.step = len(steps)
			return f
		}
		l.cfg.tally.add(crashPoints, st.durability, 1)
	}
	if left := offheap.InUse() - before; left != 0 {
		return failed("O5", "%d bytes of off-heap memory are in use after all stores were closed", left)
	}
	return nil
}

// changes says whether the operation changes what files hold or what is durable of them.
func changes(op vfs.Op) bool {
	return op != vfs.OpOpen && op != vfs.OpRead && op != vfs.OpLock && op != vfs.OpStat
}

// noteEvents plays the history and returns the kinds of operation that change files.
func noteEvents(l *lab, st setting, steps []step) ([]vfs.Op, *failure) {
	var events []vfs.Op
	p := newPlayer(l, st, func(fsys vfs.FS) vfs.FS {
		return vfs.NewTrace(fsys, func(op vfs.TraceOp) {
			if changes(op.Op) {
				events = append(events, op.Op)
			}
		})
	})
	f := p.play(steps)
	return events, f
}

// choosePoints returns the numbers of the events to crash after.
func (l *lab) choosePoints(events []vfs.Op) map[int]bool {
	settles := func(i int) bool {
		return i >= 0 && i < len(events) && (events[i] == vfs.OpSync || events[i] == vfs.OpSyncDir || events[i] == vfs.OpRename)
	}
	var worth []int
	for i := range events {
		if settles(i) || settles(i+1) || i%7 == 3 {
			worth = append(worth, i)
		}
	}
	chosen := map[int]bool{}
	for _, i := range l.cfg.sample(len(worth)) {
		chosen[worth[i]] = true
	}
	return chosen
}

// takeCuts plays the history again and crashes after the events chosen. It
// returns the crashes and all states of the history.
func takeCuts(l *lab, st setting, steps []step, chosen map[int]bool) (cuts []*cut, history []*model, f *failure) {
	var p *player
	n := 0
	p = newPlayer(l, st, func(fsys vfs.FS) vfs.FS {
		mem := fsys.(*vfs.Mem)
		return vfs.NewTrace(fsys, func(op vfs.TraceOp) {
			if !changes(op.Op) {
				return
			}
			if chosen[n] {
				cuts = append(cuts, newCut(mem, op, n, len(cuts)%4 == 1, p.journal))
			}
			n++
		})
	})
	f = p.play(steps)
	return cuts, p.journal.history, f
}

// newCut crashes now: strictly, by a seed, and if told so by killing the process.
func newCut(mem *vfs.Mem, op vfs.TraceOp, n int, kill bool, j *journal) *cut {
	c := &cut{
		after:   fmt.Sprintf("operation %d on files (%s %s)", n, op.Op, filepath.Base(op.Path)),
		allowed: j.allowed(),
		copies:  j.copiesNow(),
		left:    []left{{how: "a power cut that leaves only what is sure", kind: "a strict power cut", mem: mem.PowerCutStrict()}},
	}
	c.left = append(c.left, left{how: fmt.Sprintf("power cut %d", n), kind: "a power cut", mem: mem.PowerCut(int64(n))})
	if kill {
		c.left = append(c.left, left{how: "a kill", kind: "a kill", mem: mem.Kill(), killed: true})
	}
	for _, m := range j.allowed() { // the history may go on meanwhile, if maintenance is in the background
		if !slices.Contains(c.allowed, m) {
			c.allowed = append(c.allowed, m)
		}
	}
	return c
}

// verify opens what each crash left, and crashes a part of them again.
func (c *cut) verify(l *lab, st setting, i int, history []*model) *failure {
	for k, left := range c.left {
		f := c.verifyOne(l, st, left, left.killed || (i+k)%6 == 0, history)
		if f != nil {
			f.text = left.how + ": " + f.text
			return f
		}
		l.cfg.tally.add("stores recovered after "+left.kind, st.durability, 1)
	}
	if len(c.copies) == 0 || i%4 != 0 {
		return nil
	}
	last := c.copies[len(c.copies)-1]
	p := playerOn(l, st, c.left[0].mem, nil)
	p.dir = last.dir
	if _, f := p.recovers("D6", []*model{last.state}, nil); f != nil {
		f.text = "the last copy: " + f.text
		return f
	}
	return nil
}

func (c *cut) verifyOne(l *lab, st setting, left left, again bool, history []*model) *failure {
	clause := newJournal(st.durability).clause()
	if !again {
		_, f := playerOn(l, st, left.mem, nil).recovers(clause, c.allowed, history)
		return f
	}
	mem := left.mem.Kill() // a copy
	var during []*vfs.Mem
	p := playerOn(l, st, mem, func(fsys vfs.FS) vfs.FS {
		return vfs.NewTrace(fsys, func(op vfs.TraceOp) {
			if changes(op.Op) && len(during) < 24 {
				during = append(during, mem.PowerCut(int64(len(during))))
			}
		})
	})
	var after *vfs.Mem // a crash while the recovered store is open
	p.beforeEnd = func() { after = mem.PowerCutStrict() }
	found, f := p.recovers(clause, c.allowed, history)
	if f != nil {
		return f
	}
	if _, f := playerOn(l, st, after, nil).recovers("D8", []*model{found}, history); f != nil {
		f.text = "a second crash after the recovery: " + f.text
		return f
	}
	l.cfg.tally.add("stores recovered after a second crash, the first recovery done", st.durability, 1)
	// A crash amid a recovery, which has told nobody yet what it found, may
	// lose of a killed process's writes what was not durable.
	allowed := []*model{found}
	if left.killed {
		allowed = c.allowed
	}
	for i, mem := range during {
		if i%4 != 1 && i != len(during)-1 {
			continue
		}
		if _, f := playerOn(l, st, mem, nil).recovers("D8", allowed, history); f != nil {
			f.text = fmt.Sprintf("a second crash after operation %d of the recovery: %s", i, f.text)
			return f
		}
		l.cfg.tally.add("stores recovered after a second crash, amid the recovery", st.durability, 1)
	}
	return goesOn(l, st, mem, found, history)
}

// goesOn opens the store once more, writes and crashes before a Sync and after
// one: nothing that recovery found may be lost, nor what was synced since, and
// under checkpoint durability nothing else may be there.
func goesOn(l *lab, st setting, mem *vfs.Mem, found *model, history []*model) *failure {
	write := []step{
		{verb: "apply", ops: []opText{{statelab.OpAppend, text{head: "after"}, text{head: "the crash"}, never}}},
		{verb: "advance", at: max(found.watermark, 0) + 1},
	}
	for _, more := range [][]step{write, append(write, step{verb: "sync"})} {
		p := playerOn(l, st, mem, nil)
		p.journal.restart(found)
		var left *vfs.Mem
		var allowed []*model
		p.beforeEnd = func() { left, allowed = mem.PowerCut(3), p.journal.allowed() }
		if f := p.play(more); f != nil {
			f.text = "going on after the recovery: " + f.text
			return f
		}
		if _, f := playerOn(l, st, left, nil).recovers("D8", allowed, append(history, allowed...)); f != nil {
			f.text = fmt.Sprintf("a second crash, after %d steps more: %s", len(more), f.text)
			return f
		}
		p.journal.closed()
		found = p.journal.now()
	}
	return nil
}

// recovers opens the store, which must be in one of the states allowed, and closes it.
func (p *player) recovers(clause string, allowed, history []*model) (found *model, f *failure) {
	defer func() {
		if v := recover(); v != nil { // the store may hold its locks: leave it alone
			f = failed(clause, "panic: %v\n%s", v, debug.Stack())
		} else {
			p.abandon()
		}
	}()
	if err := p.open(); err != nil {
		return nil, failed(clause, "opening: %v", err)
	}
	got, err := stateOf(p.store, p.apart)
	if err != nil {
		return nil, failed(clause, "reading everything: %v", err)
	}
	if err := statelab.Check(p.store); err != nil {
		return nil, failed(clause, "Check: %v", err)
	}
	i, ok := whichModel(got, allowed, p.apart)
	if !ok {
		return nil, misfit(clause, got, allowed, history, p.apart)
	}
	if p.beforeEnd != nil {
		p.beforeEnd()
	}
	return allowed[i], nil
}
