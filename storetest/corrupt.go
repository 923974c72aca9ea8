package storetest

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
	"github.com/statelab/statelab/vfs"
)

// A corruption run builds a store, closes it, and damages its files one at a
// time: bits are flipped, blocks zeroed, files cut short, grown and removed.
// The damaged store is opened and read in every way. Each answer must be an
// error that is a *CorruptError, or right; opening may fail with any error. The
// one exception is the last record of a log: all answers may be those of the
// history less its last operation.

// corruptionRuns is the case of F4.
func corruptionRuns(l *lab) {
	l.eachDurability(func(l *lab, d statelab.Durability) {
		for i := range max(1, l.cfg.Seeds/4) {
			seed := l.cfg.Seed + uint64(i)
			l.corrupt(seed, l.settingOf(seed, d))
		}
	})
}

func (l *lab) corrupt(seed uint64, st setting) {
	l.Helper()
	p := newPlayer(l, st, nil)
	mem := p.mem
	steps := append(l.cfg.generate(seed, max(10, l.cfg.Steps/3), crashMix), step{verb: "sync"},
		step{verb: "apply", ops: []opText{{statelab.OpPut, text{head: "last"}, text{head: "of all", fill: 20}, never}}})
	if f := p.play(steps); f != nil {
		l.failClause(f.clause, "%s", f.text)
	}
	p.journal.closed()
	accepted := p.journal.allowed()
	if st.durability != statelab.DurabilityCheckpoint {
		accepted = append(accepted, p.journal.history[len(p.journal.history)-2])
	}
	before := offheap.InUse()
	for _, d := range l.damagesBelow(mem, p.dir) {
		damaged := mem.Kill()
		if err := d.doTo(damaged); err != nil {
			l.Fatal(err)
		}
		if f := readDamaged(playerOn(l, st, damaged, nil), accepted); f != nil {
			l.failClause(f.clause, "%s of %s: %s\n\tthe history of seed %d, %s\tagain: %s", d.name, d.path, f.text,
				seed, st.line("corrupt"), l.cfg.rerun(l.Name(), seed))
		}
	}
	if left := offheap.InUse() - before; left != 0 {
		l.failClause("O5", "%d bytes of off-heap memory are in use after damaged stores were closed", left)
	}
}

// filesBelow returns the files in dir but its lock.
func filesBelow(l *lab, fsys vfs.FS, dir string) (files []string) {
	names, err := fsys.List(dir)
	if err != nil {
		l.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := fsys.Stat(path)
		switch {
		case err != nil:
			l.Fatal(err)
		case info.IsDir:
			files = append(files, filesBelow(l, fsys, path)...)
		case name != "LOCK":
			files = append(files, path)
		}
	}
	return files
}

// A damage is done to a file.
type damage struct {
	path string
	name string
	do   func(vfs.File) error // nil: the file is removed
}

// damagesBelow returns what is tried on the files in dir: the coarse on each
// of them, and of the fine as much as the effort allows.
func (l *lab) damagesBelow(fsys vfs.FS, dir string) []damage {
	var coarse, fine []damage
	for _, path := range filesBelow(l, fsys, dir) {
		info, err := fsys.Stat(path)
		if err != nil {
			l.Fatal(err)
		}
		coarse = append(coarse, damage{path, "loss", nil}, resize(path, info.Size, 0), resize(path, info.Size, info.Size-1), resize(path, info.Size, info.Size+100))
		fine = append(fine, l.fineDamages(path, info.Size)...)
	}
	points := *l.cfg
	if points.Points > 0 {
		points.Points *= 4
	}
	for _, i := range points.sample(len(fine)) {
		coarse = append(coarse, fine[i])
	}
	return coarse
}

// fineDamages flips bits, cuts and blanks: at the beginning and the end of the
// file closely, since that is where headers, roots and footers are.
func (l *lab) fineDamages(path string, size int64) (fine []damage) {
	const close = 48 // bytes
	var offsets []int64
	for i := range min(close, size) {
		offsets = append(offsets, i, size-1-i)
	}
	for _, i := range l.cfg.sample(int(size)) {
		offsets = append(offsets, int64(i))
	}
	slices.Sort(offsets)
	for i, off := range slices.Compact(offsets) {
		fine = append(fine, flip(path, off, byte(1)<<(off*3%8)))
		if i%5 == 0 {
			fine = append(fine, resize(path, size, off))
		}
		if i%13 == 0 {
			fine = append(fine, blank(path, off, min(512, size-off)))
		}
	}
	return fine
}

func flip(path string, off int64, bit byte) damage {
	return damage{path, fmt.Sprintf("a flip of bit %#x at offset %d", bit, off), func(f vfs.File) error {
		var b [1]byte
		if _, err := f.ReadAt(b[:], off); err != nil {
			return err
		}
		b[0] ^= bit
		_, err := f.WriteAt(b[:], off)
		return err
	}}
}

func blank(path string, off, n int64) damage {
	return damage{path, fmt.Sprintf("the blanking of %d bytes at offset %d", n, off), func(f vfs.File) error {
		_, err := f.WriteAt(make([]byte, n), off)
		return err
	}}
}

func resize(path string, from, to int64) damage {
	to = max(to, 0)
	return damage{path, fmt.Sprintf("the change from %d to %d bytes", from, to), func(f vfs.File) error { return f.Truncate(to) }}
}

func (d damage) doTo(fsys vfs.FS) error {
	if d.do == nil {
		return fsys.Remove(d.path)
	}
	f, err := fsys.OpenReadWrite(d.path)
	if err != nil {
		return err
	}
	if err := d.do(f); err != nil {
		return err
	}
	return f.Close()
}

// readDamaged opens a damaged store and reads it in every way.
func readDamaged(p *player, accepted []*model) (f *failure) {
	defer func() {
		if v := recover(); v != nil { // the store may hold its locks: leave it alone
			f = failed("F4", "panic: %v\n%s", v, debug.Stack())
		} else {
			p.abandon()
		}
	}()
	if p.open() != nil {
		return nil
	}
	r := &reading{s: p.store, apart: p.apart}
	r.all(accepted[0])
	for _, err := range r.errs {
		var corrupt *statelab.CorruptError
		if !errors.As(err, &corrupt) {
			return failed("F4", "the error %q is not a CorruptError", err)
		}
	}
	for _, want := range accepted[1:] {
		if r.judge(want) == nil {
			return nil
		}
	}
	return r.judge(accepted[0])
}

// A reading is all that a store answered.
type reading struct {
	s         statelab.Store
	apart     bool
	errs      []error
	forwards  scan
	backwards scan
	gets      map[string]answer
	watermark int64
}

// A scan is what an iterator read until its end or an error.
type scan struct {
	pairs []pair
	ended bool // without an error
}

type pair struct{ key, value string }

type answer struct {
	value string
	found bool
}

// all reads, by Get, the keys of a model and some beside them.
func (r *reading) all(m *model) {
	r.watermark, r.gets = r.s.Stats().Watermark, map[string]answer{}
	r.forwards = r.scan(statelab.Iterator.First, statelab.Iterator.Next)
	r.backwards = r.scan(statelab.Iterator.Last, statelab.Iterator.Prev)
	for _, key := range m.keys(statelab.Range{}) {
		r.get(key)
		r.get(key + "\x00")
	}
	r.get("absent")
	r.note(statelab.Check(r.s))
}

func (r *reading) scan(first, next func(statelab.Iterator) bool) (s scan) {
	it, err := r.s.Iter(statelab.Range{})
	if err == nil {
		defer it.Close()
		for ok := first(it); ok; ok = next(it) {
			s.pairs = append(s.pairs, pair{string(it.Key()), string(it.Value())})
		}
		err = it.Err()
	}
	r.note(err)
	s.ended = err == nil
	return s
}

func (r *reading) note(err error) {
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

func (r *reading) get(key string) {
	value, err := r.s.Get(nil, []byte(key))
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		r.note(fmt.Errorf("Get(%s): %w", quote(key), err))
		return
	}
	r.gets[key] = answer{string(value), err == nil}
	if !r.apart || err != nil {
		return
	}
	joined := ""
	err = statelab.Elements(r.s, []byte(key), func(e []byte, _ int64) bool { joined += string(e); return true })
	if err != nil {
		r.note(fmt.Errorf("Elements(%s): %w", quote(key), err))
		return
	}
	if joined != string(value) {
		r.gets[key] = answer{joined, true} // which cannot be right too
	}
}

// judge says whether all that was answered is right by the model.
func (r *reading) judge(m *model) *failure {
	if r.watermark != m.watermark {
		return failed("F4", "without an error the watermark is %s, want %s", timeText(r.watermark), timeText(m.watermark))
	}
	var want []pair
	for _, key := range m.keys(statelab.Range{}) {
		value, _ := m.value(key)
		want = append(want, pair{key, value})
	}
	if f := judgeScan("forwards", r.forwards, want); f != nil {
		return f
	}
	slices.Reverse(want)
	if f := judgeScan("backwards", r.backwards, want); f != nil {
		return f
	}
	for key, got := range r.gets {
		value, ok := m.value(key)
		if got.found != ok || got.value != value {
			return failed("F4", "without an error Get(%s) gives %s: %v, want %s: %v", quote(key), quote(got.value), got.found, quote(value), ok)
		}
	}
	return nil
}

// judgeScan requires the beginning of what is right, and all of it if no error
// ended the scan.
func judgeScan(way string, s scan, want []pair) *failure {
	for i, p := range s.pairs {
		if i >= len(want) || p != want[i] {
			return failed("F4", "%s an iterator reads %s: %s as its record %d, which is wrong", way, quote(p.key), quote(p.value), i)
		}
	}
	if s.ended && len(s.pairs) < len(want) {
		return failed("F4", "%s an iterator reads %d records and no error, want %d", way, len(s.pairs), len(want))
	}
	return nil
}
