package memstore

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// overLimit says whether an operation would make a record too large, and of
// which key. Almost always the bounds that are kept rule it out.
func (r *records) overLimit(ops statelab.OpReader, batchBytes int64) (key []byte, over bool) {
	if r.maxBound+batchBytes <= statelab.MaxRecordSize {
		return nil, false
	}
	doubt := batchBytes > statelab.MaxRecordSize
	for rest := ops; !doubt; {
		op, ok := rest.Next()
		if !ok {
			return nil, false
		}
		if op.Kind == statelab.OpAppend {
			ref := r.find(op.Key)
			doubt = ref != 0 && int64(r.bound(ref))+batchBytes > statelab.MaxRecordSize
		}
	}
	return r.replayed(ops)
}

// replayed is overLimit without guessing: it follows the live bytes of each
// record through the batch.
func (r *records) replayed(ops statelab.OpReader) (key []byte, over bool) {
	sizes := map[string]int64{}
	watermark := r.watermark.Load()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		size := int64(len(op.Value))
		if statelab.Expired(op.ExpireAt, watermark) {
			size = 0
		}
		if op.Kind == statelab.OpAppend {
			before, known := sizes[string(op.Key)]
			if ref := r.find(op.Key); !known && ref != 0 {
				before = r.tighten(ref)
			}
			size += before
		}
		if size > statelab.MaxRecordSize {
			return op.Key, true
		}
		sizes[string(op.Key)] = size
	}
	return nil, false
}

// tighten makes a record's bound what its live elements have, and returns that.
func (r *records) tighten(ref arena.Ref) int64 {
	n := r.liveBytes(ref)
	if newest := r.rec(ref).newest(); newest != 0 {
		r.elem(newest).extra.Store(uint32(n))
	}
	return n
}
