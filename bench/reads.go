package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

// reads is the driver of the workload of that name.
type reads struct {
	store   statelab.Store
	arrive  arrivals
	keys    *lookups
	records uint64
	loaded  bool
	warm    int64
	wanted  int64
	key     id
	value   []byte
	output  *digest
	done    tally
	payload *payload
	size    int
}

// lookups draws the keys of Gets: uniformly from the records that were loaded,
// or from as many that never were.
type lookups struct {
	random  *random
	space   uint64
	records uint64
	hit     share
}

func newLookups(seed uint64, k Knobs) *lookups {
	return &lookups{
		random:  newRandom(seed, lookupStream),
		space:   mix(seed) + recordStream,
		records: uint64(k["records"]),
		hit:     shareOf(k["hit_share"]),
	}
}

// next returns the number of the record to get. Those from records on do not exist.
func (l *lookups) next() uint64 {
	number := l.random.below(l.records)
	if !l.random.hits(l.hit) {
		number += l.records
	}
	return number
}

func newReadsDriver(job Job, store statelab.Store, rec *recorder) (driver, error) {
	k := job.Knobs
	return &reads{
		store:   &timedStore{Store: store, rec: rec},
		arrive:  newArrivals(job, rec),
		keys:    newLookups(job.Seed, k),
		records: uint64(k["records"]),
		warm:    int64(k["warm_lookups"]),
		wanted:  int64(k["lookups"]),
		output:  newDigest(),
		payload: newPayload(job.Seed),
		size:    int(k["value_bytes"]),
	}, nil
}

// loadBatch is how many records are loaded in one batch.
const loadBatch = 100

// load loads the records, whose identifiers are in no order.
func (r *reads) load(ctx context.Context) error {
	r.loaded = true
	var b statelab.Batch
	value := make([]byte, r.size)
	for number := range r.records {
		r.key = idOf(r.keys.space, number)
		r.payload.fill(value, number)
		b.Put(r.key[:], value, statelab.NoExpiry)
		if b.Len() < loadBatch && number < r.records-1 {
			continue
		}
		if err := r.store.Apply(&b); err != nil {
			return fmt.Errorf("load record %d: %w", number, err)
		}
		b.Reset()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return r.store.Sync()
}

// warmUp gets some records, which it loads first if nobody has.
func (r *reads) warmUp(ctx context.Context) error {
	if !r.loaded {
		if err := r.load(ctx); err != nil {
			return err
		}
	}
	return r.lookUp(ctx, r.warm)
}

func (r *reads) measure(ctx context.Context) error {
	r.arrive.begin()
	err := r.lookUp(ctx, r.wanted)
	r.done.look(r.store)
	return err
}

// lookUpsBetweenChecks is how many Gets pass between two looks at the context.
const lookUpsBetweenChecks = 4096

func (r *reads) lookUp(ctx context.Context, n int64) error {
	for i := range n {
		if err := r.step(); err != nil {
			return err
		}
		if i%lookUpsBetweenChecks == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// step is one Get.
func (r *reads) step() error {
	r.arrive.take()
	number := r.keys.next()
	r.key = idOf(r.keys.space, number)
	value, err := r.store.Get(r.value[:0], r.key[:])
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return fmt.Errorf("get record %d: %w", number, err)
	}
	r.value = value
	r.output.bytes(value)
	r.arrive.rec.handled()
	r.done.events++
	return nil
}

func (r *reads) tally() tally {
	done := r.done
	done.checksum = r.output.sum()
	return done
}
