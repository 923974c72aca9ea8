package memstore

import (
	"encoding/binary"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/wal"
)

// A record of the log is
//
//	OFFSET  SIZE  FIELD
//	0       1     kind: 1 batch, 2 advance, 3 part of a delta
//	1       n     operations (statelab.Batch) of a batch or a part; of an
//	              advance the watermark, 8 bytes, little-endian
//
// so that Advance(5) is 02 05 00 00 00 00 00 00 00.
//
// Under interval and always the log holds batches and advances as they were
// applied. Under checkpoint it holds a delta for each Sync: parts, which are
// pending records of the log, and an advance to the watermark of the Sync,
// which completes them. The operations of a delta make each record that has
// changed since the last Sync what it is, so they can be replayed like any.
const (
	logBatch   = 1
	logAdvance = 2
	logDelta   = 3
)

func encodeWatermark(dst []byte, watermark int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(watermark))
}

// appendLog adds a record to the log, holding write.
func (s *Store) appendLog(kind byte, payload []byte) (wal.Pos, error) {
	s.encoder.kind[0] = kind
	pos, err := s.log.Append(s.encoder.kind[:], payload)
	return pos, s.failed(err)
}

func (s *Store) damagedLog(reason string) error {
	return &statelab.CorruptError{File: filepath.Join(s.path, logDirName), Offset: -1, Reason: reason}
}

// An encoder holds what writing records as operations takes.
type encoder struct {
	batch statelab.Batch
	refs  []arena.Ref
	kind  [1]byte
	head  [8]byte
}

// reset empties the batch, and gives up its memory if a large record was in it.
func (enc *encoder) reset() {
	if len(enc.batch.Bytes()) > 4*partBytes {
		enc.batch = statelab.Batch{}
	}
	enc.batch.Reset()
}

// appendRecord adds to the encoder's batch the operations that make the record
// as the view sees it, and says whether there are any.
func (enc *encoder) appendRecord(r *records, ref arena.Ref, v view) bool {
	enc.refs = r.elements(enc.refs[:0], ref, v)
	key := r.keys().Of(ref)
	for i := len(enc.refs) - 1; i >= 0; i-- {
		e := r.elem(enc.refs[i])
		if i == len(enc.refs)-1 {
			enc.batch.Put(key, e.value(), e.expireAt())
		} else {
			enc.batch.Append(key, e.value(), e.expireAt())
		}
	}
	return len(enc.refs) > 0
}
