package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/pagecache"
)

// recovery is the driver of the workload of that name. Its warm-up is the
// store's first life: records up to a Sync, and a tail of some that no Sync
// covers. The measured phase is the beginning of the second, from Open to the
// first answer.
type recovery struct {
	store      statelab.Store
	dir        string
	durability string
	nothing    bool // the store keeps nothing
	records    *storedRecords
	synced     uint64 // records before the Sync
	tail       uint64 // records after it
	batch      int
	kill, cold bool

	took      time.Duration
	readBytes int64   // by the store, until its first answer
	diskRate  float64 // bytes a second that the same files were read at; 0 if unknown
	lost      uint64
	done      tally
	output    unordered
}

func newRecoveryDriver(job Job, store statelab.Store, _ *recorder) (driver, error) {
	k := job.Knobs
	records := newStoredRecords(job.Seed, k)
	return &recovery{
		store: store, dir: job.Dir, durability: job.Durability, nothing: job.Backend == Noop, records: records,
		synced: syncedRecords(k), tail: uint64(k["tail_records"]), batch: int(k["batch"]),
		kill: k["kill"] != 0, cold: k["cold"] != 0,
	}, nil
}

// syncedRecords returns how many records make the bytes that the knobs ask for.
func syncedRecords(k Knobs) uint64 {
	return uint64(max(1, k["bytes"]/(idSize+k["value_bytes"])))
}

func (r *recovery) warmUp(ctx context.Context) error {
	if err := r.load(ctx, 0, r.synced); err != nil {
		return err
	}
	if err := r.store.Sync(); err != nil {
		return err
	}
	if err := r.load(ctx, r.synced, r.synced+r.tail); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	if !r.cold || r.nothing {
		return nil
	}
	return r.chill()
}

// load puts the records with numbers from begin to end.
func (r *recovery) load(ctx context.Context, begin, end uint64) error {
	var (
		b     statelab.Batch
		key   id
		value = make([]byte, r.records.size)
	)
	for number := begin; number < end; number++ {
		r.records.fill(&key, value, number)
		b.Put(key[:], value, statelab.NoExpiry)
		if b.Len() < r.batch && number < end-1 {
			continue
		}
		if err := r.store.Apply(&b); err != nil {
			return fmt.Errorf("put record %d: %w", number, err)
		}
		b.Reset()
		if number%putsBetweenChecks == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// end ends the store's first life.
func (r *recovery) end() error {
	s, ok := r.store.(*restartable)
	if !ok {
		return nil
	}
	if r.kill {
		return s.kill()
	}
	return s.stop()
}

// chill sees to it that the store has to read its files from the disk, and
// measures how fast that could be done.
func (r *recovery) chill() error {
	err := pagecache.Forget(r.dir)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	n, took, err := pagecache.Read(r.dir)
	if err != nil {
		return err
	}
	r.diskRate = float64(n) / took.Seconds()
	return pagecache.Forget(r.dir)
}

func (r *recovery) measure(ctx context.Context) error {
	start := time.Now()
	if s, ok := r.store.(*restartable); ok {
		if err := s.start(); err != nil {
			return err
		}
	}
	var key id
	value := make([]byte, r.records.size)
	r.records.fill(&key, value, r.synced-1)
	got, err := r.store.Get(nil, key[:])
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return fmt.Errorf("first answer: %w", err)
	}
	r.took = time.Since(start)
	if err == nil && !bytes.Equal(got, value) {
		return errors.New("first answer: it is wrong")
	}
	r.readBytes = r.store.Stats().ReadBytes
	r.done.events = int64(r.synced)
	r.done.logical = int64(r.synced) * r.records.bytes()
	r.done.look(r.store)
	return ctx.Err()
}

func (r *recovery) tally() tally {
	done := r.done
	done.checksum = r.output.sum()
	return done
}

// audit holds what came back against what was acknowledged. What the Sync covered
// is the output; the tail must be there as far as the durability says, and be a
// prefix of what it was.
func (r *recovery) audit(ctx context.Context, m Metrics) error {
	came := make([]bool, r.tail)
	var (
		wrong error
		key   id
		value = make([]byte, r.records.size)
	)
	err := r.records.readAll(ctx, r.store, func(number uint64, k, v []byte) {
		if number < r.synced {
			r.output.add(k, v)
			return
		}
		r.records.fill(&key, value, number)
		if number >= r.synced+r.tail || !bytes.Equal(k, key[:]) || !bytes.Equal(v, value) {
			wrong = fmt.Errorf("a record came back that nobody put: key %x", k)
			return
		}
		came[number-r.synced] = true
	})
	if err = errors.Join(err, wrong); err != nil {
		return err
	}
	if err := r.judgeTail(came); err != nil {
		return err
	}
	m.set("recovery_s", r.took.Seconds())
	m.set("recovery_lost_records", float64(r.lost))
	m.set("recovery_read_bytes", float64(r.readBytes))
	m.setRatio("recovery_bytes_per_s", float64(r.readBytes), r.took.Seconds())
	if r.diskRate > 0 {
		m.set("disk_read_bytes_per_s", r.diskRate)
	}
	return nil
}

// judgeTail says whether as much of the tail came back as had to.
func (r *recovery) judgeTail(came []bool) error {
	n := 0
	for n < len(came) && came[n] {
		n++
	}
	for i := n; i < len(came); i++ {
		if came[i] {
			return fmt.Errorf("record %d of the tail came back and record %d, which is older, did not", i, n)
		}
	}
	r.lost = r.tail - uint64(n)
	switch {
	case r.nothing:
	case r.durability == statelab.DurabilityCheckpoint.String():
		if n > 0 {
			return fmt.Errorf("%d records came back that no Sync covered, with durability %s", n, r.durability)
		}
	case !r.kill || r.durability == statelab.DurabilityAlways.String():
		if r.lost > 0 {
			return fmt.Errorf("%d acknowledged records did not come back, with durability %s", r.lost, r.durability)
		}
	}
	return nil
}
