package memstore

import (
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// Sync implements statelab.Store.
func (s *Store) Sync() error {
	if err := s.begin(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	var (
		img *image
		err error
	)
	if s.o.Durability == statelab.DurabilityCheckpoint {
		if err = s.appendDelta(); err == nil {
			img, err = s.startSnapshotIfDue()
		}
	}
	s.write.Unlock()
	if err == nil {
		err = s.failed(s.log.Sync())
	}
	if img != nil {
		if ierr := s.runSnapshot(img); err == nil {
			err = ierr
		}
	}
	s.calls.Done()
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// partBytes is the size at which a part of a delta, or a block of a snapshot,
// is full: large enough that its frame is nothing, and small beside any budget.
const partBytes = 32 << 10

// appendDelta logs what has changed since the last Sync, holding write. Readers
// go on meanwhile.
func (s *Store) appendDelta() error {
	r := &s.records
	if r.dirty.n == 0 && r.watermark.Load() == s.saved {
		return nil
	}
	s.encoder.reset()
	for ref := r.nextDirty(0); ref != 0; ref = r.nextDirty(ref) {
		s.encodeDirty(ref)
		if len(s.encoder.batch.Bytes()) >= partBytes {
			if err := s.appendPart(); err != nil {
				return err
			}
		}
	}
	if err := s.appendPart(); err != nil {
		return err
	}
	watermark := r.watermark.Load()
	if _, err := s.appendLog(logAdvance, encodeWatermark(s.encoder.head[:0], watermark)); err != nil {
		return err
	}
	s.saved = watermark
	r.clean()
	return nil
}

// encodeDirty adds a changed record to the part in the making: as it is now, or
// its deletion if the files have something of it. What merely died needs no
// word, since the files know when it dies.
func (s *Store) encodeDirty(ref arena.Ref) {
	r, enc := &s.records, &s.encoder
	if enc.appendRecord(r, ref, r.present()) {
		for _, at := range enc.refs {
			r.elem(at).flags |= elementSaved
		}
	} else if r.rec(ref).state&recordSaved != 0 {
		enc.batch.Delete(r.keys().Of(ref))
	}
}

func (s *Store) appendPart() error {
	if s.encoder.batch.Len() == 0 {
		return nil
	}
	s.encoder.kind[0] = logDelta
	_, err := s.log.AppendPending(s.encoder.kind[:], s.encoder.batch.Bytes())
	s.encoder.reset()
	return s.failed(err)
}

// clean notes of all dirty records, which have been written, that they are not
// dirty any more.
func (r *records) clean() {
	v := r.present()
	for r.dirty.n > 0 { // letting go may move a record to where this has been
		for ref := r.nextDirty(0); ref != 0; ref = r.nextDirty(ref) {
			rec := r.rec(ref)
			r.unmarkDirty(ref, rec)
			if r.isSeen(ref, v) {
				rec.state |= recordSaved
			} else {
				rec.state &^= recordSaved
				r.settleIfEmpty(ref)
			}
			r.release(reapPerOp)
		}
	}
}
