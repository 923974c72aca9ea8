package lsm

import (
	"math"

	"github.com/statelab/statelab"
)

// State that dies before memory runs out need not be written. So a store whose state
// fits holds its memtables back until what is in them is dead, and then flushes next to
// nothing:
//
//	event time         watermark less the window                 watermark
//	memtables  [ spent ]|[      ][      ][      ][      ][      ][ active ]
//
// They leave an eighth of the memory at least to blocks.
// Memtables are a third as large then, so that little that is dead is held along. Whether
// the state fits is asked again and again: if what comes in goes on to, the oldest memtable
// must be spent before all of them have no room any more. Else they are flushed one after
// the other as they fill up, and blocks have their memory. Sync without a log flushes
// what lives, and none of what lived and died since the Sync before.

const (
	// holdReserve is the part of the memory that held memtables leave to blocks.
	holdReserve = 8
	// lastingShare is the part of a memtable that may be of what never expires, or
	// there is no use in holding it.
	lastingShare = 8
	// neverDies is memtable.dies where nothing expires.
	neverDies = math.MinInt64
)

// noteExpiry takes note of when what is added will be dead. Only the writer calls it.
func (m *memtable) noteExpiry(dies, lasting int64) {
	if dies > m.dies.Load() {
		m.dies.Store(dies)
	}
	if lasting > 0 {
		m.lasting.Add(lasting)
	}
}

// passing says whether next to all that is in the memtable expires.
func (m *memtable) passing() bool {
	return m.dies.Load() != neverDies && m.lasting.Load() <= m.bytes()/lastingShare
}

// spent says whether next to all that is in the memtable is dead.
func (m *memtable) spent(watermark int64) bool {
	return statelab.Expired(m.dies.Load(), watermark) && m.passing()
}

// oldest returns the memtable that is flushed next.
func (w *view) oldest() *memtable { return w.memtables[len(w.memtables)-1] }

// touch reads from where the search for a group begins in memtables that do not change any
// more, if there are several, so that the processor waits for memory once and not once for each.
func (w *view) touch(hash uint64) (touched uint64) {
	if len(w.memtables) <= 2 {
		return 0
	}
	for _, m := range w.immutable() {
		slots := m.slots()
		touched ^= slots.at(slots.home(hash)).Load()
	}
	return touched
}

// memtableBytes is what the memtables take.
func (w *view) memtableBytes() int64 {
	total := int64(0)
	for _, m := range w.memtables {
		total += m.bytes()
	}
	return total
}

// holds says whether the oldest memtable will be spent before the memtables run out of
// room, if bytes come in as they have since it was begun.
func (s *Store) holds(w *view) bool {
	oldest := w.oldest()
	rate := s.rateOf(w)
	return rate > 0 && oldest.passing() &&
		float64(w.memtableBytes())+rate*s.lives(oldest)+float64(s.budget.held/2) <= float64(s.holdRoom())
}

// fits says whether memtables could be held from now on, whatever the oldest are like: whether there
// is room for what comes in until that which came last is dead.
func (s *Store) fits(w *view) bool {
	last := w.memtables[0]
	rate := s.rateOf(w)
	return rate > 0 && last.passing() && rate*s.lives(last)+1.5*float64(s.budget.held) <= float64(s.holdRoom())
}

// rateOf returns how many bytes of memtables come in while event time goes on by one, 0
// if that is not known.
func (s *Store) rateOf(w *view) float64 {
	began, watermark := w.oldest().began, s.watermark.Load()
	if began == statelab.MinWatermark || watermark <= began {
		return 0
	}
	return float64(w.memtableBytes()) / (float64(watermark) - float64(began))
}

// lives returns how long it is until a memtable is spent.
func (s *Store) lives(m *memtable) float64 {
	return max(0, float64(m.dies.Load())-float64(s.watermark.Load()))
}

// holdRoom is what memtables may take together where they are held.
func (s *Store) holdRoom() int64 {
	room := s.options.Memory - s.options.Memory/holdReserve - s.env.fixed()
	if s.log != nil { // which is replayed into one
		room = min(room, maxMemtable)
	}
	return room
}

// memtableLimit is the load at which the active memtable, which would have one of size,
// is rotated.
func (s *Store) memtableLimit(w *view, size int64) int64 {
	if size > s.budget.held && s.fits(w) && (len(w.immutable()) == 0 || s.holds(w)) {
		return s.budget.held
	}
	return s.budget.memtable
}

// flushable returns the immutable memtables that are to be flushed next, newest first:
// those that are spent, and if the others are not held as many as a full one would be.
func (s *Store) flushable(w *view) []*memtable {
	waiting, watermark := w.immutable(), s.watermark.Load()
	from, size, held := len(waiting), int64(0), s.holds(w)
	for ; from > 0; from-- {
		m := waiting[from-1]
		if m.spent(watermark) {
			continue
		}
		if held || size > 0 && size+m.bytes() > s.budget.memtable {
			break
		}
		size += m.bytes()
	}
	return waiting[from:]
}

// flushAsOf returns the watermark as of which memtables, newest first, are flushed.
// Without a log it is that of now: it becomes durable with a later Sync, whose watermark
// is no less, or not at all. With a log it is that at the rotation, since a crash may lose
// all that came after it; unless there is something to gain: then the log is synced, so that
// every recovery comes to that of now. It is never less than that of the version. (L4)
func (s *Store) flushAsOf(memtables []*memtable) (int64, error) {
	now := s.watermark.Load()
	if s.log == nil {
		return now, nil
	}
	if !memtables[len(memtables)-1].spent(now) {
		return max(memtables[0].watermark, s.view.Load().version.watermark), nil
	}
	return now, s.logFailed(s.log.Sync())
}

// heldBy returns what the memtables of a view take beyond their third of the memory when
// the active one is full, in bytes.
func (s *Store) heldBy(w *view) int64 {
	total := s.budget.memtable
	for _, m := range w.immutable() {
		total += m.bytes()
	}
	return max(0, total-2*s.budget.memtable)
}

// hasRoom says whether the active memtable has room for so many bytes.
func (s *Store) hasRoom(w *view, size int64) bool {
	load := w.memtables[0].loadWith(size)
	return load <= s.memtableLimit(w, load)
}
