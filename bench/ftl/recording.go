package ftl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/statelab/statelab/internal/offheap"
	"github.com/statelab/statelab/vfs"
)

// A Recording keeps what a store does to its files, for a later replay: it is made to cost the
// store next to nothing. An operation takes a few bytes, outside the Go heap:
//
//	OFFSET  SIZE  FIELD
//	0       1     kind: a vfs.Op, or 0xff for a mark, which has no further fields
//	1       1-5   file id, as a varint
//	.       1-10  of a write: offset less the end of the write before, as a zigzag varint
//	.       1-9   of a write or truncation: length, as a varint
//	.       1-5   of what has names: length of the path, as a varint
//	.       n     path; then the new path in the same form
//
// A write of 4096 bytes to file 5 at the offset where the last write, to another file, ended
// is 03 05 00 80 20. Had that been to the same file, it would have been made longer
// instead, up to 1 MiB, if nothing came between: so that a Host does the same with the two as with
// the one (but for its limits, which it then looks at in steps of that).
//
// It is safe for concurrent use.
type Recording struct {
	limit int64 // bytes of memory

	mu      sync.Mutex
	chunks  [][]byte // off-heap; operations go to the last
	used    int64    // bytes of memory in chunks
	pending vfs.TraceOp
	end     int64 // of the last write in the chunks
	ended   bool
	err     error // why it holds less than it was told, if it does
}

const (
	chunkBytes = 1 << 20
	mergeBytes = 1 << 20
	markKind   = 0xff
)

// ErrTooLong is that a recording has stopped at its limit.
var ErrTooLong = errors.New("recording is too long")

// NewRecording returns an empty recording that stops when it would take
// more than limit bytes of memory. Close gives the memory back.
func NewRecording(limit int64) *Recording { return &Recording{limit: limit} }

// Observe takes the next operation: it is for vfs.NewChangeTrace. What a
// Host has no use for is left out.
func (r *Recording) Observe(op vfs.TraceOp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	switch op.Op {
	case vfs.OpWrite:
		p := &r.pending
		if p.Op == vfs.OpWrite && p.File == op.File && p.Offset+p.Length == op.Offset && p.Length+op.Length <= mergeBytes {
			p.Length += op.Length
			return
		}
		r.flush()
		r.pending = op
	case vfs.OpSync, vfs.OpTruncate:
		r.flush()
		r.put(&op)
	case vfs.OpCreate, vfs.OpOpen, vfs.OpLock, vfs.OpRemove, vfs.OpRename, vfs.OpLink:
		r.flush()
		r.putNamed(&op)
	}
}

// Mark puts a mark after the operations so far.
func (r *Recording) Mark() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flush()
	if chunk := r.grow(1); chunk != nil {
		*chunk = append(*chunk, markKind)
	}
}

// Bytes returns how much memory the recording takes.
func (r *Recording) Bytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// Close gives the memory back. The recording has then ended and is empty.
func (r *Recording) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, chunk := range r.chunks {
		offheap.Free(chunk[:cap(chunk)])
	}
	r.chunks, r.used, r.pending, r.ended = nil, 0, vfs.TraceOp{}, true
	return nil
}

// flush records the pending write. The caller holds r.mu.
func (r *Recording) flush() {
	if r.pending.Op == vfs.OpWrite {
		r.put(&r.pending)
		r.pending = vfs.TraceOp{}
	}
}

func (r *Recording) put(op *vfs.TraceOp) {
	chunk := r.grow(1 + 3*binary.MaxVarintLen64)
	if chunk == nil {
		return
	}
	b := append(*chunk, byte(op.Op))
	b = binary.AppendUvarint(b, op.File)
	if op.Op == vfs.OpWrite {
		b = binary.AppendVarint(b, op.Offset-r.end)
		r.end = op.Offset + op.Length
	}
	if op.Op != vfs.OpSync {
		b = binary.AppendUvarint(b, uint64(op.Length))
	}
	*chunk = b
}

func (r *Recording) putNamed(op *vfs.TraceOp) {
	chunk := r.grow(1 + 3*binary.MaxVarintLen64 + len(op.Path) + len(op.NewPath))
	if chunk == nil {
		return
	}
	b := append(*chunk, byte(op.Op))
	b = binary.AppendUvarint(b, op.File)
	for _, path := range []string{op.Path, op.NewPath} {
		b = binary.AppendUvarint(b, uint64(len(path)))
		b = append(b, path...)
	}
	*chunk = b
}

// grow returns the last chunk, with room for n bytes more, or nil if there is no memory.
func (r *Recording) grow(n int) *[]byte {
	if r.err != nil {
		return nil
	}
	last := len(r.chunks) - 1
	if last >= 0 && cap(r.chunks[last])-len(r.chunks[last]) >= n {
		return &r.chunks[last]
	}
	size := max(chunkBytes, n)
	if r.used+int64(size) > r.limit {
		r.err = ErrTooLong
		return nil
	}
	chunk, err := offheap.Alloc(size)
	if err != nil {
		r.err = fmt.Errorf("recording: %w", err)
		return nil
	}
	r.used += int64(size)
	r.chunks = append(r.chunks, chunk[:0])
	return &r.chunks[last+1]
}

// Replay ends the recording, hands the operations to observe, in order, and calls
// mark at each mark. It stops at the first error and returns it. A recording that
// ran out of memory is not replayed: the error is then ErrTooLong, or the system's.
func (r *Recording) Replay(observe func(vfs.TraceOp) error, mark func() error) error {
	r.mu.Lock()
	r.flush()
	r.ended = true
	err := r.err
	r.mu.Unlock()
	if err != nil {
		return err
	}
	end := int64(0)
	for _, chunk := range r.chunks {
		in := decoder{rest: chunk}
		for len(in.rest) > 0 {
			op, isMark := in.next(&end)
			if in.bad {
				return errors.New("recording: damaged in memory")
			}
			if isMark {
				err = mark()
			} else {
				err = observe(op)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// A decoder reads a chunk.
type decoder struct {
	rest []byte
	bad  bool
}

func (in *decoder) next(end *int64) (op vfs.TraceOp, isMark bool) {
	kind := in.rest[0]
	in.rest = in.rest[1:]
	if kind == markKind {
		return op, true
	}
	op.Op, op.File = vfs.Op(kind), in.number()
	switch op.Op {
	case vfs.OpSync:
	case vfs.OpTruncate:
		op.Length = int64(in.number())
	case vfs.OpWrite:
		zigzag := in.number()
		op.Offset = *end + (int64(zigzag>>1) ^ -int64(zigzag&1))
		op.Length = int64(in.number())
		*end = op.Offset + op.Length
	default:
		op.Path, op.NewPath = in.text(), in.text()
	}
	return op, false
}

func (in *decoder) number() uint64 {
	n, size := binary.Uvarint(in.rest)
	if size <= 0 {
		in.bad, in.rest = true, nil
		return 0
	}
	in.rest = in.rest[size:]
	return n
}

func (in *decoder) text() string {
	n := in.number()
	if n > uint64(len(in.rest)) {
		in.bad, in.rest = true, nil
		return ""
	}
	text := string(in.rest[:n])
	in.rest = in.rest[n:]
	return text
}
