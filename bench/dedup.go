package bench

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

// dedup is the operator of J10. Under each identifier it keeps the time at
// which the identifier was first seen, so that whether an event is a repeat
// depends on times alone and not on how closely the watermark follows them.
type dedup struct {
	store   statelab.Store
	window  int64 // µs
	logical int64
	output  *digest
	batch   statelab.Batch
	value   []byte
	index   *markIndex // nil if the store expires marks itself
}

func newDedupDriver(job Job, store statelab.Store, rec *recorder) (driver, error) {
	store = &timedStore{Store: store, rec: rec}
	d := &dedup{store: store, window: job.Knobs.micros("window_s"), output: newDigest()}
	if statelab.KeepsDead(store) {
		d.index = &markIndex{store: store}
	}
	return newEventDriver(job, newRepeatSource(job.Seed, job.Knobs), d, store, rec), nil
}

func (d *dedup) handle(ev *event) error {
	key := ev.key[:]
	if d.index != nil {
		key = d.index.markKey(key)
	}
	first, err := d.store.Get(d.value[:0], key)
	old := int64(0) // expiry of the mark that is there, and out of date
	switch {
	case err == nil:
		if len(first) != 8 {
			return fmt.Errorf("the mark of %x is %d bytes long, not 8", ev.key, len(first))
		}
		old = int64(binary.BigEndian.Uint64(first)) + d.window
		if ev.time < old {
			d.value = first
			return nil
		}
	case !errors.Is(err, statelab.ErrNotFound):
		return fmt.Errorf("get mark of %x: %w", ev.key, err)
	}
	d.value = binary.BigEndian.AppendUint64(d.value[:0], uint64(ev.time))
	d.batch.Reset()
	d.batch.Put(key, d.value, ev.time+d.window)
	if d.index != nil {
		d.index.replace(&d.batch, ev.key[:], old, ev.time+d.window)
	}
	if err := d.store.Apply(&d.batch); err != nil {
		return fmt.Errorf("apply mark of %x: %w", ev.key, err)
	}
	d.logical += int64(len(ev.key) + len(d.value))
	digestKept(d.output, ev)
	return nil
}

// digestKept adds an event that passed: its identifier, time and position.
func digestKept(d *digest, ev *event) {
	d.bytes(ev.key[:])
	d.number(ev.time)
	d.number(int64(ev.seq))
}

func (d *dedup) advance(watermark int64, sync bool) error {
	if d.index != nil {
		if err := d.index.sweep(watermark); err != nil {
			return err
		}
	}
	if err := d.store.Advance(watermark); err != nil {
		return err
	}
	if sync {
		return d.store.Sync()
	}
	return nil
}

func (d *dedup) results() (logical int64, checksum uint64) { return d.logical, d.output.sum() }
