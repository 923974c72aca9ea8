package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

// keyValue is the driver of the workloads of KeyValueWorkloads.
type keyValue struct {
	store   statelab.Store
	arrive  arrivals
	source  *keyValueSource
	records *storedRecords
	nexts   int
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
	records := newStoredRecords(job.Seed, k)
	return &keyValue{
		store:   &timedStore{Store: store, rec: rec, probe: func(r statelab.Range) bool { return r.Lower != nil }},
		arrive:  newArrivals(job, rec),
		source:  newKeyValueSource(mix, job.Seed, k),
		records: records,
		nexts:   int(k["nexts"]),
		warm:    int64(k["warm_ops"]),
		wanted:  int64(k["ops"]),
		value:   make([]byte, records.size),
		output:  newDigest(),
	}, nil
}

// load loads the records, whose identifiers are in no order.
func (d *keyValue) load(ctx context.Context) error {
	for number := range d.source.records {
		d.add(number, number)
		if d.batch.Len() < loadBatch && number < d.source.records-1 {
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
	d.key = idOf(d.records.space, number)
	d.records.payload.fill(d.value, stamp)
	d.batch.Put(d.key[:], d.value, statelab.NoExpiry)
}

func (d *keyValue) apply() error {
	d.done.logical += int64(d.batch.Len()) * d.records.bytes()
	err := d.store.Apply(&d.batch)
	d.batch.Reset()
	return err
}

func (d *keyValue) warmUp(ctx context.Context) error {
	if d.source.mix.load {
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

func (d *keyValue) run(ctx context.Context, n int64) error {
	for i := range n {
		d.arrive.take()
		if err := d.step(d.source.next()); err != nil {
			return err
		}
		d.arrive.rec.handled()
		d.done.events++
		if i%lookUpsBetweenChecks == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (d *keyValue) step(op keyValueOp) (err error) {
	switch op.kind {
	case seekOp:
		err = d.seek(op.number)
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
	d.key = idOf(d.records.space, number)
	value, err := d.store.Get(d.buf[:0], d.key[:])
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return err
	}
	d.buf = value
	d.output.bytes(value)
	return nil
}

// seek reads the record and those that follow.
func (d *keyValue) seek(number uint64) error {
	d.key = idOf(d.records.space, number)
	it, err := d.store.Iter(statelab.Range{Lower: d.key[:]})
	if err != nil {
		return err
	}
	ok := it.First()
	for left := d.nexts; ok; left-- {
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
	var all unordered
	err := d.records.readAll(ctx, d.store, func(_ uint64, key, value []byte) { all.add(key, value) })
	d.output.number(int64(all.sum()))
	return err
}
