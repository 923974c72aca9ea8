package memstore

import (
	"sync"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/hashdir"
)

// A Builder is an Index that can be built at once, which saves a look-up for
// each record.
type Builder interface {
	Index
	// Build inserts records with ascending keys into an index that has none.
	// After an error the index is of no use.
	Build(refs []arena.Ref) error
}

// finish makes of what was loaded a store that can be read: it lets go of what
// is dead, and takes account of the rest, and puts it in order.
func (l *loader) finish() error {
	r := l.r
	r.seq.Store(loadedSeq)
	r.wheel.now = flipped(r.watermark.Load())
	all := make([]keyed, 0, l.dir.Len())
	if err := l.sweep(func(ref arena.Ref) {
		r.enlist(ref)
		all = append(all, keyed{headOf(r.keys().Of(ref), 0), ref})
	}); err != nil {
		return err
	}
	refs := l.sort(all)
	if !r.groups.on() || l.ownsGroups() {
		return r.build(refs)
	}
	if l.s.o.Maintenance == statelab.MaintenanceInline {
		if err := r.build(refs); err != nil {
			return err
		}
		return r.groups.build(refs)
	}
	var (
		beside sync.WaitGroup
		failed error
	)
	beside.Go(func() { failed = r.groups.build(refs) })
	err := r.build(refs)
	if beside.Wait(); err == nil {
		err = failed
	}
	return err
}

// sweepIfWorth lets go of what is dead when so much has been loaded since the
// last time that it may be half of all.
func (l *loader) sweepIfWorth() error {
	if watermark := l.r.watermark.Load(); watermark > l.sweptTo {
		l.sweptTo = watermark
		if err := l.sweep(func(arena.Ref) {}); err != nil {
			return err
		}
	}
	l.sweepAt = max(leastSweep, 2*l.r.mem.InUse())
	return nil
}

// sweep lets go of what is dead, and calls keep with each record that is left.
func (l *loader) sweep(keep func(arena.Ref)) error {
	refs := make([]arena.Ref, 0, l.dir.Len())
	for e := range l.dir.All() {
		refs = append(refs, e.Ref)
	}
	for len(refs) > 0 {
		window := refs[:min(loadWindow, len(refs))]
		refs = refs[len(window):]
		for _, ref := range window {
			l.wanted += l.r.touch(ref)
		}
		for _, ref := range window {
			left, err := l.prune(ref)
			if err != nil {
				return err
			}
			if left != 0 {
				keep(left)
			}
		}
	}
	return nil
}

// prune frees the dead elements of a record. It returns the record, or the one
// that is in its place if its first element has died, or 0 if all have.
func (l *loader) prune(ref arena.Ref) (arena.Ref, error) {
	r := l.r
	rec, watermark := r.rec(ref), r.watermark.Load()
	firstDied := false
	for at := r.newestOf(ref); at != 0; {
		older := r.olderOf(ref, at)
		if e := r.elem(at); statelab.Expired(e.expireAt(), watermark) {
			if at == ref {
				e.flags |= elementUnlinked
				firstDied = true
			} else {
				r.unlinkAppended(at)
				r.freePiece(at)
			}
		}
		at = older
	}
	switch {
	case rec.isEmpty():
		l.dir.Remove(hashdir.Hash(r.keys().Of(ref)), ref)
		r.freePiece(ref)
		return 0, nil
	case firstDied:
		return l.refill(ref)
	}
	return ref, nil
}

// refill puts a record whose first element is the oldest that is left in the
// place of one whose first is gone.
func (l *loader) refill(ref arena.Ref) (arena.Ref, error) {
	r := l.r
	rec := r.rec(ref)
	key, newest := r.keys().Of(ref), rec.newest()
	oldest := newest
	for older := oldest; older != 0; older = arena.Ref(r.elem(older).older.Load()) {
		oldest = older
	}
	e := r.elem(oldest)
	full, err := r.newRecord(statelab.Op{Key: key, Value: e.value(), ExpireAt: e.expireAt()}, loadedSeq)
	if err != nil {
		return 0, err
	}
	r.rec(full).state = recordSaved
	if newest != oldest {
		r.unlinkAppended(oldest)
		r.rec(full).setNewest(newest)
		r.appended(newest).newer = full
	}
	l.dir.Update(hashdir.Hash(key), ref, hashdir.Entry{Ref: full, Mark: 1})
	r.freePiece(oldest)
	r.freePiece(ref)
	return full, nil
}

// enlist takes the account of a record all of whose elements live.
func (r *records) enlist(ref arena.Ref) {
	rec := r.rec(ref)
	r.size += int64(rec.keyLen)
	for at := r.newestOf(ref); at != 0; at = r.olderOf(ref, at) {
		r.welcome(ref, at)
	}
}

// build puts records with ascending keys into the index, which has none.
func (r *records) build(refs []arena.Ref) error {
	if b, ok := r.index.(Builder); ok {
		return b.Build(refs)
	}
	for _, ref := range refs {
		if err := r.index.Insert(ref); err != nil {
			return err
		}
	}
	return nil
}

// build takes records with ascending keys in, when there are none.
func (g *groups) build(refs []arena.Ref) error {
	for len(refs) > 0 {
		group := g.of(g.keys.Of(refs[0]))
		n := 1
		for n < len(refs) && g.isIn(refs[n], group, false) {
			n++
		}
		e := hashdir.Entry{Ref: refs[0], Mark: uint8(min(n, longMark))}
		if n <= maxChain {
			for i := range n - 1 {
				g.setNext(refs[i], refs[i+1])
			}
		} else {
			for _, ref := range refs[:n] {
				g.setInLong(ref, recordLoose)
			}
			e.Ref = refs[n-1]
			g.setInLong(e.Ref, inLong)
		}
		if err := g.dir.Insert(hashdir.Hash(group), e); err != nil {
			return err
		}
		refs = refs[n:]
	}
	return nil
}
