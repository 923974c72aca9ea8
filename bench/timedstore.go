package bench

import (
	"time"

	"github.com/statelab/statelab"
)

// A timedStore passes every call on to a store and records how long Get,
// Apply, Advance, Sync and probes take. It belongs to one goroutine, and so
// do its iterators.
type timedStore struct {
	statelab.Store
	rec *recorder
	// probe says whether a range is a probe, a scan of one key's few records;
	// other scans are not timed.
	probe func(statelab.Range) bool
	spare []*timedIterator // closed iterators, for reuse
}

func (s *timedStore) Get(dst, key []byte) ([]byte, error) {
	if !s.rec.timed(opGet) {
		return s.Store.Get(dst, key)
	}
	start := time.Now()
	value, err := s.Store.Get(dst, key)
	s.rec.record(opGet, time.Since(start))
	return value, err
}

func (s *timedStore) Apply(b *statelab.Batch) error {
	if !s.rec.timed(opApply) {
		return s.Store.Apply(b)
	}
	start := time.Now()
	err := s.Store.Apply(b)
	s.rec.record(opApply, time.Since(start))
	return err
}

func (s *timedStore) Advance(watermark int64) error {
	s.rec.timed(opAdvance)
	start := time.Now()
	err := s.Store.Advance(watermark)
	s.rec.record(opAdvance, time.Since(start))
	return err
}

func (s *timedStore) Sync() error {
	s.rec.timed(opSync)
	start := time.Now()
	err := s.Store.Sync()
	s.rec.record(opSync, time.Since(start))
	return err
}

func (s *timedStore) Iter(r statelab.Range) (statelab.Iterator, error) {
	if s.probe == nil || !s.probe(r) || !s.rec.timed(opProbe) {
		return s.Store.Iter(r)
	}
	start := time.Now()
	inner, err := s.Store.Iter(r)
	if err != nil {
		return nil, err
	}
	it := s.takeSpare()
	it.Iterator, it.start = inner, start
	return it, nil
}

func (s *timedStore) takeSpare() *timedIterator {
	n := len(s.spare)
	if n == 0 {
		return &timedIterator{store: s}
	}
	it := s.spare[n-1]
	s.spare = s.spare[:n-1]
	return it
}

// A timedIterator records at its first Close the time since its opening, with
// what its user did in between. It is reused by a later Iter: by then its user
// must have forgotten it.
type timedIterator struct {
	statelab.Iterator // nil once closed
	store             *timedStore
	start             time.Time
	err               error // what the first Close returned
}

func (it *timedIterator) Close() error {
	if it.Iterator == nil {
		return it.err
	}
	it.err = it.Iterator.Close()
	it.store.rec.record(opProbe, time.Since(it.start))
	it.Iterator = nil
	it.store.spare = append(it.store.spare, it)
	return it.err
}
