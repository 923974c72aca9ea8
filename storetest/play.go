package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A setting is what a history is played under.
type setting struct {
	durability  statelab.Durability
	maintenance statelab.Maintenance
	memory      int64 // bytes; 0 is the store's default
	compression statelab.Compression
	prefix      bool // the join key of "g0/17" is "g0/"
	readBack    bool // changes are followed by Gets of what they changed
}

// A failure is a broken clause, found at a step.
type failure struct {
	clause string
	step   int
	text   string
}

func failed(clause, format string, args ...any) *failure {
	return &failure{clause: clause, text: fmt.Sprintf(format, args...)}
}

// A player makes the steps of a history on a store, and on the model, and
// compares what they say.
type player struct {
	cfg     *Config
	o       statelab.Options
	mem     *vfs.Mem // what o.FS stands on; nil if the store ignores Options.FS
	dir     string
	store   statelab.Store
	apart   bool // the store tells elements apart
	journal *journal
	iters   map[int]*openIter
	copies  int
	writes  int    // calls that may have written, and so have made an iterator pin memory
	tried   *model // what the last change would have led to, done or not
	// beforeEnd, if not nil, is called before the store is closed for good.
	beforeEnd func()
	// skipCopies leaves copies unopened.
	skipCopies bool
	// readBack is the setting's.
	readBack bool
	// readers, if not nil, read beside the history.
	readers *readers
}

// newPlayer returns a player on an empty directory, its store not yet open.
// wrap, if not nil, wraps the file system.
func newPlayer(l *lab, st setting, wrap func(vfs.FS) vfs.FS) *player {
	if !l.cfg.IgnoresFS {
		return playerOn(l, st, vfs.NewMem(), wrap)
	}
	p := playerOn(l, st, nil, nil)
	p.dir = l.TempDir() + "/store"
	return p
}

// playerOn returns a player on a file system on which its store may exist.
func playerOn(l *lab, st setting, mem *vfs.Mem, wrap func(vfs.FS) vfs.FS) *player {
	p := &player{cfg: l.cfg, mem: mem, dir: "/store", journal: newJournal(st.durability), iters: map[int]*openIter{}, readBack: st.readBack}
	p.o = statelab.Options{Durability: st.durability, Maintenance: st.maintenance, Memory: st.memory, SyncInterval: noInterval, Compression: st.compression}
	if st.prefix {
		p.o.Prefix = groupPrefix
	}
	switch {
	case mem != nil && wrap != nil:
		p.o.FS = wrap(mem)
	case mem != nil:
		p.o.FS = mem
	}
	return p
}

// groupPrefix ends the join key after the first slash. Keys without one have none.
var groupPrefix = statelab.Prefix{Name: "group", Len: func(key []byte) int { return bytes.IndexByte(key, '/') + 1 }}

// noInterval keeps syncs by the clock out of runs that should be repeatable.
const noInterval = 1 << 62

func (p *player) open() error {
	s, err := p.cfg.Open(p.dir, &p.o)
	if err != nil {
		return err
	}
	p.store, p.apart = s, tellsApart(s)
	p.readers.reopened()
	return nil
}

// play opens the store, makes all steps, verifies the store and closes it.
func (p *player) play(steps []step) (f *failure) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // memory outside the heap that is not there any more is a failure with a seed
	at := 0
	defer func() {
		if v := recover(); v != nil { // the store may hold its locks: leave it alone
			f = failed("C1", "panic: %v\n%s", v, debug.Stack())
			p.readers.dismiss()
		} else {
			p.abandon()
		}
		if f != nil {
			f.step = at
		}
	}()
	if err := p.open(); err != nil {
		return failed("O1", "opening: %v", err)
	}
	if p.readers != nil {
		p.readers.start(p)
	}
	for i, s := range steps {
		at = i
		f, err := p.do(s)
		if err != nil {
			f = failed(clauseOf(s.verb), "%v", err)
		}
		if f == nil {
			f = p.readers.found()
		}
		if f != nil {
			return f
		}
	}
	return p.end()
}

// end compares everything once more and closes the store.
func (p *player) end() *failure {
	for _, s := range []step{{verb: "check"}, {verb: "scan"}} {
		if f, err := p.do(s); f != nil || err != nil {
			return cmpFailure(s.verb, f, err)
		}
	}
	if f := p.closeIters(); f != nil {
		return f
	}
	if f := p.readers.stop(); f != nil {
		return f
	}
	if p.beforeEnd != nil {
		p.beforeEnd()
	}
	store := p.store
	p.store = nil
	if err := store.Close(); err != nil {
		return failed("C2", "Close: %v", err)
	}
	return nil
}

func cmpFailure(verb string, f *failure, err error) *failure {
	if f == nil && err != nil {
		f = failed(clauseOf(verb), "%v", err)
	}
	return f
}

// abandon closes what a failure left open.
func (p *player) abandon() {
	p.readers.stop()
	for _, it := range p.iters {
		it.Close()
	}
	p.iters = map[int]*openIter{}
	if p.store != nil {
		p.store.Close()
		p.store = nil
	}
}

// clauseOf names the clause that an error of a step breaks first.
func clauseOf(verb string) string {
	switch verb {
	case "apply", "delete-range":
		return "K12"
	case "advance":
		return "T1"
	case "get", "scan":
		return "K1"
	case "multiget":
		return "K13"
	case "elements":
		return "K6"
	case "check":
		return "F4"
	case "sync":
		return "D2"
	case "checkpoint":
		return "D6"
	case "reopen":
		return "D5"
	case "kill", "power-cut":
		return "D4"
	}
	return "I2"
}

// do makes a step. The error is the store's; a failure is that it said
// something else than the model.
func (p *player) do(s step) (*failure, error) {
	switch s.verb {
	case "apply", "advance", "delete-range", "sync", "checkpoint":
		p.writes++
	}
	p.cfg.tally.add("calls: "+s.verb, p.o.Durability, 1)
	switch s.verb {
	case "apply":
		return p.apply(s)
	case "advance":
		return p.advance(s.at)
	case "delete-range":
		r := s.bounds()
		return p.readers.while(func() (*failure, error) { // the fall-back is no single change
			return nil, p.change(func(m *model) { m.deleteRange(r) }, func() error { return statelab.DeleteRange(p.store, r) })
		})
	case "get":
		return p.get(s.keys[0].string())
	case "multiget":
		return p.multiGet(s)
	case "elements":
		return p.elements(s.keys[0].string())
	case "scan":
		return p.scan()
	case "check":
		return nil, statelab.Check(p.store)
	case "sync":
		return nil, p.sync()
	case "checkpoint":
		return p.checkpoint()
	case "reopen":
		return p.readers.while(p.reopen)
	case "kill", "power-cut":
		return p.readers.while(func() (*failure, error) { return p.crash(s) })
	}
	return p.iterate(s)
}

// change makes a change of the history, on a copy of the model first.
func (p *player) change(model func(*model), call func() error) error {
	next := p.journal.now().clone()
	model(next)
	p.tried = next
	p.journal.begin(next)
	err := call()
	p.journal.end(err == nil)
	return err
}

// advance reads back records of which something has just died.
func (p *player) advance(watermark int64) (*failure, error) {
	before := p.journal.now()
	err := p.change(func(m *model) { m.advance(watermark) }, func() error { return p.store.Advance(watermark) })
	if err != nil || !p.readBack {
		return nil, err
	}
	const most = 4
	n := 0
	for _, key := range before.keys(statelab.Range{}) {
		if len(before.records[key]) == len(p.journal.now().records[key]) {
			continue
		}
		if n++; n > most {
			break
		}
		if f, err := p.get(key); f != nil || err != nil {
			return f, err
		}
	}
	return nil, nil
}

func (p *player) apply(s step) (*failure, error) {
	ops := s.batch()
	var b statelab.Batch
	grows := false
	for _, op := range ops {
		addOp(&b, op)
		grows = grows || op.Kind != statelab.OpDelete
	}
	p.readers.heat(ops)
	err := p.change(func(m *model) { m.apply(ops) }, func() error { return p.store.Apply(&b) })
	p.cfg.tally.add("operations in batches", p.o.Durability, int64(len(ops)))
	if errors.Is(err, statelab.ErrBudget) && p.cfg.MemoryResident && p.o.Memory > 0 {
		live, more := int64(p.journal.now().bytes), int64(len(b.Bytes()))
		if !grows || 8*live+more < p.o.Memory {
			return failed("O2", "Apply of %d bytes, with %d alive and a budget of %d: %v", more, live, p.o.Memory, err), nil
		}
		p.cfg.tally.add("batches refused for the budget", p.o.Durability, 1)
		return nil, nil
	}
	if err != nil || !p.readBack {
		return nil, err
	}
	for _, op := range ops {
		if f, err := p.get(string(op.Key)); f != nil || err != nil {
			return f, err
		}
	}
	return nil, nil
}

func (p *player) sync() error {
	p.journal.beginSync()
	err := p.store.Sync()
	p.journal.endSync(err == nil)
	return err
}

// checkpoint makes a copy, compares it, and leaves it for crashes to find.
func (p *player) checkpoint() (*failure, error) {
	p.copies++
	dir := fmt.Sprintf("%s-copy%d", p.dir, p.copies)
	if err := p.store.Checkpoint(dir); err != nil {
		return nil, fmt.Errorf("Checkpoint: %w", err)
	}
	p.journal.copied(dir)
	if p.skipCopies {
		return nil, nil
	}
	if f := p.compareAt(dir, "D6", []*model{p.journal.now()}); f != nil {
		f.text = "a Checkpoint " + f.text
		return f, nil
	}
	return nil, nil
}

// compareAt opens the store in dir, which must hold one of the models.
func (p *player) compareAt(dir, clause string, models []*model) *failure {
	o := p.o
	s, err := p.cfg.Open(dir, &o)
	if err != nil {
		return failed(clause, "does not open: %v", err)
	}
	got, err := stateOf(s, p.apart)
	if cerr := s.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return failed(clause, "opens and fails: %v", err)
	}
	if _, ok := whichModel(got, models, p.apart); !ok {
		return failed(clause, "opens and does not hold what it should:%s", got.difference(models[len(models)-1]))
	}
	return nil
}

// whichModel returns the last of the models that is in this state.
func whichModel(s state, models []*model, apart bool) (int, bool) {
	for i := len(models) - 1; i >= 0; i-- {
		if models[i].state(apart).sum == s.sum {
			return i, true
		}
	}
	return 0, false
}

func (p *player) reopen() (*failure, error) {
	if f := p.closeIters(); f != nil {
		return f, nil
	}
	store := p.store
	p.store = nil
	if err := store.Close(); err != nil {
		return nil, fmt.Errorf("Close: %w", err)
	}
	p.journal.closed()
	if err := p.open(); err != nil {
		return nil, fmt.Errorf("reopening: %w", err)
	}
	return p.afterOpening("D5")
}

// crash goes on with what a crash leaves, which must be what the durability says.
func (p *player) crash(s step) (*failure, error) {
	if p.mem == nil {
		return p.reopen() // the nearest thing to it
	}
	left := p.mem.Kill()
	if s.verb == "power-cut" {
		left = p.mem.PowerCut(s.at)
	}
	if f := p.closeIters(); f != nil {
		return f, nil
	}
	store := p.store
	p.store = nil
	if err := store.Close(); err != nil {
		return nil, fmt.Errorf("Close: %w", err)
	}
	p.mem, p.o.FS = left, left
	if err := p.open(); err != nil {
		return nil, fmt.Errorf("opening after a crash: %w", err)
	}
	return p.afterOpening(p.journal.clause())
}

// afterOpening compares the store with the states that the journal allows, and
// makes the one that it holds the state from which the history goes on.
func (p *player) afterOpening(clause string) (*failure, error) {
	got, err := stateOf(p.store, p.apart)
	if err != nil {
		return nil, fmt.Errorf("reading everything: %w", err)
	}
	allowed := p.journal.allowed()
	i, ok := whichModel(got, allowed, p.apart)
	if !ok {
		return misfit(clause, got, allowed, p.journal.history, p.apart), nil
	}
	p.journal.restart(allowed[i])
	return nil, nil
}
