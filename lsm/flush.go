package lsm

import (
	"fmt"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
)

// flush writes memtables, which are the oldest ones and immutable, newest
// first, to a run of their own and lets it take their place, as of watermark.
// The caller holds flushMu. With a log the result is durable.
func (s *Store) flush(memtables []*memtable, watermark int64) error {
	if len(memtables) == 0 {
		return s.noteWatermark(watermark)
	}
	start := time.Now()
	var m merger
	defer m.close()
	for _, mem := range memtables {
		c := new(memtableCursor)
		c.open(mem, maxSeq)
		m.sources = append(m.sources, c)
	}
	m.reset(nil, nil)
	s.brake.flushed.Store(0)
	s.brake.flushing.Store(0)
	for _, mem := range memtables {
		s.brake.flushing.Add(int64(mem.len()))
	}
	older := s.acquireVersion()
	defer older.unref(s.discard)
	w := rewrite{
		store: s, from: &m, dir: s.path, purpose: meter.Flush, watermark: watermark,
		older: func(key []byte) bool { return mayHold(older.runs, key) },
		resume: func(records int, _ int64) error {
			s.brake.flushed.Add(int64(records))
			return nil
		},
	}
	made, err := w.do()
	if err == nil {
		err = s.installFlush(made, memtables, watermark)
	}
	if err != nil {
		return s.failed.Set(fmt.Errorf("flush: %w", err))
	}
	s.counts.flushes.Add(1)
	s.options.ReportMaintenance(statelab.EventFlush, start, made.bytes())
	s.counts.droppedDead.Add(w.dropped)
	s.trimLog()
	s.boundPinned()
	return nil
}

// maxSeq is later than every sequence.
const maxSeq = 1<<64 - 1

func (s *Store) installFlush(made written, memtables []*memtable, watermark int64) error {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	defer s.letGo(made.blobs)
	old := s.view.Load().version
	runs := old.runs
	if len(made.tables) > 0 {
		runs = append([]*run{newRun(s.newFileNumber(), 0, made.tables)}, runs...)
	}
	return s.install(newVersion(runs, watermark), memtables)
}

// noteWatermark makes a version of the same tables at a later watermark, under
// which more of them may be dropped.
func (s *Store) noteWatermark(watermark int64) error {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	v := s.view.Load().version
	if v.watermark == watermark {
		return nil
	}
	return s.install(newVersion(v.runs, watermark), nil)
}

// mayHold says whether one of the runs may hold key. A filter that cannot be
// read says yes.
func mayHold(runs []*run, key []byte) bool {
	hash := hashKey(key)
	for _, r := range runs {
		t := r.find(key)
		if t == nil {
			continue
		}
		if may, err := t.mayHoldKey(hash, nil); may || err != nil {
			return true
		}
	}
	return false
}

// install lets v, whose one reference it takes over, follow the current
// version, and takes out the memtables that are in it. With a log, v is made
// durable first. The caller holds versionMu.
func (s *Store) install(v *version, flushed []*memtable) error {
	defer v.unref(s.discard)
	v.number = s.view.Load().version.number + 1
	if err := s.prepare(v, flushed); err != nil {
		return err
	}
	for _, m := range flushed {
		m.retired.Store(true)
		s.env.pin(m.bytes())
	}
	s.setView(func(w *view) *view {
		return newView(w.memtables[:len(w.memtables)-len(flushed)], v)
	})
	s.worker.progress()
	return nil
}

func (s *Store) prepare(v *version, flushed []*memtable) error {
	switch {
	case s.log == nil:
		return s.boundUnsynced(v)
	case len(flushed) > 0:
		return s.commit(v, flushed[0].nextSegment)
	}
	return s.commit(v, s.logStart)
}
