package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

// keyValue is the driver of the workloads of KeyValueWorkloads, and of reads: it loads records,
// and goes through the operations that a source draws.
type keyValue struct {
	store   statelab.Store
	arrive  arrivals
	source  keyValueSource
	records *storedRecords
	initial uint64 // records that are loaded
	loaded  bool
	audits  bool // all that the store holds in the end is output
	warm    int64
	wanted  int64
	batch   statelab.Batch
	key     id
	value   []byte // to write
	buf     []byte // what was read
	output  *digest
	done    tally
}

func (mix keyValueMix) newDriver(job Job, store statelab.Store, rec *recorder) (driver, error) {
	k := job.Knobs
	records := mix.records(job.Seed, k)
	d := &keyValue{
		store:   &timedStore{Store: store, rec: rec, probe: func(r statelab.Range) bool { return r.Lower != nil }},
		arrive:  newArrivals(job, rec),
		source:  mix.source(job.Seed, k),
		records: records,
		audits:  !mix.readsOnly,
		value:   make([]byte, records.size),
		output:  newDigest(),
	}
	d.warm, d.wanted = mix.operations(k)
	if mix.load {
		d.initial = uint64(k["records"])
	}
	return d, nil
}

// loadBatch is how many records are loaded in one batch.
const loadBatch = 100

// load loads the records, in the order of their numbers.
func (d *keyValue) load(ctx context.Context) error {
	d.loaded = true
	if d.initial == 0 {
		return nil
	}
	for number := range d.initial {
		d.add(number, number)
		if d.batch.Len() < loadBatch && number < d.initial-1 {
			continue
		}
		if err := d.apply(); err != nil {
			return fmt.Errorf("load record %d: %w", number, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return d.store.Sync()
}

// add adds a Put of a record to the batch, with the value that has the stamp.
func (d *keyValue) add(number, stamp uint64) {
	d.key = d.records.key(number)
	d.records.payload.fill(d.value, stamp)
	d.batch.Put(d.key[:], d.value, statelab.NoExpiry)
}

func (d *keyValue) apply() error {
	d.done.logical += int64(d.batch.Len()) * d.records.bytes()
	err := d.store.Apply(&d.batch)
	d.batch.Reset()
	return err
}

// warmUp goes through some operations, and loads the records first if nobody has.
func (d *keyValue) warmUp(ctx context.Context) error {
	if !d.loaded {
		if err := d.load(ctx); err != nil {
			return err
		}
	}
	return d.run(ctx, d.warm)
}

func (d *keyValue) measure(ctx context.Context) error {
	d.arrive.begin()
	err := d.run(ctx, d.wanted)
	d.done.look(d.store)
	return err
}

// operationsBetweenChecks is how many operations pass between two looks at the context.
const operationsBetweenChecks = 4096

func (d *keyValue) run(ctx context.Context, n int64) error {
	for i := range n {
		if err := d.step(); err != nil {
			return err
		}
		if i%operationsBetweenChecks == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// step is one operation.
func (d *keyValue) step() error {
	d.arrive.take()
	if err := d.do(d.source.next()); err != nil {
		return err
	}
	d.arrive.rec.handled()
	d.done.events++
	return nil
}

func (d *keyValue) do(op keyValueOp) (err error) {
	switch op.kind {
	case seekOp:
		err = d.seek(op)
	case readOp:
		err = d.read(op.number)
	case readUpdateOp:
		if err = d.read(op.number); err == nil {
			err = d.update(op)
		}
	case updateOp:
		err = d.update(op)
	}
	if err != nil {
		return fmt.Errorf("record %d: %w", op.number, err)
	}
	return nil
}

func (d *keyValue) update(op keyValueOp) error {
	d.add(op.number, op.stamp)
	return d.apply()
}

func (d *keyValue) read(number uint64) error {
	d.key = d.records.key(number)
	value, err := d.store.Get(d.buf[:0], d.key[:])
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return err
	}
	d.buf = value
	d.output.bytes(value)
	return nil
}

// seek reads the record and those that follow.
func (d *keyValue) seek(op keyValueOp) error {
	d.key = d.records.key(op.number)
	it, err := d.store.Iter(statelab.Range{Lower: d.key[:]})
	if err != nil {
		return err
	}
	ok := it.First()
	for left := op.nexts; ok; left-- {
		d.output.bytes(it.Key())
		d.output.bytes(it.Value())
		ok = left > 0 && it.Next()
	}
	return it.Close()
}

func (d *keyValue) tally() tally {
	done := d.done
	done.checksum = d.output.sum()
	return done
}

// audit reads back what the store holds in the end.
func (d *keyValue) audit(ctx context.Context, _ Metrics) error {
	if !d.audits {
		return nil
	}
	var all unordered
	err := d.records.readAll(ctx, d.store, func(_ uint64, key, value []byte) { all.add(key, value) })
	d.output.number(int64(all.sum()))
	return err
}
