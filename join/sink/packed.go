package sink

import (
	"encoding/binary"
	"errors"

	"github.com/statelab/statelab/join"
)

// A sample on its way to a parquet file is packed: a lines file takes the lines themselves,
// but a parquet file needs the fields. All numbers are varints, times with a sign.
//
//	flags      1 if the sample is a correction
//	key        length, bytes
//	time       of the left event, µs
//	value      length, bytes
//	rights     how many; then of each
//	           time, length of the value, value
//
// So the sample of the left event (key "a", time 1, value "l") and the right event (time
// 2, value "rr") is 00 01 61 02 01 6c 01 04 02 7272.

// Pack appends a sample, packed. It is an Append of package join's backlogs.
func Pack(dst []byte, s *join.Sample) ([]byte, error) {
	flags := byte(0)
	if s.Correction {
		flags = 1
	}
	dst = appendBytes(append(dst, flags), s.Left.Key)
	dst = appendBytes(binary.AppendVarint(dst, s.Left.Time), s.Left.Value)
	dst = binary.AppendUvarint(dst, uint64(len(s.Rights)))
	for i := range s.Rights {
		dst = appendBytes(binary.AppendVarint(dst, s.Rights[i].Time), s.Rights[i].Value)
	}
	return dst, nil
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

var errPacked = errors.New("damaged sample")

// unpack reads what Pack appended into s, whose slices are those of b. Sequences are
// not packed.
func unpack(b []byte, s *join.Sample) error {
	*s = join.Sample{Rights: s.Rights[:0]}
	if len(b) == 0 || b[0] > 1 {
		return errPacked
	}
	s.Correction = b[0] == 1
	r := unpacker{b: b[1:]}
	s.Left.Key = r.bytes()
	s.Left.Time = r.varint()
	s.Left.Value = r.bytes()
	for n := r.uvarint(); n > 0 && !r.damaged; n-- {
		at := r.varint()
		s.Rights = append(s.Rights, join.Event{Key: s.Left.Key, Time: at, Value: r.bytes()})
	}
	if r.damaged || len(r.b) > 0 {
		return errPacked
	}
	return nil
}

// An unpacker takes numbers and bytes off b. Once it is damaged all are zero.
type unpacker struct {
	b       []byte
	damaged bool
}

func (r *unpacker) take(n int) {
	if n <= 0 {
		r.b, r.damaged = nil, true
		return
	}
	r.b = r.b[n:]
}

func (r *unpacker) varint() int64 {
	v, n := binary.Varint(r.b)
	r.take(n)
	return v
}

func (r *unpacker) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.take(n)
	return v
}

func (r *unpacker) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.b, r.damaged = nil, true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}
