package storetest

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

// An openIter is an iterator, and what it should say.
type openIter struct {
	statelab.Iterator
	cursor cursor
	model  *model // as it was at the opening
	writes int    // of the player at the opening
	failed error  // it is, as it may be, too old
}

// iterate makes a step of an iterator; of one that a shorter history never
// opened it is nothing.
func (p *player) iterate(s step) (*failure, error) {
	if s.verb == "iter" {
		r := s.bounds()
		it, err := p.store.Iter(r)
		if err != nil {
			return nil, fmt.Errorf("Iter(%s): %w", rangeText(r), err)
		}
		if old := p.iters[s.iter]; old != nil {
			old.Close()
		}
		m := p.journal.now()
		p.iters[s.iter] = &openIter{Iterator: it, cursor: cursor{keys: m.keys(r)}, model: m, writes: p.writes}
		return nil, nil
	}
	it := p.iters[s.iter]
	switch {
	case it == nil:
		return nil, nil
	case s.verb == "close-iter":
		delete(p.iters, s.iter)
		return p.closeIter(it)
	}
	return p.move(it, s)
}

func (p *player) move(it *openIter, s step) (*failure, error) {
	got, want := doMove(it.Iterator, s), doMove(&it.cursor, s)
	tooOld := it.failed != nil
	if err := it.Err(); err != nil {
		if !errors.Is(err, statelab.ErrSnapshotTooOld) || !p.mayBeOld(it) {
			return nil, fmt.Errorf("iterator %d: %w", s.iter, err)
		}
		it.failed = err
		// Maintenance in the background may have taken the snapshot away after the
		// move, whose bytes live until the next one.
		tooOld = tooOld || !got
	}
	clause := "I2"
	if it.model != p.journal.now() {
		clause = "I1"
	}
	if tooOld {
		if got || it.Key() != nil || it.Value() != nil {
			return failed("I8", "iterator %d, which is too old, stands on %s", s.iter, quote(it.Key())), nil
		}
		return nil, nil
	}
	if got != want || string(it.Key()) != string(it.cursor.Key()) || want != (it.Key() != nil) {
		return failed(clause, "iterator %d says %v and stands on %s, want %v and %s", s.iter, got, quote(it.Key()), want, quote(it.cursor.Key())), nil
	}
	if !want {
		return nil, nil
	}
	if value, _ := it.model.value(string(it.Key())); value != string(it.Value()) {
		return failed(clause, "iterator %d stands on %s: %s, want %s", s.iter, quote(it.Key()), quote(it.Value()), quote(value)), nil
	}
	return nil, nil
}

// mayBeOld says whether memory may be held only for the iterator: what it reads
// was replaced, or written to files, since it was opened.
func (p *player) mayBeOld(it *openIter) bool {
	return p.o.Memory > 0 && (p.writes > it.writes || p.o.Maintenance == statelab.MaintenanceBackground)
}

func doMove(it statelab.Iterator, s step) bool {
	switch s.verb {
	case "first":
		return it.First()
	case "last":
		return it.Last()
	case "next":
		return it.Next()
	case "prev":
		return it.Prev()
	case "seek-ge":
		return it.SeekGE([]byte(s.keys[0].string()))
	}
	return it.SeekLT([]byte(s.keys[0].string()))
}

func (p *player) closeIter(it *openIter) (*failure, error) {
	if err := it.Close(); err != nil && !errors.Is(err, statelab.ErrSnapshotTooOld) {
		return nil, fmt.Errorf("Close of an iterator: %w", err)
	}
	return nil, nil
}

func (p *player) closeIters() *failure {
	for id, it := range p.iters {
		delete(p.iters, id)
		if f, err := p.closeIter(it); f != nil || err != nil {
			return cmpFailure("close-iter", f, err)
		}
	}
	return nil
}
