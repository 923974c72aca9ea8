package join

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// The meta record says where the join stands. It is part of every batch, so
// that whatever prefix of its history a store opens at, events, timers, counts,
// positions and the caller's note agree with each other (J7). All numbers are
// little-endian.
//
//	OFFSET  SIZE  FIELD
//	0       1     format version, 1
//	1       1     kind
//	2       8     lower, ns
//	10      8     upper, ns
//	18      16    max disorder of left and right, ns
//	34      8     share of negatives kept, IEEE 754
//	42      8     their seed
//	50      1     1 if the input has ended and all of it has fired
//	51      8     fired: all timers below this time have fired
//	59      64    left: position, watermark, in, matched, unmatched, late, waiting, rejected
//	123     64    right: the same
//	187     32    filtered, samples, pairs, negatives dropped
//	219     2     length of the cursor
//	221           cursor: the least timer key that has not fired
//	              the caller's note
const (
	metaVersion = 1
	metaFixed   = 221
)

func (o *Operator) appendMeta(dst []byte, commit bool) ([]byte, error) {
	dst = appendSpec(append(dst, metaVersion), &o.spec)
	dst = append(dst, boolByte(o.finished))
	dst = appendInt(dst, o.fired)
	for side := range o.counts.side {
		s := &o.counts.side[side]
		dst = binary.LittleEndian.AppendUint64(dst, o.position[side])
		for _, v := range [...]int64{o.watermark[side], s.in, s.matched, s.unmatched, s.late, s.waiting, s.rejected} {
			dst = appendInt(dst, v)
		}
	}
	for _, v := range [...]int64{o.counts.filtered, o.counts.samples, o.counts.pairs, o.counts.dropped} {
		dst = appendInt(dst, v)
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(o.cursor)))
	dst = append(dst, o.cursor...)
	if o.hooks.Note == nil {
		return dst, nil
	}
	return o.hooks.Note(dst, commit)
}

// restore takes up where a meta record stands.
func (o *Operator) restore(b []byte) error {
	if len(b) < metaFixed || b[0] != metaVersion {
		return fmt.Errorf("meta record of %d bytes is not of format version %d", len(b), metaVersion)
	}
	if err := sameSpec(decodeSpec(b[1:]), o.spec); err != nil {
		return err
	}
	r := intReader{b[51:]}
	o.finished = b[50] == 1
	o.fired = r.next()
	for side := range o.counts.side {
		s := &o.counts.side[side]
		o.position[side] = uint64(r.next())
		for _, v := range [...]*int64{&o.watermark[side], &s.in, &s.matched, &s.unmatched, &s.late, &s.waiting, &s.rejected} {
			*v = r.next()
		}
	}
	for _, v := range [...]*int64{&o.counts.filtered, &o.counts.samples, &o.counts.pairs, &o.counts.dropped} {
		*v = r.next()
	}
	n := int(binary.LittleEndian.Uint16(r.b))
	if len(r.b) < 2+n {
		return errors.New("meta record is cut short")
	}
	o.cursor = append(o.cursor[:0], r.b[2:2+n]...)
	o.note = append([]byte{}, r.b[2+n:]...)
	return o.counts.reconcile(o.finished)
}

func appendSpec(dst []byte, s *Spec) []byte {
	dst = append(dst, byte(s.Kind))
	for _, v := range [...]int64{int64(s.Lower), int64(s.Upper), int64(s.MaxDisorder[Left]), int64(s.MaxDisorder[Right])} {
		dst = appendInt(dst, v)
	}
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(s.Negatives.Keep))
	return binary.LittleEndian.AppendUint64(dst, s.Negatives.Seed)
}

func decodeSpec(b []byte) Spec {
	r := intReader{b[1:]}
	s := Spec{Kind: Kind(b[0]), Lower: time.Duration(r.next()), Upper: time.Duration(r.next())}
	s.MaxDisorder = [2]time.Duration{time.Duration(r.next()), time.Duration(r.next())}
	s.Negatives.Keep = math.Float64frombits(uint64(r.next()))
	s.Negatives.Seed = uint64(r.next())
	return s
}

// sameSpec says which field of a spec differs from the one the state was made with.
func sameSpec(was, is Spec) error {
	changed := func(field string, was, is any) error {
		return fmt.Errorf("%w: %s was %v and is %v now", ErrSpecChanged, field, was, is)
	}
	switch {
	case was.Kind != is.Kind:
		return changed("kind", was.Kind, is.Kind)
	case was.Lower != is.Lower:
		return changed("lower", was.Lower, is.Lower)
	case was.Upper != is.Upper:
		return changed("upper", was.Upper, is.Upper)
	case was.MaxDisorder[Left] != is.MaxDisorder[Left]:
		return changed("max_disorder of the left side", disorderText(was, Left), disorderText(is, Left))
	case was.MaxDisorder[Right] != is.MaxDisorder[Right]:
		return changed("max_disorder of the right side", disorderText(was, Right), disorderText(is, Right))
	case was.Negatives.Keep != is.Negatives.Keep:
		return changed("share of negatives to keep", was.Negatives.Keep, is.Negatives.Keep)
	case was.Negatives.Seed != is.Negatives.Seed:
		return changed("seed of the negatives", was.Negatives.Seed, is.Negatives.Seed)
	}
	return nil
}

func disorderText(s Spec, side Side) string {
	if s.MaxDisorder[side] == Unbounded {
		return "unbounded"
	}
	return s.MaxDisorder[side].String()
}

func appendInt(dst []byte, v int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(v))
}

// intReader takes eight bytes at a time from a slice known to be long enough.
type intReader struct{ b []byte }

func (r *intReader) next() int64 {
	v := int64(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
