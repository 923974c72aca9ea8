package statelab

import (
	"errors"
	"fmt"
	"io"
)

// Optional abilities of a Store are interfaces of one method, each with a free
// function of the same name that falls back on the contract where it can.

// MultiGetStore can overlap the look-ups of several keys.
type MultiGetStore interface {
	MultiGet(keys [][]byte, found func(i int, value []byte)) error
}

// MultiGet calls found with the index and value of each key that has a live
// record, in the order of keys, all as of one moment for stores with the
// ability and each as of its own otherwise. A key may be asked for more than
// once. value may be read during the call of found, which must not call the store.
// If reading fails, MultiGet ends with that error, and found may have been
// called for some of the keys.
func MultiGet(s Store, keys [][]byte, found func(i int, value []byte)) error {
	if m, ok := s.(MultiGetStore); ok {
		return m.MultiGet(keys, found)
	}
	var buf []byte
	for i, key := range keys {
		value, err := s.Get(buf[:0], key)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		found(i, value)
		buf = value
	}
	return nil
}

// DeleteRangeStore can remove a range of records at once.
type DeleteRangeStore interface {
	DeleteRange(r Range) error
}

// deleteRangeChunk bounds the batches of DeleteRange's fallback, in operations.
const deleteRangeChunk = 1024

// DeleteRange removes all records of r. Stores with the ability do so
// atomically; the fallback looks for records and deletes them, 1024 at a time.
func DeleteRange(s Store, r Range) error {
	if d, ok := s.(DeleteRangeStore); ok {
		return d.DeleteRange(r)
	}
	var b Batch
	for {
		b.Reset()
		from, err := deleteSome(s, r, &b)
		if b.Len() > 0 && (err == nil || errors.Is(err, ErrSnapshotTooOld)) {
			err = s.Apply(&b) // and go on from there: an iterator held meanwhile would pin what is deleted
		}
		if err != nil || from == nil {
			return err
		}
		r.Lower = from
	}
}

// deleteSome adds deletions of the first records of r to b. It returns the key
// to go on from, or nil if that was all.
func deleteSome(s Store, r Range, b *Batch) (from []byte, err error) {
	it, err := s.Iter(r)
	if err != nil {
		return nil, err
	}
	var last []byte
	for b.Len() < deleteRangeChunk && it.Next() {
		b.Delete(it.Key())
		last = append(last[:0], it.Key()...)
	}
	err = it.Close()
	if b.Len() < deleteRangeChunk && err == nil {
		return nil, nil
	}
	return append(last, 0), err
}

// ElementStore can tell the elements of a record apart.
type ElementStore interface {
	Elements(key []byte, yield func(element []byte, expireAt int64) bool) error
}

// Elements calls yield with each live element of key's record and its expiry,
// oldest first, until yield returns false. It returns ErrNotFound if there is
// none, and ErrUnsupported if the store does not have the ability: there is no
// way round, since values are not framed.
func Elements(s Store, key []byte, yield func(element []byte, expireAt int64) bool) error {
	if e, ok := s.(ElementStore); ok {
		return e.Elements(key, yield)
	}
	return fmt.Errorf("elements: %w", ErrUnsupported)
}

// CheckStore can verify its structure: every page, block and log record, and
// the invariants between them.
type CheckStore interface {
	Check() error
}

// Check verifies the store as deeply as it can. The fallback reads every
// record in both directions and compares the two.
func Check(s Store) error {
	if c, ok := s.(CheckStore); ok {
		return c.Check()
	}
	it, err := s.Iter(Range{})
	if err != nil {
		return err
	}
	forward, backward := 0, 0
	var last []byte
	for ok := it.First(); ok; ok = it.Next() {
		if forward > 0 && string(it.Key()) <= string(last) {
			it.Close()
			return fmt.Errorf("check: key %x follows %x", it.Key(), last)
		}
		last = append(last[:0], it.Key()...)
		forward++
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		backward++
	}
	if err := it.Close(); err != nil {
		return err
	}
	if forward != backward {
		return fmt.Errorf("check: %d records forwards, %d backwards", forward, backward)
	}
	return nil
}

// DumpStore can print its structure for a person.
type DumpStore interface {
	Dump(w io.Writer) error
}

// Dump prints the structure of the store, or, without the ability, its figures.
func Dump(w io.Writer, s Store) error {
	if d, ok := s.(DumpStore); ok {
		return d.Dump(w)
	}
	_, err := fmt.Fprintf(w, "%+v\n", s.Stats())
	return err
}

// KeepsDeadStore is a store that never gives back the space of what has
// died: records that expire are gone from every read, and stay on the disk
// until they are deleted.
type KeepsDeadStore interface {
	KeepsDead() bool
}

// KeepsDead says whether the user of the store has to delete what has died. A
// store without the ability looks after it itself, as the contract asks.
func KeepsDead(s Store) bool {
	k, ok := s.(KeepsDeadStore)
	return ok && k.KeepsDead()
}
