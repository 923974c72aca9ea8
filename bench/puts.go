package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/draw"
)

// puts is the driver of the workload of that name: callers that put records as
// fast as they can, each its own share of them. Which caller puts what, and so
// what the store holds in the end, depends on the knobs alone; in which order
// the callers come does not.
type puts struct {
	store   statelab.Store
	rec     *recorder
	records *storedRecords
	warm    uint64
	count   uint64 // with the warm-up
	writers []putter
	done    tally
	output  unordered

	mu sync.Mutex // guards rec while several write
}

// A putter is one caller.
type putter struct {
	*puts
	next     uint64 // number of the record it puts next
	step     uint64 // from there to the one after
	batch    statelab.Batch
	batchLen int
	key      id
	value    []byte
	every    int64 // one call in so many is timed
	calls    int64
	untold   int64 // calls that rec does not know of
	events   int64 // as untold
}

func newPutsDriver(job Job, store statelab.Store, rec *recorder) (driver, error) {
	k := job.Knobs
	p := &puts{
		store: store, rec: rec, records: newStoredRecords(job.Seed, k),
		warm: uint64(k["warm_records"]), count: uint64(k["warm_records"] + k["records"]),
		writers: make([]putter, int(k["writers"])),
	}
	for i := range p.writers {
		p.writers[i] = putter{
			puts: p, next: uint64(i), step: uint64(len(p.writers)),
			batchLen: int(k["batch"]), value: make([]byte, p.records.size),
		}
	}
	return p, nil
}

func (p *puts) warmUp(ctx context.Context) error { return p.run(ctx, p.warm) }

func (p *puts) measure(ctx context.Context) error {
	now := p.rec.begin()
	p.rec.arrived(now, now)
	err := p.run(ctx, p.count)
	p.done.look(p.store)
	return err
}

// run lets every writer put its records with numbers below end. One writer is
// the caller itself, so that the run is as deterministic as any other.
func (p *puts) run(ctx context.Context, end uint64) error {
	for i := range p.writers {
		p.writers[i].every = max(1, p.rec.every[opApply])
	}
	if len(p.writers) == 1 {
		return p.writers[0].run(ctx, end)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i := range p.writers {
		w := &p.writers[i]
		all.Go(func() {
			if err := w.run(ctx, end); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// run puts the writer's records below end.
func (w *putter) run(ctx context.Context, end uint64) error {
	for w.next < end {
		if w.calls%putsBetweenChecks == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := w.apply(end); err != nil {
			return err
		}
	}
	w.tell(notTimed, 0)
	return ctx.Err()
}

// putsBetweenChecks is how many Applies pass between two looks at the context.
const putsBetweenChecks = 256

// apply puts the writer's next records below end in one batch, without
// allocating.
func (w *putter) apply(end uint64) error {
	w.batch.Reset()
	first := w.next
	for w.batch.Len() < w.batchLen && w.next < end {
		w.records.fill(&w.key, w.value, w.next)
		w.batch.Put(w.key[:], w.value, statelab.NoExpiry)
		w.next += w.step
	}
	w.calls++
	w.untold++
	w.events += int64(w.batch.Len())
	if w.calls%w.every != 0 {
		if err := w.store.Apply(&w.batch); err != nil {
			return fmt.Errorf("put record %d: %w", first, err)
		}
		return nil
	}
	start := w.rec.now()
	if err := w.store.Apply(&w.batch); err != nil {
		return fmt.Errorf("put record %d: %w", first, err)
	}
	w.tell(start, w.rec.now())
	return nil
}

// tell hands the recorder what it does not know yet: the calls since the last
// time, of which the last went on from start to end unless it was not timed.
func (w *putter) tell(start, end int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.rec
	r.calls[opApply] += w.untold
	r.calls[opEvent] += w.events
	r.slots.current.events += w.events
	w.done.events += w.events
	w.done.logical += w.events * w.records.bytes()
	w.untold, w.events = 0, 0
	if start == notTimed {
		return
	}
	r.arrived(start, end)
	r.recordSpan(opApply, start, end)
	r.recordSpan(opEvent, start, end)
}

func (p *puts) tally() tally {
	done := p.done
	done.checksum = p.output.sum()
	return done
}

// audit reads back what the store holds in the end.
func (p *puts) audit(ctx context.Context, _ Metrics) error {
	return p.records.readAll(ctx, p.store, func(_ uint64, key, value []byte) { p.output.add(key, value) })
}

// storedRecords makes records that no clock or caller has a say in, from their
// numbers alone.
type storedRecords struct {
	space   uint64
	payload *payload
	size    int  // of a value
	ordered bool // keys are in the order of numbers
}

func newStoredRecords(seed uint64, k Knobs) *storedRecords {
	return &storedRecords{space: draw.Mix(seed) + recordStream, payload: newPayload(seed), size: int(k["value_bytes"])}
}

// bytes returns the length of a record, key and value.
func (s *storedRecords) bytes() int64 { return idSize + int64(s.size) }

// key returns the key of a record: without order, unless they are ordered.
func (s *storedRecords) key(number uint64) (k id) {
	if s.ordered {
		binary.BigEndian.PutUint64(k[idSize-8:], number)
		return k
	}
	return idOf(s.space, number)
}

func (s *storedRecords) fill(key *id, value []byte, number uint64) {
	*key = s.key(number)
	s.payload.fill(value, number)
}

// readAll calls see with each record of the store, and the number that its value
// says it has.
func (s *storedRecords) readAll(ctx context.Context, store statelab.Store, see func(number uint64, key, value []byte)) error {
	it, err := store.Iter(statelab.Range{})
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	n := 0
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		see(stampOf(it.Value()), it.Key(), it.Value())
		if n++; n%putsBetweenChecks == 0 {
			err = ctx.Err()
		}
	}
	if err == nil {
		err = it.Err()
	}
	if closeErr := it.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return nil
}

// An unordered is the checksum of a set of records, whatever order they are
// added in: the sum of the hashes of each.
type unordered struct {
	total, n uint64
	one      digest
}

func (u *unordered) add(key, value []byte) {
	u.one.hash.Reset()
	u.one.bytes(key)
	u.one.bytes(value)
	u.total += u.one.hash.Sum64()
	u.n++
}

func (u *unordered) sum() uint64 {
	all := newDigest()
	all.number(int64(u.total))
	all.number(int64(u.n))
	return all.sum()
}
