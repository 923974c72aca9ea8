package trace

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab"
)

// A Player makes the calls of a trace on a store, and holds each answer against
// the one that was recorded: whether something was found, how many bytes, how
// many records. What was in the values it digests, so that replays on different
// stores can be held against each other. It belongs to one goroutine, and
// allocates nothing for a record other than an Open.
type Player struct {
	// Lenient makes the player go on where an answer is not the recorded one,
	// as over a store that keeps nothing.
	Lenient bool

	store   statelab.Store
	values  *Values
	number  uint64 // of the record at hand
	batch   statelab.Batch
	value   []byte
	open    []statelab.Iterator // by slot; nil if none
	hash    xxhash.Digest
	scratch [8]byte
	logical int64
}

// NewPlayer returns a player over a store, which it does not close.
func NewPlayer(s statelab.Store) *Player {
	p := &Player{store: s, values: NewValues()}
	p.hash.Reset()
	return p
}

// A MismatchError says which answer of a replay is not the recorded one.
type MismatchError struct {
	Record uint64 // from 0
	Kind   Kind
	Key    []byte // of a Get, or the lower bound of a Scan
	Reason string
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("record %d of the trace, %s %q: %s", e.Record, e.Kind, e.Key, e.Reason)
}

// Records returns how many records were played.
func (p *Player) Records() uint64 { return p.number }

// Logical returns the bytes of keys and elements that were put and appended.
func (p *Player) Logical() int64 { return p.logical }

// Checksum returns the digest of all that the store handed out: every value
// that a Get found, and every key and value that a move led to, in order.
func (p *Player) Checksum() uint64 { return p.hash.Sum64() }

// Play makes the call of the next record of a trace.
func (p *Player) Play(r *Record) (err error) {
	switch r.Kind {
	case Get:
		err = p.get(r)
	case Put, Append, Delete:
		err = p.change(r)
	case Scan:
		err = p.scan(r)
	case Open:
		err = p.openSlot(r)
	case Moves:
		err = p.moveSlot(r)
	case Advance:
		err = p.store.Advance(r.Watermark)
	case Sync:
		err = p.store.Sync()
	}
	if err != nil {
		err = p.failure(r, err)
	}
	p.number++
	return err
}

// failure adds what was being done to an error that does not say it.
func (p *Player) failure(r *Record, err error) error {
	var mismatch *MismatchError
	if errors.As(err, &mismatch) {
		return err
	}
	return fmt.Errorf("record %d of the trace, %s: %w", p.number, r.Kind, err)
}

// Close closes the iterators that the trace left open.
func (p *Player) Close() error {
	var first error
	for slot, it := range p.open {
		if it == nil {
			continue
		}
		if err := it.Close(); first == nil {
			first = err
		}
		p.open[slot] = nil
	}
	return first
}

func (p *Player) get(r *Record) error {
	value, err := p.store.Get(p.value[:0], r.Key)
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return err
	}
	p.value = value
	p.digest(value)
	switch found := err == nil; {
	case found != r.Found:
		return p.mismatch(r, r.Key, "found is %v, and was %v", found, r.Found)
	case found && len(value) != r.Size:
		return p.mismatch(r, r.Key, "the value is %d bytes long, and was %d", len(value), r.Size)
	}
	return nil
}

// change gathers a batch and applies it at its last operation.
func (p *Player) change(r *Record) error {
	if r.Kind == Delete {
		p.batch.Delete(r.Key)
	} else {
		p.value = p.values.Append(p.value[:0], r.Key, p.number, r.Size)
		p.logical += int64(len(r.Key) + r.Size)
		if r.Kind == Put {
			p.batch.Put(r.Key, p.value, r.Expiry)
		} else {
			p.batch.Append(r.Key, p.value, r.Expiry)
		}
	}
	if !r.Last {
		return nil
	}
	err := p.store.Apply(&p.batch)
	p.batch.Reset()
	return err
}

func (p *Player) scan(r *Record) error {
	it, err := p.store.Iter(r.Range)
	if err != nil {
		return err
	}
	err = p.move(it, r)
	if closeErr := it.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (p *Player) openSlot(r *Record) error {
	for r.Slot >= len(p.open) {
		p.open = append(p.open, nil)
	}
	if p.open[r.Slot] != nil {
		return fmt.Errorf("an iterator is open in slot %d", r.Slot)
	}
	// A store may keep a range, and the reader takes its memory back.
	bounds := statelab.Range{Lower: clone(r.Range.Lower), Upper: clone(r.Range.Upper)}
	it, err := p.store.Iter(bounds)
	if err != nil {
		return err
	}
	p.open[r.Slot] = it
	return nil
}

// clone keeps nil and empty apart.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

func (p *Player) moveSlot(r *Record) error {
	if r.Slot >= len(p.open) || p.open[r.Slot] == nil {
		return fmt.Errorf("no iterator is open in slot %d", r.Slot)
	}
	it := p.open[r.Slot]
	err := p.move(it, r)
	if r.Last {
		p.open[r.Slot] = nil
		if closeErr := it.Close(); err == nil {
			err = closeErr
		}
	}
	return err
}

// move makes the moves of a record's legs.
func (p *Player) move(it statelab.Iterator, r *Record) error {
	bytes := int64(0)
	for i := range r.Legs {
		leg := &r.Legs[i]
		for n := range leg.Records {
			if !step(it, leg) {
				if err := it.Err(); err != nil {
					return err
				}
				return p.mismatch(r, r.Range.Lower, "%s ended after %d records, and led to %d", leg.Move, n, leg.Records)
			}
			bytes += int64(len(it.Value()))
			p.digest(it.Key())
			p.digest(it.Value())
		}
		if !leg.Ended {
			continue
		}
		if step(it, leg) {
			return p.mismatch(r, r.Range.Lower, "%s leads to a record after the %d where it ended", leg.Move, leg.Records)
		}
		if err := it.Err(); err != nil {
			return err
		}
	}
	if bytes != r.Bytes {
		return p.mismatch(r, r.Range.Lower, "the values are %d bytes long, and were %d", bytes, r.Bytes)
	}
	return nil
}

// step makes a leg's move.
func step(it statelab.Iterator, leg *Leg) bool {
	switch leg.Move {
	case First:
		return it.First()
	case Last:
		return it.Last()
	case SeekGE:
		return it.SeekGE(leg.Key)
	case SeekLT:
		return it.SeekLT(leg.Key)
	case Next:
		return it.Next()
	}
	return it.Prev()
}

func (p *Player) digest(b []byte) {
	binary.LittleEndian.PutUint64(p.scratch[:], uint64(len(b)))
	p.hash.Write(p.scratch[:])
	p.hash.Write(b)
}

func (p *Player) mismatch(r *Record, key []byte, format string, args ...any) error {
	if p.Lenient {
		return nil
	}
	return &MismatchError{p.number, r.Kind, clone(key), fmt.Sprintf(format, args...)}
}
