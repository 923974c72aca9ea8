package bench

import "github.com/statelab/statelab"

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

// KeepsDead implements statelab.KeepsDeadStore.
func (s *timedStore) KeepsDead() bool { return statelab.KeepsDead(s.Store) }

func (s *timedStore) Get(dst, key []byte) ([]byte, error) {
	if !s.rec.timed(opGet) {
		value, err := s.Store.Get(dst, key)
		s.rec.calls[getKind(err)]++
		return value, err
	}
	start := s.rec.now()
	value, err := s.Store.Get(dst, key)
	kind := getKind(err)
	s.rec.calls[kind]++
	s.rec.record(kind, start)
	return value, err
}

// getKind tells Gets apart by what they found.
func getKind(err error) opKind {
	if err == nil {
		return opGetHit
	}
	return opGetMiss
}

func (s *timedStore) Apply(b *statelab.Batch) error {
	if !s.rec.timed(opApply) {
		return s.Store.Apply(b)
	}
	start := s.rec.now()
	err := s.Store.Apply(b)
	s.rec.record(opApply, start)
	return err
}

func (s *timedStore) Advance(watermark int64) error {
	s.rec.timed(opAdvance)
	start := s.rec.now()
	err := s.Store.Advance(watermark)
	s.rec.record(opAdvance, start)
	return err
}

func (s *timedStore) Sync() error {
	s.rec.timed(opSync)
	start := s.rec.now()
	err := s.Store.Sync()
	end := s.rec.record(opSync, start)
	s.rec.marks.add(mark{kind: markCheckpoint, start: start, duration: end - start})
	return err
}

func (s *timedStore) Iter(r statelab.Range) (statelab.Iterator, error) {
	if s.probe == nil || !s.probe(r) || !s.rec.timed(opProbe) {
		return s.Store.Iter(r)
	}
	start := s.rec.now()
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
	start             int64
	err               error // what the first Close returned
}

func (it *timedIterator) Close() error {
	if it.Iterator == nil {
		return it.err
	}
	it.err = it.Iterator.Close()
	it.store.rec.record(opProbe, it.start)
	it.Iterator = nil
	it.store.spare = append(it.store.spare, it)
	return it.err
}
