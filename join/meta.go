package join

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/statelab/statelab"
)

// The meta record says where the join stands. It is part of every batch, so
// that whatever prefix of its history a store opens at, events, timers, counts,
// positions and the caller's note agree with each other (J7). All numbers are
// little-endian.
//
//	SIZE  FIELD
//	1     format version, 5
//	1     kind
//	8     lower, ns
//	8     upper, ns
//	16    max disorder of left and right, ns
//	8     share of negatives kept, IEEE 754
//	8     their seed
//	1     emit (since version 2)
//	1     1 if late events correct (since version 2)
//	8     lateness, ns (since version 2)
//	32    window, gap, TTL of left and right, ns (since version 2)
//	1     which event is kept (since version 2)
//	1     1 if the input has ended and all of it has fired
//	8     fired: all timers below this time have fired
//	64    left: position and watermark of its first source, in, matched, unmatched, late, waiting, rejected
//	64    right: the same
//	32    filtered, samples, pairs, negatives dropped
//	8     corrections (since version 2)
//	1     1 if the join has been divided anew (since version 3)
//	4     how many sources left and right name, 0 if it is the one that each has (since version 4)
//	8     max disorder of each of them, ns: left, then right
//	16    position and watermark of each but for the first of a side: left, then right
//	2     plan, match (since version 5)
//	2     length of the cursor
//	      cursor: the least timer key that has not fired
//	      the caller's note
//
// A record of an older version is read as one whose further fields are zero.
const metaVersion = 5

func (o *Operator) appendMeta(dst []byte, commit bool) ([]byte, error) {
	dst = appendSpec(append(dst, metaVersion), &o.spec)
	dst = append(dst, boolByte(o.finished))
	dst = appendInt(dst, o.fired)
	for side := range o.counts.side {
		s := &o.counts.side[side]
		first := &o.sources[side][0]
		dst = binary.LittleEndian.AppendUint64(dst, first.position)
		for _, v := range [...]int64{first.watermark, s.in, s.matched, s.unmatched, s.late, s.waiting, s.rejected} {
			dst = appendInt(dst, v)
		}
	}
	for _, v := range [...]int64{o.counts.filtered, o.counts.samples, o.counts.pairs, o.counts.dropped, o.counts.corrections} {
		dst = appendInt(dst, v)
	}
	dst = append(dst, boolByte(o.counts.moved))
	dst = append(o.appendSources(dst), byte(o.spec.Plan), byte(o.spec.Match))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(o.cursor)))
	dst = append(dst, o.cursor...)
	if o.hooks.Note == nil {
		return dst, nil
	}
	return o.hooks.Note(dst, commit)
}

// restore takes up where a meta record stands.
func (o *Operator) restore(b []byte) error {
	r := fieldReader{b: b}
	version := r.byte()
	if version < 1 || version > metaVersion {
		return fmt.Errorf("the meta record is of format version %d, and this program knows 1 to %d: %w", version, metaVersion, statelab.ErrMismatch)
	}
	was := r.spec(version)
	finished := r.byte() == 1
	o.fired = r.int()
	for side := range o.counts.side {
		s := &o.counts.side[side]
		first := &o.sources[side][0]
		first.position = uint64(r.int())
		for _, v := range [...]*int64{&first.watermark, &s.in, &s.matched, &s.unmatched, &s.late, &s.waiting, &s.rejected} {
			*v = r.int()
		}
	}
	for _, v := range [...]*int64{&o.counts.filtered, &o.counts.samples, &o.counts.pairs, &o.counts.dropped} {
		*v = r.int()
	}
	if version >= 2 {
		o.counts.corrections = r.int()
	}
	if version >= 3 {
		o.counts.moved = r.byte() == 1
	}
	if version >= 4 {
		o.restoreSources(&r, &was)
	}
	if version >= 5 {
		was.Plan, was.Match = Plan(r.byte()), Match(r.byte())
	}
	cursor := r.take(int(r.byte()) | int(r.byte())<<8)
	if r.short {
		return fmt.Errorf("the meta record of %d bytes is cut short", len(b))
	}
	if err := sameSpec(was, o.spec); err != nil {
		return err
	}
	o.finished = finished
	o.cursor = append(o.cursor[:0], cursor...)
	o.note = append([]byte{}, r.b...)
	return o.counts.reconcile(o.spec.Kind, o.finished)
}

// appendSources appends what there is to say of several sources.
func (o *Operator) appendSources(dst []byte) []byte {
	for _, named := range o.spec.Sources {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(named)))
	}
	for _, named := range o.spec.Sources {
		for _, d := range named {
			dst = appendInt(dst, int64(d))
		}
	}
	for _, sources := range o.sources {
		for _, p := range sources[1:] {
			dst = appendInt(appendInt(dst, int64(p.position)), p.watermark)
		}
	}
	return dst
}

// restoreSources adds to a spec the sources that it was of, and takes up how far those
// were read, as far as the operator has as many: if not, its spec is another.
func (o *Operator) restoreSources(r *fieldReader, was *Spec) {
	var n [2]int
	for side := range n {
		n[side] = int(r.byte()) | int(r.byte())<<8
	}
	for side := range n {
		for range min(n[side], MaxSources) {
			was.Sources[side] = append(was.Sources[side], r.duration())
		}
	}
	for side := range n {
		for i := 1; i < n[side]; i++ {
			position, watermark := uint64(r.int()), r.int()
			if i < len(o.sources[side]) {
				o.sources[side][i].position, o.sources[side][i].watermark = position, watermark
			}
		}
	}
}

func appendSpec(dst []byte, s *Spec) []byte {
	dst = append(dst, byte(s.Kind))
	for _, v := range [...]time.Duration{s.Lower, s.Upper, s.MaxDisorder[Left], s.MaxDisorder[Right]} {
		dst = appendInt(dst, int64(v))
	}
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(s.Negatives.Keep))
	dst = binary.LittleEndian.AppendUint64(dst, s.Negatives.Seed)
	dst = append(dst, byte(s.Emit), boolByte(s.Correct))
	for _, v := range [...]time.Duration{s.Lateness, s.Window, s.Gap, s.TTL[Left], s.TTL[Right]} {
		dst = appendInt(dst, int64(v))
	}
	return append(dst, byte(s.Keep))
}

// sameSpec says which field of a spec differs from the one the state was made with.
func sameSpec(was, is Spec) error {
	for _, f := range [...]struct {
		name    string
		was, is any
	}{
		{"kind", was.Kind, is.Kind},
		{"lower", was.Lower, is.Lower},
		{"upper", was.Upper, is.Upper},
		{"max_disorder of the left side", disorderText(was, Left), disorderText(is, Left)},
		{"max_disorder of the right side", disorderText(was, Right), disorderText(is, Right)},
		{"share of negatives to keep", was.Negatives.Keep, is.Negatives.Keep},
		{"seed of the negatives", was.Negatives.Seed, is.Negatives.Seed},
		{"emit", was.Emit, is.Emit},
		{"whether late events correct", was.Correct, is.Correct},
		{"lateness", was.Lateness, is.Lateness},
		{"window", was.Window, is.Window},
		{"gap", was.Gap, is.Gap},
		{"ttl of the left side", was.TTL[Left], is.TTL[Left]},
		{"ttl of the right side", was.TTL[Right], is.TTL[Right]},
		{"which event is kept", was.Keep, is.Keep},
		{"plan", was.Plan, is.Plan},
		{"match", was.Match, is.Match},
	} {
		if f.was != f.is {
			return fmt.Errorf("%w: %s was %v and is %v now", ErrSpecChanged, f.name, f.was, f.is)
		}
	}
	return nil
}

func disorderText(s Spec, side Side) string {
	var texts []string
	for _, d := range s.disorders(side) {
		if d == Unbounded {
			texts = append(texts, "unbounded")
			continue
		}
		texts = append(texts, d.String())
	}
	return strings.Join(texts, ", ")
}

func appendInt(dst []byte, v int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(v))
}

// A fieldReader takes fields off a record. Once the record turns out to be too
// short, every field is zero.
type fieldReader struct {
	b     []byte
	short bool
}

func (r *fieldReader) take(n int) []byte {
	if len(r.b) < n {
		r.b, r.short = nil, true
		return nil
	}
	field := r.b[:n]
	r.b = r.b[n:]
	return field
}

func (r *fieldReader) byte() byte {
	if f := r.take(1); f != nil {
		return f[0]
	}
	return 0
}

func (r *fieldReader) int() int64 {
	if f := r.take(8); f != nil {
		return int64(binary.LittleEndian.Uint64(f))
	}
	return 0
}

func (r *fieldReader) duration() time.Duration { return time.Duration(r.int()) }

func (r *fieldReader) spec(version byte) Spec {
	s := Spec{Kind: Kind(r.byte()), Lower: r.duration(), Upper: r.duration()}
	s.MaxDisorder = [2]time.Duration{r.duration(), r.duration()}
	s.Negatives.Keep = math.Float64frombits(uint64(r.int()))
	s.Negatives.Seed = uint64(r.int())
	if version >= 2 {
		s.Emit, s.Correct = Emit(r.byte()), r.byte() == 1
		for _, to := range [...]*time.Duration{&s.Lateness, &s.Window, &s.Gap, &s.TTL[Left], &s.TTL[Right]} {
			*to = r.duration()
		}
		s.Keep = Keep(r.byte())
	}
	return s
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
