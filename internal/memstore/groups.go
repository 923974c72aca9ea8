package memstore

import (
	"bytes"
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/hashdir"
)

// groups find the records of a join key by the hash of that key, so that neither
// a probe nor a Get goes through the index.
//
//	hash table:  | A 3 | . | T long | B 1 |
//	                |          |       +---> B/1
//	                |          +---> a record of T: the index has the order of the others
//	                +---> A/1 ---> A/4 ---> A/7     in key order, by the records' chain
//
// A group is the records whose keys have one prefix, or, of keys without one, a
// single record. A short group is a chain of up to maxChain records. One that
// has grown beyond that is long; it becomes short again when the record that its
// entry leads to goes and few are left. A long group's chain is not kept: who comes
// to it is loose, and then the table need not be asked when it goes, unless it leads
// the group. The last of its keys does, which expires last, as a rule.
//
// Readers walk chains as they walk the lowest level of a skip list: a record
// that has left its chain keeps its link, and all that was there when the reader
// entered his epoch comes after it still. A chain is made anew before the entry
// is that leads to it; who came to its records by an earlier chain finds at
// least what he would have found.
//
// The zero groups is off.
type groups struct {
	dir    *hashdir.Dir
	keys   Keys
	prefix func(key []byte) int // nil: each record is a group

	// What follows is the writer's.
	last    sought
	room    [maxChain + 1]arena.Ref // of a chain, and one more
	scratch []byte                  // a group's successor
}

const (
	maxChain = 8
	longMark = maxChain + 1
)

func newGroups(keys Keys, prefix func(key []byte) int) (groups, error) {
	dir, err := hashdir.New()
	return groups{dir: dir, keys: keys, prefix: prefix}, err
}

func (g *groups) on() bool { return g.dir != nil }

func (g *groups) bytes() int64 {
	if g.dir == nil {
		return 0
	}
	return g.dir.Bytes()
}

func (g *groups) close() {
	if g.dir != nil {
		g.dir.Release()
	}
}

// of returns what all keys of the key's group begin with.
func (g *groups) of(key []byte) []byte {
	if g.prefix != nil {
		if n := g.prefix(key); n > 0 {
			return key[:n]
		}
	}
	return key
}

// isIn says whether a record is of a group. If the group's prefix is known to be
// whole, all that begins with it is.
func (g *groups) isIn(ref arena.Ref, group []byte, whole bool) bool {
	key := g.keys.Of(ref)
	return bytes.HasPrefix(key, group) && (whole || len(key) == len(group) || len(g.of(key)) == len(group))
}

// A seat is where the table has a key's group.
type seat struct {
	hash  uint64
	size  int // of what all keys of the group begin with
	entry hashdir.Entry
}

// seatOf looks a key's group up. The entry is zero if it has no records.
func (g *groups) seatOf(key []byte) seat {
	group := g.of(key)
	hash := hashdir.Hash(group)
	return seat{hash, len(group), g.entry(hash, group, len(group) < len(key))}
}

// entry returns the entry of a group, or the zero one.
func (g *groups) entry(hash uint64, group []byte, whole bool) hashdir.Entry {
	p := g.dir.Probe(hash)
	for e := p.Next(); e.Ref != 0; e = p.Next() {
		if g.isIn(e.Ref, group, whole) {
			return e
		}
	}
	return hashdir.Entry{}
}

// sought is the writer's last look-up, while it holds.
type sought struct {
	key   []byte
	seat  seat
	holds bool
}

// seek is find for the writer, who may add or replace a record of the key next.
func (g *groups) seek(key []byte) (ref arena.Ref, long bool) {
	g.last.seat = g.seatOf(key)
	g.last.key, g.last.holds = append(g.last.key[:0], key...), true
	return g.findFrom(g.last.seat.entry, key)
}

// seatToChange returns the seat of a key's group for the writer, who is going to
// change it.
func (g *groups) seatToChange(key []byte) seat {
	last := &g.last
	if last.holds && string(last.key) == string(key) {
		last.holds = false
		return last.seat
	}
	last.holds = false
	return g.seatOf(key)
}

func (g *groups) next(ref arena.Ref) arena.Ref {
	return arena.Ref(g.rec(ref).chain.Load())
}

func (g *groups) setNext(ref, next arena.Ref) {
	g.rec(ref).chain.Store(uint32(next))
}

// find returns the record of key, or 0, unless the group is long.
func (g *groups) find(key []byte) (ref arena.Ref, long bool) {
	return g.findFrom(g.seatOf(key).entry, key)
}

func (g *groups) findFrom(e hashdir.Entry, key []byte) (ref arena.Ref, long bool) {
	if e.Mark == longMark {
		return 0, true
	}
	for ref = e.Ref; ref != 0; ref = g.next(ref) {
		if order := bytes.Compare(g.keys.Of(ref), key); order == 0 {
			return ref, false
		} else if order > 0 {
			break
		}
	}
	return 0, false
}

// resolves returns the group that all keys of a range are of, if there is one:
// all that begins with a whole prefix has that prefix. scratch is for what has to
// be made up on the way, and is returned for the next time.
func (g *groups) resolves(scratch, lower, upper []byte) (group, again []byte, ok bool) {
	if g.dir == nil || g.prefix == nil {
		return nil, scratch, false
	}
	n := g.prefix(lower)
	if n == 0 {
		return nil, scratch, false
	}
	group = lower[:n]
	if !bytes.HasPrefix(upper, group) {
		scratch = statelab.AppendSuccessor(scratch[:0], group)
		if !bytes.Equal(scratch, upper) {
			return nil, scratch, false
		}
	}
	if n < len(lower) {
		return group, scratch, true // that the key goes on shows that the prefix is whole
	}
	scratch, ok = g.isWhole(scratch, group)
	return group, scratch, ok
}

// isWhole says whether a prefix stays as it is whatever follows: one that is cut
// short becomes longer by the least byte or by the greatest.
func (g *groups) isWhole(scratch, prefix []byte) (again []byte, whole bool) {
	for _, more := range [...]byte{0x00, 0xff} {
		scratch = append(append(scratch[:0], prefix...), more)
		if g.prefix(scratch) != len(prefix) {
			return scratch, false
		}
	}
	return scratch, true
}

// before returns the last record of a chain with a key < key, or 0, and the one
// after that.
func (g *groups) before(first arena.Ref, key []byte) (prev, next arena.Ref) {
	for next = first; next != 0 && bytes.Compare(g.keys.Of(next), key) < 0; next = g.next(next) {
		prev = next
	}
	return prev, next
}

func (g *groups) rec(ref arena.Ref) *record { return (*record)(g.keys.Mem.Ptr(ref)) }

// inLong are the states of records that tell of long groups.
const inLong = recordLoose | recordLeads

// setInLong notes what a record is in a long group: nothing, or loose, or its leader
// too.
func (g *groups) setInLong(ref arena.Ref, state uint8) {
	rec := g.rec(ref)
	rec.state = rec.state&^inLong | state
}

// add takes a new record in. The only error is that there is no memory; nothing
// is changed then.
func (g *groups) add(ref arena.Ref) error {
	key := g.keys.Of(ref)
	at := g.seatToChange(key)
	hash, e := at.hash, at.entry
	switch {
	case e.Ref == 0:
		return g.dir.Insert(hash, hashdir.Entry{Ref: ref, Mark: 1})
	case e.Mark == longMark:
		g.setInLong(ref, recordLoose)
		return nil
	case e.Mark == maxChain:
		g.setInLong(ref, inLong)
		g.dir.Update(hash, e.Ref, hashdir.Entry{Ref: ref, Mark: longMark})
		return nil
	}
	prev, next := g.before(e.Ref, key)
	g.setNext(ref, next)
	first := e.Ref
	if prev == 0 {
		first = ref
	} else {
		g.setNext(prev, ref)
	}
	g.dir.Update(hash, e.Ref, hashdir.Entry{Ref: first, Mark: e.Mark + 1})
	return nil
}

// replace puts a record in the place of one with the same key.
func (g *groups) replace(old, ref arena.Ref) {
	state := g.rec(old).state & inLong
	g.setInLong(ref, state)
	if state == recordLoose {
		return
	}
	key := g.keys.Of(ref)
	at := g.seatToChange(key)
	hash, e := at.hash, at.entry
	g.setNext(ref, g.next(old))
	if e.Ref == old {
		g.dir.Update(hash, old, hashdir.Entry{Ref: ref, Mark: e.Mark})
	} else if e.Mark != longMark {
		prev, _ := g.before(e.Ref, key)
		g.setNext(prev, ref)
	}
}

// remove takes a record out that is not in the index any more.
func (g *groups) remove(ref arena.Ref, x Index) {
	if g.rec(ref).state&inLong == recordLoose {
		return
	}
	key := g.keys.Of(ref)
	at := g.seatToChange(key)
	hash, e := at.hash, at.entry
	switch {
	case e.Mark == longMark:
		if e.Ref == ref {
			g.relead(hash, ref, key[:at.size], x)
		}
	case e.Ref != ref:
		prev, _ := g.before(e.Ref, key)
		g.setNext(prev, g.next(ref))
		g.dir.Update(hash, e.Ref, hashdir.Entry{Ref: e.Ref, Mark: e.Mark - 1})
	case e.Mark == 1:
		g.dir.Remove(hash, ref)
	default:
		g.dir.Update(hash, ref, hashdir.Entry{Ref: g.next(ref), Mark: e.Mark - 1})
	}
}

// relead makes the entry of a long group, which leads to old, lead to what is
// left of the group.
func (g *groups) relead(hash uint64, old arena.Ref, group []byte, x Index) {
	refs := x.Ascend(g.room[:0], group, false)
	n := 0
	for n < len(refs) && g.isIn(refs[n], group, true) {
		n++
	}
	switch {
	case n == 0:
		g.dir.Remove(hash, old)
	case n > maxChain:
		g.scratch = statelab.AppendSuccessor(g.scratch[:0], group)
		last := x.Descend(g.room[:0:1], g.scratch, len(g.scratch) == 0)[0]
		g.setInLong(last, inLong)
		g.dir.Update(hash, old, hashdir.Entry{Ref: last, Mark: longMark})
	default:
		next := arena.Ref(0)
		for i := n - 1; i >= 0; i-- {
			g.setInLong(refs[i], 0)
			g.setNext(refs[i], next)
			next = refs[i]
		}
		g.dir.Update(hash, old, hashdir.Entry{Ref: next, Mark: uint8(n)})
	}
}

// check verifies R10, but that each record is found, which who walks the index
// does.
func (g *groups) check(x Index) error {
	if g.dir == nil {
		return nil
	}
	if err := g.dir.Check(); err != nil {
		return err
	}
	for e := range g.dir.All() {
		group := g.of(g.keys.Of(e.Ref))
		if e.Mark == longMark {
			if x.Find(g.keys.Of(e.Ref)) != e.Ref || g.rec(e.Ref).state&inLong != inLong {
				return fmt.Errorf("R10: the group of %x leads to a record that is not in the index, or not noted to lead", group)
			}
			continue
		}
		n := 0
		for ref := e.Ref; ref != 0 && n <= maxChain; ref = g.next(ref) {
			if !g.isIn(ref, group, false) || x.Find(g.keys.Of(ref)) != ref || g.rec(ref).state&inLong != 0 {
				return fmt.Errorf("R10: the chain of %x has a record that is not in the index, of another group, or noted to be loose", group)
			}
			n++
		}
		if n != int(e.Mark) {
			return fmt.Errorf("R10: the chain of %x has %d records, and %d are counted", group, n, e.Mark)
		}
	}
	return nil
}

// checkLoose verifies what is noted of a record in the index.
func (g *groups) checkLoose(ref arena.Ref) error {
	if g.dir == nil {
		return nil
	}
	state := g.rec(ref).state & inLong
	e := g.seatOf(g.keys.Of(ref)).entry
	if state != 0 && (e.Mark != longMark || state&recordLoose == 0) || (state&recordLeads != 0) != (e.Mark == longMark && e.Ref == ref) {
		return fmt.Errorf("R10: the record is noted to be loose, or to lead a long group, and is not")
	}
	return nil
}
