package join

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab/internal/extsort"
	"github.com/statelab/statelab/vfs"
)

// A Backlog joins input that is all there, and emits what an Operator would:
// the same samples in the same order, with the same counts. It keeps no state and
// no timers, but sorts, first all events by join key and time,
//
//	Add ─▶ late? ─▶ sort by (key, time) ─▶ one key after the other ─▶ sort by place in the output ─▶ Emit
//
// then what has become of them by its place in the output. Either sort spills to files
// what does not fit into memory; of a key no more than the right events of
// one window, or the events of one session, are in memory at once.
//
// (The idea is Flink's, which sorts bounded input by key to keep the state of one key at a time:
// FLIP-140, FLIP-327. The second sort is what makes the output that of the stream.)
//
// Where the input goes on as a stream, HandOver takes the place of Finish.
//
// What depends on how arrivals and timers interleave is refused: corrections, and
// LeftOuter with OnMatch; ThreeWay is, too, and so are pairs by an attribute. A Backlog is not safe for concurrent use.
type Backlog struct {
	spec  Spec
	hooks BacklogHooks
	intake
	logic    backlogLogic
	arrived  uint64 // rows of either side
	finished bool
	err      error     // the first failure, for good
	horizon  int64     // timers below it have fired, and decide
	to       *Operator // whose store gets what does not; nil if all is decided

	events  *extsort.Sorter
	samples *extsort.Sorter
	key     []byte // of a record of either sort
	value   []byte // and its value
	escaped []byte // the join key at which the join is, as it stands in records,
	keyBuf  []byte // and as it is
	bound   []byte
	sample  Sample
}

// BacklogHooks are what a Backlog calls. What is passed to them is valid during the
// call only. An error they return ends the join.
type BacklogHooks struct {
	// Append appends to dst what a sample is to be in the output. It is called for each
	// sample, in an order that says nothing. It is required.
	Append func(dst []byte, s *Sample) ([]byte, error)

	// Emit gets what Append has appended, in the order in which an Operator would have
	// emitted the samples. It is required.
	Emit func([]byte) error

	// Late is that of Hooks.
	Late func(Side, *Event) error
}

// BacklogOptions say with what to sort.
type BacklogOptions struct {
	FS     vfs.FS // nil is vfs.OS
	Dir    string // of what is spilled; it exists, and nothing is left in it after Close
	Memory int64  // bytes; zero is 64 MiB
}

// defaultBacklogMemory is what stores on disk use unless told otherwise, too.
const defaultBacklogMemory = 64 << 20

// ErrNeedsStream is found in the error of NewBacklog for a join by key that only an
// Operator can do.
var ErrNeedsStream = errors.New("what is emitted depends on when events arrive")

// NewBacklog returns a Backlog, which is to be closed.
func NewBacklog(spec Spec, hooks BacklogHooks, opts BacklogOptions) (*Backlog, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if hooks.Append == nil || hooks.Emit == nil {
		return nil, errors.New("join: BacklogHooks.Append or BacklogHooks.Emit is nil")
	}
	if err := spec.ForBacklog(); err != nil {
		return nil, err
	}
	if opts.FS == nil {
		opts.FS = vfs.OS
	}
	if opts.Memory == 0 {
		opts.Memory = defaultBacklogMemory
	}
	// A sorter takes half as much again to merge, and both are at work at once.
	each := extsort.Options{FS: opts.FS, Dir: opts.Dir, Memory: opts.Memory / 3}
	b := &Backlog{spec: spec, hooks: hooks, intake: newIntake(&spec), horizon: atTheEnd}
	each.Name = "events"
	b.events = extsort.New(each)
	each.Name = "samples"
	b.samples = extsort.New(each)
	b.logic = newBacklogLogic(b)
	return b, nil
}

// ForBacklog says why a Backlog could not do a join, if it could not.
func (s *Spec) ForBacklog() error {
	switch {
	case s.Correct:
		return fmt.Errorf("join: corrections: %w", ErrNeedsStream)
	case s.Kind == LeftOuter && s.Emit == OnMatch:
		return fmt.Errorf("join: kind %v emitted %v: %w", s.Kind, s.Emit, ErrNeedsStream)
	case s.Match != ByKey:
		return fmt.Errorf("join: a match by %v: sorted input is joined by key alone", s.Match)
	case s.Kind == ThreeWay:
		return fmt.Errorf("join: kind %v: %w", s.Kind, ErrNeedsStream)
	}
	return nil
}

// Add takes an event of a side. It copies what it keeps. The events of a side come in the
// order of its source; how sides interleave matters only where pairs are
// emitted at once (Regular, Inner with OnMatch, Dedup with KeepFirst).
func (b *Backlog) Add(side Side, e Event) error {
	from, err := b.see(side, e.Seq)
	if err != nil {
		return err
	}
	if ok, err := b.admit(side, from, &e, false, b.hooks.Late); !ok {
		return b.fail(err)
	}
	ordinal, rightFirst := b.logic.ordinal(side, e.Time, b.arrived)
	b.key = appendBacklogKey(b.key[:0], e.Key, ordinal, side, rightFirst, e.Time, e.Seq)
	b.value = binary.LittleEndian.AppendUint64(b.value[:0], b.arrived)
	b.value = append(b.value, e.Value...)
	return b.fail(b.events.Add(b.key, b.value))
}

// Filter takes note that a row is no event of this join.
func (b *Backlog) Filter(side Side) error {
	_, err := b.see(side, 0)
	if err == nil {
		b.filter()
	}
	return err
}

// Reject takes note that a row is an event that cannot be joined.
func (b *Backlog) Reject(side Side) error {
	_, err := b.see(side, 0)
	if err == nil {
		b.reject(side)
	}
	return err
}

// see returns the source that a sequence is of, and counts its row.
func (b *Backlog) see(side Side, seq uint64) (*progress, error) {
	switch {
	case b.err != nil:
		return nil, b.err
	case b.finished:
		return nil, ErrFinished
	}
	from, position, err := b.locate(side, seq)
	if err == nil {
		b.arrived++
		from.position = max(from.position, position+1)
	}
	return from, err
}

// Finish joins what has been added, and emits it.
func (b *Backlog) Finish() error {
	if b.err != nil || b.finished {
		return b.err
	}
	b.finished = true
	if err := b.joinKeys(); err != nil {
		return b.fail(err)
	}
	if err := b.counts.reconcile(b.spec.Kind, true); err != nil {
		return b.fail(err)
	}
	return b.fail(b.emitAll())
}

// joinKeys joins one key after the other, and adds what becomes of it to b.samples.
func (b *Backlog) joinKeys() (err error) {
	it, err := b.events.Sort()
	if err != nil {
		return err
	}
	defer func() {
		if cerr := it.Close(); err == nil {
			err = cerr
		}
		if cerr := b.events.Close(); err == nil {
			err = cerr
		}
	}()
	for begun := false; it.Next(); begun = true {
		r, ok := decodeBacklogKey(it.Key())
		if !ok || len(it.Value()) < 8 {
			return alarm("key %x is of no event", it.Key())
		}
		if !begun || string(r.escaped) != string(b.escaped) {
			if begun {
				if err := b.logic.endKey(); err != nil {
					return err
				}
			}
			b.escaped = append(b.escaped[:0], r.escaped...)
			b.keyBuf = appendUnescaped(b.keyBuf[:0], r.escaped)
		}
		e := Event{Key: b.keyBuf, Time: r.time, Seq: r.seq, Value: it.Value()[8:]}
		if err := b.logic.next(r.side, e, binary.LittleEndian.Uint64(it.Value())); err != nil {
			return err
		}
	}
	if err := it.Err(); err != nil {
		return err
	}
	return b.logic.endKey()
}

// emitFired puts a sample to its place in the output, among those that fire at a time.
func (b *Backlog) emitFired(s *Sample, at int64) error {
	s.Fired, s.FiredAt = true, at
	b.key = append(appendTime(b.key[:0], at), b.escaped...)
	return b.addSample(s)
}

// emitArrived puts a sample to its place among those that arrivals bring forth.
func (b *Backlog) emitArrived(s *Sample, arrival uint64) error {
	b.key = binary.BigEndian.AppendUint64(b.key[:0], arrival)
	return b.addSample(s)
}

func (b *Backlog) addSample(s *Sample) (err error) {
	b.key = binary.BigEndian.AppendUint64(appendTime(b.key, s.Left.Time), s.Left.Seq)
	if b.value, err = b.hooks.Append(b.value[:0], s); err != nil {
		return err
	}
	return b.samples.Add(b.key, b.value)
}

func (b *Backlog) emitAll() (err error) {
	it, err := b.samples.Sort()
	if err != nil {
		return err
	}
	for err == nil && it.Next() {
		err = b.hooks.Emit(it.Value())
	}
	if err == nil {
		err = it.Err()
	}
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	if cerr := b.samples.Close(); err == nil {
		err = cerr
	}
	return err
}

// Summary returns the counts. Before Finish it is only known what came in.
func (b *Backlog) Summary() Summary { return b.counts.summary() }

// Held returns how many bytes are in memory, and how many have been spilled.
func (b *Backlog) Held() (memory, spilled int64) {
	return b.events.Held() + b.samples.Held(), b.events.Spilled() + b.samples.Spilled()
}

// Close removes what was spilled.
func (b *Backlog) Close() error {
	err := b.events.Close()
	if serr := b.samples.Close(); err == nil {
		err = serr
	}
	return err
}

func (b *Backlog) fail(err error) error {
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("join: %w", err)
	}
	return b.err
}

// Events are sorted by
//
//	SIZE  FIELD
//	8     xxh64 of the join key: keys need to lie together, and in no order
//	      join key, escaped
//	8     ordinal, of the kind
//	1     0 or 1: which side comes first among equal ordinals
//	8     time
//	8     sequence
//	1     side
//
// in big-endian numbers. Times and ordinals have their sign flipped.
func appendBacklogKey(dst, key []byte, ordinal int64, side Side, rightFirst bool, at int64, seq uint64) []byte {
	dst = binary.BigEndian.AppendUint64(dst, xxhash.Sum64(key))
	dst = appendTime(appendEscaped(dst, key), ordinal)
	rank := byte(side)
	if rightFirst {
		rank = 1 - rank
	}
	return append(binary.BigEndian.AppendUint64(appendTime(append(dst, rank), at), seq), byte(side))
}

const (
	backlogHead = 8
	backlogTail = 8 + 1 + 8 + 8 + 1
)

type backlogRecord struct {
	escaped []byte
	side    Side
	time    int64
	seq     uint64
}

func decodeBacklogKey(key []byte) (backlogRecord, bool) {
	if len(key) < backlogHead+2+backlogTail {
		return backlogRecord{}, false
	}
	tail := key[len(key)-backlogTail:]
	return backlogRecord{
		escaped: key[backlogHead : len(key)-backlogTail],
		time:    decodeTime(tail[9:]),
		seq:     binary.BigEndian.Uint64(tail[17:]),
		side:    Side(tail[25]),
	}, tail[25] <= byte(Right)
}
