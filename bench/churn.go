package bench

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/draw"
)

// churnSource shows new records at a constant rate, so that as many die as
// come, and with each one of those that came before to be looked at.
type churnSource struct {
	random  *draw.Random
	payload *payload
	space   uint64
	gap     int64 // time from record to record, in microseconds
	live    uint64
	shown   uint64
	value   []byte
}

func newChurnSource(seed uint64, k Knobs) *churnSource {
	return &churnSource{
		random:  draw.New(seed, churnStream),
		payload: newPayload(seed),
		space:   draw.Mix(seed) + churnStream,
		gap:     int64(meanGap(k)),
		live:    uint64(k["live"]),
		value:   make([]byte, int(k["value_bytes"])),
	}
}

func (s *churnSource) next(ev *event) {
	n := s.shown
	s.payload.fill(s.value, n)
	*ev = event{seq: n, time: int64(n) * s.gap, key: idOf(s.space, n), value: s.value}
	if n > 0 {
		among := min(n, s.live)
		ev.of = n - among + s.random.Below(among)
	}
	ev.since = int64(ev.of) * s.gap
	s.shown++
}

// churn is the operator of that name: a Get and a Put for each event.
type churn struct {
	store   statelab.Store
	window  int64 // µs
	gap     int64 // µs
	space   uint64
	deletes bool   // the store keeps what has died
	deleted uint64 // records below this number were deleted, if so
	logical int64
	output  *digest
	batch   statelab.Batch
	key     id
	value   []byte
}

func newChurnDriver(job Job, store statelab.Store, rec *recorder) (driver, error) {
	source := newChurnSource(job.Seed, job.Knobs)
	store = &timedStore{Store: store, rec: rec}
	c := &churn{
		store: store, window: job.Knobs.micros("window_s"), gap: source.gap, space: source.space,
		deletes: statelab.KeepsDead(store), output: newDigest(),
	}
	return newEventDriver(job, source, c, store, rec), nil
}

func (c *churn) handle(ev *event) error {
	c.key = idOf(c.space, ev.of)
	value, err := c.store.Get(c.value[:0], c.key[:])
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return fmt.Errorf("get record %d: %w", ev.of, err)
	}
	c.value = value
	c.output.bytes(value)
	c.batch.Reset()
	c.batch.Put(ev.key[:], ev.value, ev.time+c.window)
	if err := c.store.Apply(&c.batch); err != nil {
		return fmt.Errorf("put record %d: %w", ev.seq, err)
	}
	c.logical += ev.logicalSize()
	return nil
}

func (c *churn) advance(watermark int64, sync bool) error {
	if c.deletes {
		if err := c.deleteDead(watermark); err != nil {
			return err
		}
	}
	if err := c.store.Advance(watermark); err != nil {
		return err
	}
	if sync {
		return c.store.Sync()
	}
	return nil
}

// deleteDead deletes what dies at the watermark: the oldest records, in their order.
func (c *churn) deleteDead(watermark int64) error {
	c.batch.Reset()
	for {
		dead := int64(c.deleted)*c.gap+c.window <= watermark
		if c.batch.Len() > 0 && (!dead || c.batch.Len() == sweepChunk) {
			if err := c.store.Apply(&c.batch); err != nil {
				return fmt.Errorf("delete the records before %d: %w", c.deleted, err)
			}
			c.batch.Reset()
		}
		if !dead {
			return nil
		}
		c.key = idOf(c.space, c.deleted)
		c.batch.Delete(c.key[:])
		c.deleted++
	}
}

func (c *churn) results() (logical int64, checksum uint64) { return c.logical, c.output.sum() }
