package memstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/hashdir"
)

// A loader makes the records that the files tell of, while nobody reads the
// store yet. So it needs neither views nor sequences: what is replaced or deleted
// is freed at once. And it needs no order until the end: it finds records by a
// hash table of their whole keys, and builds the index and the groups when all
// records are there; see finish.
//
// Nearly every look-up in a table that is larger than the CPU's caches
// waits for memory. So operations are taken a window at a time: first the
// buckets of all their keys are touched, then the records found there, each
// time without waiting for one before asking for the next; only then are they
// applied one after the other.
type loader struct {
	s *Store
	r *records

	dir    *hashdir.Dir // whole keys; the groups' own table if each record is a group
	window [loadWindow]loadOp
	n      int    // operations in the window
	wanted uint64 // what touching memory has read, so that it is read

	sweepAt int64 // bytes in use at which to look for what is dead
	sweptTo int64 // watermark of the last time
}

// A loadOp is an operation in the window.
type loadOp struct {
	statelab.Op
	hash uint64
}

const (
	// loadWindow is several times as many misses as a CPU has under way at once.
	loadWindow = 64

	// leastSweep is how much memory is too little to look for what is dead in.
	leastSweep = 16 << 20
)

func (s *Store) newLoader() (*loader, error) {
	l := &loader{s: s, r: &s.records, sweepAt: leastSweep, sweptTo: statelab.MinWatermark}
	if l.ownsGroups() {
		l.dir = s.records.groups.dir
		return l, nil
	}
	dir, err := hashdir.New()
	l.dir = dir
	return l, err
}

// ownsGroups says whether the loader's table is that of the groups.
func (l *loader) ownsGroups() bool { return l.r.groups.on() && l.r.groups.prefix == nil }

func (l *loader) close() {
	if !l.ownsGroups() {
		l.dir.Release()
	}
}

// setWatermark advances the time in which the operations that follow take
// effect.
func (l *loader) setWatermark(w int64) {
	l.r.watermark.Store(max(l.r.watermark.Load(), w))
}

// replay applies records of the log, which are valid during the call.
func (l *loader) replay(payloads [][]byte) error {
	for _, payload := range payloads {
		if err := l.replayOne(payload); err != nil {
			return err
		}
	}
	return l.flush()
}

func (l *loader) replayOne(payload []byte) error {
	if len(payload) == 0 {
		return l.s.damagedLog("empty record")
	}
	switch kind, payload := payload[0], payload[1:]; kind {
	case logBatch, logDelta:
		return l.take(payload)
	case logAdvance:
		if len(payload) != 8 {
			return l.s.damagedLog(fmt.Sprintf("advance of %d bytes", len(payload)))
		}
		l.setWatermark(int64(binary.LittleEndian.Uint64(payload)))
		return nil
	default:
		return l.s.damagedLog(fmt.Sprintf("unknown kind of record %d", kind))
	}
}

// load applies operations of a snapshot, which are valid during the call.
func (l *loader) load(ops []byte) error {
	if err := l.take(ops); err != nil {
		return err
	}
	return l.flush()
}

// take adds operations to the window, and applies it when it is full.
func (l *loader) take(data []byte) error {
	ops := statelab.ReadOps(data)
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		l.window[l.n] = loadOp{op, hashdir.Hash(op.Key)}
		if l.n++; l.n == loadWindow {
			if err := l.flush(); err != nil {
				return err
			}
		}
	}
	if err := ops.Err(); err != nil {
		return l.s.damagedLog(err.Error())
	}
	return nil
}

// flush applies the window.
func (l *loader) flush() error {
	ops := l.window[:l.n]
	l.n = 0
	for i := range ops {
		l.wanted += l.dir.Touch(ops[i].hash)
	}
	for i := range ops {
		p := l.dir.Probe(ops[i].hash)
		if e := p.Next(); e.Ref != 0 {
			l.wanted += l.r.touch(e.Ref)
		}
	}
	for i := range ops {
		if err := l.apply(&ops[i]); err != nil {
			return err
		}
	}
	if l.r.mem.InUse() > l.sweepAt {
		return l.sweepIfWorth()
	}
	return nil
}

// touch reads a record's key, so that it is in the CPU's caches.
func (r *records) touch(ref arena.Ref) uint64 {
	rec := r.rec(ref)
	last := rec.keyEnd() - 1
	return uint64(rec.older.Load()) + uint64(*(*byte)(unsafe.Add(unsafe.Pointer(rec), last)))
}

// apply makes an operation take effect, also of an element that is dead already: a
// sweep finds it.
func (l *loader) apply(op *loadOp) error {
	old := l.find(op)
	switch {
	case op.Kind == statelab.OpDelete:
		if old != 0 {
			l.dir.Remove(op.hash, old)
			l.free(old)
		}
		return nil
	case op.Kind == statelab.OpAppend && old != 0:
		ref, err := l.r.newElement(op.Op, loadedSeq)
		if err == nil {
			l.r.push(old, ref)
		}
		return err
	}
	ref, err := l.r.newRecord(op.Op, loadedSeq)
	if err != nil {
		return err
	}
	l.r.rec(ref).state = recordSaved
	if old == 0 {
		return l.dir.Insert(op.hash, hashdir.Entry{Ref: ref, Mark: 1})
	}
	l.dir.Update(op.hash, old, hashdir.Entry{Ref: ref, Mark: 1})
	l.free(old)
	return nil
}

// loadedSeq is the sequence of all that was in the files.
const loadedSeq = 1

// find returns the record of an operation's key, or 0.
func (l *loader) find(op *loadOp) arena.Ref {
	p := l.dir.Probe(op.hash)
	for e := p.Next(); e.Ref != 0; e = p.Next() {
		if bytes.Equal(l.r.keys().Of(e.Ref), op.Key) {
			return e.Ref
		}
	}
	return 0
}

// free frees a record that nothing leads to, with its elements.
func (l *loader) free(ref arena.Ref) {
	for at := l.r.rec(ref).newest(); at != 0; {
		older := arena.Ref(l.r.elem(at).older.Load())
		l.r.freePiece(at)
		at = older
	}
	l.r.freePiece(ref)
}
