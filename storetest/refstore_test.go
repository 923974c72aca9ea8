package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/latch"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
)

// refStore is the simplest store that keeps the whole contract: a sorted slice
// of records in memory under one lock, and the files of reflog_test.go. The kit
// must pass it, and must fail the stores that mutants_test.go breaks out of it.
//
// Records hold live elements only: what is dead when it is applied is not
// taken, and Advance sweeps everything, which an engine may not. A record is
// never changed, only replaced, so that an iterator's snapshot is the slice as
// it was; the slice is copied by the first change after an iterator took it.
type refStore struct {
	o     statelab.Options
	dir   *storedir.Dir
	meter *meter.Meter
	latch latch.Latch
	flaws flawSet

	mu        sync.RWMutex
	records   []*refRecord
	shared    bool // an iterator has records
	watermark int64
	memory    int64 // of records
	iters     []*refIter
	files     refFiles
	changed   bool // since the last Sync
	closed    bool
	stats     statelab.Stats
	ticker    *time.Ticker
	stop      chan struct{}
}

type refRecord struct {
	key      string
	elements []refElement
}

type refElement struct {
	value    string
	expireAt int64
}

// size is what a record counts against the budget, in bytes.
func (r *refRecord) size() int64 {
	n := int64(64 + len(r.key))
	for _, e := range r.elements {
		n += int64(24 + len(e.value))
	}
	return n
}

func (r *refRecord) liveBytes() (n int) {
	for _, e := range r.elements {
		n += len(e.value)
	}
	return n
}

func (r *refRecord) value(dst []byte) []byte {
	for _, e := range r.elements {
		dst = append(dst, e.value...)
	}
	return dst
}

func openRef(dir string, options *statelab.Options) (statelab.Store, error) {
	return openFlawed(dir, options, flawSet{})
}

func openFlawed(dir string, options *statelab.Options, f flawSet) (statelab.Store, error) {
	o, err := options.Resolve()
	if err != nil {
		return nil, err
	}
	s := &refStore{o: o, meter: new(meter.Meter), flaws: f, watermark: statelab.MinWatermark, stop: make(chan struct{})}
	id := storedir.Identity{Engine: "reference", Version: 1, Prefix: o.Prefix.Name}
	if s.dir, err = storedir.Open(o.FS, dir, id, s.meter); err != nil {
		return nil, err
	}
	if err := s.recover(id); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", dir, err), s.files.close(), s.dir.Close())
	}
	if o.Durability == statelab.DurabilityInterval {
		s.ticker = time.NewTicker(o.SyncInterval)
		go s.syncByClock()
	}
	return s, nil
}

func (s *refStore) syncByClock() {
	for {
		select {
		case <-s.stop:
			return
		case <-s.ticker.C:
			s.mu.Lock()
			if !s.closed && s.latch.Err() == nil {
				s.note(s.files.sync())
			}
			s.mu.Unlock()
		}
	}
}

func (s *refStore) find(key string) (int, bool) {
	return slices.BinarySearchFunc(s.records, key, func(r *refRecord, key string) int {
		switch {
		case r.key < key:
			return -1
		case r.key > key:
			return 1
		}
		return 0
	})
}

func (s *refStore) Get(dst, key []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return dst, statelab.ErrClosed
	}
	i, ok := s.find(string(key))
	if !ok {
		return dst, statelab.ErrNotFound
	}
	return s.records[i].value(dst), nil
}

// Elements implements statelab.ElementStore.
func (s *refStore) Elements(key []byte, yield func([]byte, int64) bool) error {
	s.mu.RLock()
	i, ok := s.find(string(key))
	closed := s.closed
	var elements []refElement
	if ok {
		elements = s.records[i].elements
	}
	s.mu.RUnlock()
	switch {
	case closed:
		return statelab.ErrClosed
	case !ok:
		return statelab.ErrNotFound
	}
	for _, e := range elements {
		if !yield([]byte(e.value), e.expireAt) {
			break
		}
	}
	return nil
}

// usable says why a call that changes the store cannot be made. The caller holds mu.
func (s *refStore) usable() error {
	if s.closed {
		return statelab.ErrClosed
	}
	return s.latch.Err()
}

// note makes an error that is not nil the answer to all changes from now on.
func (s *refStore) note(err error) error {
	if s.flaws.forgetsFailures {
		return err
	}
	return s.latch.Set(err)
}

func (s *refStore) Apply(b *statelab.Batch) error {
	if err := b.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	staged, logical, err := s.stage(b)
	if err != nil {
		return err
	}
	if err := s.fit(staged); err != nil {
		return err
	}
	if err := s.note(s.files.append(frameApply, b.Bytes())); err != nil {
		return err
	}
	s.install(staged)
	s.stats.Batches++
	s.stats.Ops += int64(b.Len())
	s.stats.LogicalBytes += logical
	return s.note(s.shortenLog())
}

// A change replaces the record at key; an empty record is none.
type change struct{ old, new *refRecord }

// stage works out what the batch does, in the order of first use of the keys.
func (s *refStore) stage(b *statelab.Batch) ([]change, int64, error) {
	var staged []change
	var logical int64
	at := map[string]int{}
	ops := b.Ops()
	for {
		op, ok := ops.Next()
		if !ok {
			return staged, logical, ops.Err()
		}
		logical += int64(len(op.Key) + len(op.Value))
		key := string(op.Key)
		n, ok := at[key]
		if !ok {
			n = len(staged)
			at[key] = n
			none := &refRecord{key: key}
			staged = append(staged, change{none, none})
			if i, ok := s.find(key); ok {
				staged[n] = change{s.records[i], s.records[i]}
			}
		}
		next := s.changeRecord(staged[n].new, op)
		if next.liveBytes() > statelab.MaxRecordSize {
			return nil, 0, fmt.Errorf("%s makes a record of %d bytes: %w", op.Kind, next.liveBytes(), statelab.ErrTooLarge)
		}
		staged[n].new = next
	}
}

// changeRecord returns what the operation makes of a record.
func (s *refStore) changeRecord(r *refRecord, op statelab.Op) *refRecord {
	next := &refRecord{key: r.key}
	if op.Kind == statelab.OpAppend {
		next.elements = append(next.elements, r.elements...)
	}
	if op.Kind != statelab.OpDelete && !s.expired(op.ExpireAt, s.watermark) {
		next.elements = append(next.elements, refElement{string(op.Value), op.ExpireAt})
	}
	if s.flaws.changeRecord != nil {
		s.flaws.changeRecord(s.watermark, r, next, op)
	}
	return next
}

// fit makes the changes fit the budget by giving up the oldest iterators, or
// refuses them. What takes no memory is never refused.
func (s *refStore) fit(staged []change) error {
	if s.o.Memory == 0 || s.flaws.noBudget {
		return nil
	}
	grown := int64(0)
	for _, c := range staged {
		if len(c.old.elements) > 0 {
			grown -= c.old.size()
		}
		if len(c.new.elements) > 0 {
			grown += c.new.size()
		}
	}
	if grown <= 0 {
		return nil
	}
	for s.memory+grown+s.pinned() > s.o.Memory && len(s.iters) > 0 {
		s.iters[0].fail(statelab.ErrSnapshotTooOld)
	}
	if s.memory+grown > s.o.Memory {
		return fmt.Errorf("%d bytes more than %d of %d: %w", grown, s.memory, s.o.Memory, statelab.ErrBudget)
	}
	return nil
}

// install makes the changes visible.
func (s *refStore) install(staged []change) {
	for _, c := range staged {
		s.replace(c)
	}
	s.changed = true
	s.boundPinned()
}

// replace makes one change visible, and charges iterators for what it replaces.
func (s *refStore) replace(c change) {
	if s.shared && !s.flaws.snapshotsMove {
		s.records, s.shared = slices.Clone(s.records), false
	}
	i, found := s.find(c.new.key)
	if found {
		old := s.records[i].size()
		s.memory -= old
		for _, it := range s.iters {
			it.pinned += old
		}
	}
	if len(c.new.elements) > 0 {
		s.memory += c.new.size()
	}
	switch {
	case found && len(c.new.elements) > 0:
		s.records[i] = c.new
	case found:
		s.records = slices.Delete(s.records, i, i+1)
	case len(c.new.elements) > 0:
		s.records = slices.Insert(s.records, i, c.new)
	}
}

// pinned returns the bytes held only for iterators. What a younger one holds,
// the oldest holds too.
func (s *refStore) pinned() int64 {
	if len(s.iters) == 0 {
		return 0
	}
	return s.iters[0].pinned
}

func (s *refStore) boundPinned() {
	for s.o.Memory > 0 && s.pinned() > s.o.Memory/4 && !s.flaws.pinsForEver {
		s.iters[0].fail(statelab.ErrSnapshotTooOld)
	}
}

func (s *refStore) Advance(watermark int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if watermark <= s.watermark && !s.flaws.timeFlowsBack {
		return nil
	}
	if err := s.note(s.files.append(frameAdvance, appendTime(nil, watermark))); err != nil {
		return err
	}
	s.pass(watermark)
	return s.note(s.shortenLog())
}

// pass sets the watermark and drops what is dead by it.
func (s *refStore) pass(watermark int64) {
	s.watermark = watermark
	s.changed = true
	var dying []change
	for _, r := range s.records {
		if next := s.at(r, watermark); len(next.elements) != len(r.elements) {
			dying = append(dying, change{r, next})
		}
	}
	s.install(dying)
}

// at returns the record without the elements that are dead at the watermark.
func (s *refStore) at(r *refRecord, watermark int64) *refRecord {
	next := &refRecord{key: r.key}
	for _, e := range r.elements {
		if !s.expired(e.expireAt, watermark) {
			next.elements = append(next.elements, e)
		}
	}
	return next
}

func (s *refStore) expired(expireAt, watermark int64) bool {
	if s.flaws.expired != nil {
		return s.flaws.expired(expireAt, watermark)
	}
	return statelab.Expired(expireAt, watermark)
}

func (s *refStore) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if s.o.Durability != statelab.DurabilityCheckpoint {
		return s.note(s.files.sync())
	}
	if !s.changed {
		return nil
	}
	if err := s.note(s.nextGeneration()); err != nil {
		return err
	}
	s.changed = false
	return nil
}

func (s *refStore) Stats() statelab.Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := s.stats
	st.Engine, st.Watermark = "reference", s.watermark
	s.meter.Fill(&st)
	st.Memory, st.Pinned = s.memory+s.pinned(), s.pinned()
	st.Disk, st.Files, st.Records = s.files.size, 1, int64(len(s.records))
	return st
}

func (s *refStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return statelab.ErrClosed
	}
	s.closed = true
	close(s.stop)
	if s.ticker != nil {
		s.ticker.Stop()
	}
	for len(s.iters) > 0 && !s.flaws.iterOutlives {
		s.iters[0].fail(statelab.ErrClosed)
	}
	var err error
	if s.latch.Err() == nil && s.o.Durability != statelab.DurabilityCheckpoint {
		err = s.files.markEnd()
	}
	for _, e := range []error{s.files.close(), s.dir.Close()} {
		if err == nil {
			err = e
		}
	}
	return err
}

func (s *refStore) Checkpoint(dir string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return statelab.ErrClosed
	}
	return s.copyTo(dir)
}
