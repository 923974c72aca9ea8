package storetest

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
	"github.com/statelab/statelab/vfs"
)

// A lab is what one case works with: a fresh file system, a directory on it,
// and the stores that the case opened, which are verified and closed when it ends.
type lab struct {
	tb
	cfg    *Config
	clause string
	fs     vfs.FS // nil if the store ignores Options.FS
	mem    *vfs.Mem
	root   string
	settle func(*store) // done after each step of a settled case
	opened []*store
	// repeat, if not nil, returns the command that runs a seed again.
	repeat func(seed uint64) string
}

// runLab runs f in a fresh lab, and looks after what it leaves open.
func runLab(t tb, cfg *Config, clause string, f func(*lab)) {
	l := &lab{tb: t, cfg: cfg, clause: clause}
	if cfg.IgnoresFS {
		l.root = t.TempDir()
	} else {
		l.mem = vfs.NewMem()
		l.fs, l.root = l.mem, "/"
	}
	before := offheap.InUse()
	defer func() {
		if p := recover(); p != nil { // the store may hold its locks: leave it alone
			l.Fatal(clauseText(clause, "panic: %v\n%s", p, debug.Stack()))
		}
		l.abandon()
	}()
	f(l)
	for len(l.opened) > 0 {
		s := l.opened[len(l.opened)-1]
		if err := statelab.Check(s.Store); err != nil {
			l.fail("Check at the end of the case: %v", err)
		}
		s.close()
	}
	if left := offheap.InUse() - before; left != 0 {
		l.failClause("O5", "%d bytes of off-heap memory are in use after all stores and iterators were closed", left)
	}
}

// abandon closes what a failed case left open.
func (l *lab) abandon() {
	for _, s := range l.opened {
		s.closeIters()
		s.Store.Close()
	}
}

// fail ends the case with a text that begins with its clause and ends with the
// clause's sentence.
func (l *lab) fail(format string, args ...any) {
	l.Helper()
	l.failClause(l.clause, format, args...)
}

// failClause is fail for a clause that is not the case's own.
func (l *lab) failClause(clause, format string, args ...any) {
	l.Helper()
	l.Fatal(clauseText(clause, format, args...))
}

func clauseText(clause, format string, args ...any) string {
	return fmt.Sprintf("%s: %s\n\t(%s: %s)", clause, fmt.Sprintf(format, args...), clause, sentence(clause))
}

// path returns the path of a name in the lab's file system.
func (l *lab) path(name string) string { return filepath.Join(l.root, name) }

// defaultMemory is the budget of stores in most cases: little, so that what a
// store does when buffers are full happens.
const defaultMemory = 256 << 10 // bytes

// options returns what most cases open their stores with: inline maintenance
// if the store knows it, and, unless all state is in memory, little of it.
func (l *lab) options() statelab.Options {
	o := statelab.Options{FS: l.fs}
	if !l.cfg.NoInline {
		o.Maintenance = statelab.MaintenanceInline
	}
	if !l.cfg.MemoryResident {
		o.Memory = defaultMemory
	}
	if !l.cfg.supports(o.Durability) {
		o.Durability = l.cfg.Durabilities[0]
	}
	return o
}

// open opens the lab's store with the usual options.
func (l *lab) open() *store { return l.openWith(l.options()) }

func (l *lab) openWith(o statelab.Options) *store { return l.openAt("store", o) }

// openAt opens the store of this name, which must work.
func (l *lab) openAt(name string, o statelab.Options) *store {
	l.Helper()
	inner, err := l.cfg.Open(l.path(name), &o)
	if err != nil {
		l.fail("opening: %v", err)
	}
	s := &store{Store: inner, l: l, name: name, o: o}
	l.opened = append(l.opened, s)
	return s
}

// refuse opens the store of this name, which must fail with an error that is
// target and whose text holds each of words.
func (l *lab) refuse(name string, o statelab.Options, target error, words ...string) {
	l.Helper()
	s, err := l.cfg.Open(l.path(name), &o)
	if err == nil {
		s.Close()
		l.fail("opening %s worked, want an error that is %q", name, target)
	}
	if !errors.Is(err, target) {
		l.fail("opening %s: error %q is not %q", name, err, target)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			l.fail("opening %s: error %q does not say %q", name, err, w)
		}
	}
}

// A store is an open store whose methods end the case when they fail.
type store struct {
	statelab.Store
	l     *lab
	name  string
	o     statelab.Options
	batch statelab.Batch
	iters []statelab.Iterator
}

// try applies operations and returns the error.
func (s *store) try(ops ...statelab.Op) error {
	s.batch.Reset()
	for _, op := range ops {
		addOp(&s.batch, op)
	}
	return s.Apply(&s.batch)
}

func addOp(b *statelab.Batch, op statelab.Op) {
	switch op.Kind {
	case statelab.OpPut:
		b.Put(op.Key, op.Value, op.ExpireAt)
	case statelab.OpAppend:
		b.Append(op.Key, op.Value, op.ExpireAt)
	case statelab.OpDelete:
		b.Delete(op.Key)
	}
}

// apply applies operations as one batch.
func (s *store) apply(ops ...statelab.Op) {
	s.l.Helper()
	if err := s.try(ops...); err != nil {
		s.l.fail("Apply: %v", err)
	}
	s.settled()
}

// put, add and del are batches of one operation.
func (s *store) put(key, value string, expireAt int64) {
	s.l.Helper()
	s.apply(putOp(key, value, expireAt))
}

func (s *store) add(key, element string, expireAt int64) {
	s.l.Helper()
	s.apply(addElement(key, element, expireAt))
}

func (s *store) del(key string) { s.l.Helper(); s.apply(delOp(key)) }

func putOp(key, value string, expireAt int64) statelab.Op {
	return statelab.Op{Kind: statelab.OpPut, Key: []byte(key), Value: []byte(value), ExpireAt: expireAt}
}

func addElement(key, element string, expireAt int64) statelab.Op {
	return statelab.Op{Kind: statelab.OpAppend, Key: []byte(key), Value: []byte(element), ExpireAt: expireAt}
}

func delOp(key string) statelab.Op {
	return statelab.Op{Kind: statelab.OpDelete, Key: []byte(key), ExpireAt: statelab.NoExpiry}
}

func (s *store) advance(watermark int64) {
	s.l.Helper()
	if err := s.Advance(watermark); err != nil {
		s.l.fail("Advance(%d): %v", watermark, err)
	}
	s.settled()
}

func (s *store) settled() {
	if s.l.settle != nil {
		s.l.settle(s)
	}
}

func (s *store) sync() {
	s.l.Helper()
	if err := s.Sync(); err != nil {
		s.l.fail("Sync: %v", err)
	}
}

// reopen closes the store and opens it again in its place.
func (s *store) reopen() {
	s.l.Helper()
	s.closeIters()
	if err := s.Store.Close(); err != nil {
		s.l.fail("Close: %v", err)
	}
	inner, err := s.l.cfg.Open(s.l.path(s.name), &s.o)
	if err != nil {
		s.l.forget(s)
		s.l.fail("reopening: %v", err)
	}
	s.Store = inner
}

// close closes the store for good, and the iterators that were left open.
func (s *store) close() {
	s.l.Helper()
	s.l.forget(s)
	s.closeIters()
	if err := s.Store.Close(); err != nil {
		s.l.fail("Close: %v", err)
	}
}

func (s *store) closeIters() {
	for _, it := range s.iters {
		it.Close()
	}
	s.iters = nil
}

func (l *lab) forget(s *store) {
	l.opened = slices.DeleteFunc(l.opened, func(o *store) bool { return o == s })
}

// iter opens an iterator that is closed with the store at the latest.
func (s *store) iter(r statelab.Range) statelab.Iterator {
	s.l.Helper()
	it, err := s.Iter(r)
	if err != nil {
		s.l.fail("Iter(%s): %v", rangeText(r), err)
	}
	s.iters = append(s.iters, it)
	return it
}

// want compares the value of key, and wantNone requires that it has none.
func (s *store) want(key, value string) {
	s.l.Helper()
	switch got, err := s.Get(nil, []byte(key)); {
	case err != nil:
		s.l.fail("Get(%s): %v, want %s", quote(key), err, quote(value))
	case string(got) != value:
		s.l.fail("Get(%s) = %s, want %s", quote(key), quote(got), quote(value))
	}
}

func (s *store) wantNone(key string) {
	s.l.Helper()
	switch got, err := s.Get(nil, []byte(key)); {
	case err == nil:
		s.l.fail("Get(%s) = %s, want ErrNotFound", quote(key), quote(got))
	case !errors.Is(err, statelab.ErrNotFound):
		s.l.fail("Get(%s): error %q is not ErrNotFound", quote(key), err)
	}
}

// wantAll requires that the store holds exactly these keys and values, given
// in turn and in order, whichever way it is read.
func (s *store) wantAll(pairs ...string) {
	s.l.Helper()
	s.wantRange(statelab.Range{}, pairs...)
	for i := 0; i < len(pairs); i += 2 {
		s.want(pairs[i], pairs[i+1])
	}
}

func (s *store) wantRange(r statelab.Range, pairs ...string) {
	s.l.Helper()
	it := s.iter(r)
	wantScan(s.l, it, pairs...)
	if err := it.Close(); err != nil {
		s.l.fail("closing an iterator: %v", err)
	}
}

// wantScan reads the iterator forwards and backwards.
func wantScan(l *lab, it statelab.Iterator, pairs ...string) {
	l.Helper()
	var forwards, backwards []string
	for ok := it.First(); ok; ok = it.Next() {
		forwards = append(forwards, string(it.Key()), string(it.Value()))
	}
	if err := it.Err(); err != nil {
		l.fail("reading forwards: %v", err)
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		backwards = append(backwards, string(it.Value()), string(it.Key()))
	}
	if err := it.Err(); err != nil {
		l.fail("reading backwards: %v", err)
	}
	slices.Reverse(backwards)
	if !slices.Equal(forwards, pairs) {
		l.fail("reading forwards gives %s, want %s", pairText(forwards), pairText(pairs))
	}
	if !slices.Equal(backwards, pairs) {
		l.fail("reading backwards gives, turned round, %s, want %s", pairText(backwards), pairText(pairs))
	}
}

// quote prints bytes, and of many only the first.
func quote[B ~string | ~[]byte](b B) string {
	const most = 40
	if len(b) > most {
		return fmt.Sprintf("%q... (%d bytes)", string(b[:most]), len(b))
	}
	return fmt.Sprintf("%q", string(b))
}

func pairText(pairs []string) string {
	const most = 24
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i < len(pairs) && i < 2*most; i += 2 {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s: %s", quote(pairs[i]), quote(pairs[i+1]))
	}
	if len(pairs) > 2*most {
		fmt.Fprintf(&b, ", ... (%d records)", len(pairs)/2)
	}
	b.WriteByte('}')
	return b.String()
}

func rangeText(r statelab.Range) string {
	bound := func(b []byte) string {
		if b == nil {
			return "-"
		}
		return quote(b)
	}
	return "[" + bound(r.Lower) + ", " + bound(r.Upper) + ")"
}
