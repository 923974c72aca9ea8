package btree

import (
	"encoding/binary"

	"github.com/statelab/statelab"
)

// A record's body is its elements, oldest first, each of them
//
//	SIZE     FIELD
//	uvarint  2 * length of the element, plus 1 if an expiry follows
//	8 or 0   expiry; absent means NoExpiry
//	         element
//
// so that the elements "ab" for ever and "c" until 5 are
// 04 61 62 03 05 00 00 00 00 00 00 00 63.

// maxElementHeader is the most bytes in front of an element: its length takes
// 29 bits and is doubled.
const maxElementHeader = 5 + 8

// appendElementHeader appends what stands before an element of n bytes.
func appendElementHeader(dst []byte, n int, expireAt int64) []byte {
	if expireAt == statelab.NoExpiry {
		return binary.AppendUvarint(dst, uint64(n)<<1)
	}
	dst = binary.AppendUvarint(dst, uint64(n)<<1|1)
	return binary.LittleEndian.AppendUint64(dst, uint64(expireAt))
}

// elementHeader reads what stands before an element: its length, its expiry
// and the size of the header, which is 0 if b is cut short or no header.
func elementHeader(b []byte) (n int, expireAt int64, size int) {
	var head uint64
	if len(b) > 0 && b[0] < 0x80 { // as nearly always, and several times as fast
		head, size = uint64(b[0]), 1
	} else {
		head, size = binary.Uvarint(b)
	}
	if size <= 0 || head>>1 > statelab.MaxRecordSize {
		return 0, 0, 0
	}
	if head&1 == 0 {
		return int(head >> 1), statelab.NoExpiry, size
	}
	if len(b) < size+8 {
		return 0, 0, 0
	}
	return int(head >> 1), int64(binary.LittleEndian.Uint64(b[size:])), size + 8
}

// nextElement returns the first element of a body and what follows it. The
// body is one that was validated, and not empty.
func nextElement(body []byte) (element []byte, expireAt int64, rest []byte) {
	n, expireAt, size := elementHeader(body)
	return body[size : size+n], expireAt, body[size+n:]
}

// validBody says whether b is a sequence of whole elements, at least one, and
// returns their last expiry.
func validBody(b []byte) (dieAt int64, ok bool) {
	dieAt = statelab.MinWatermark
	for rest := b; len(rest) > 0; {
		n, expireAt, size := elementHeader(rest)
		if size == 0 || n > len(rest)-size {
			return 0, false
		}
		dieAt = max(dieAt, expireAt)
		rest = rest[size+n:]
	}
	return dieAt, len(b) > 0
}

// bodySize returns the bytes of a body's elements without their headers, and
// their last expiry.
func bodySize(body []byte) (payload, dieAt int64) {
	dieAt = statelab.MinWatermark
	for len(body) > 0 {
		element, expireAt, rest := nextElement(body)
		payload += int64(len(element))
		dieAt = max(dieAt, expireAt)
		body = rest
	}
	return payload, dieAt
}

// bodyDieAt returns the last expiry of a body's elements.
func bodyDieAt(body []byte) int64 {
	dieAt, _ := validBody(body)
	return dieAt
}

// appendLive appends the elements of body that are live at the watermark to
// dst, with their headers, and returns the bytes of the elements themselves.
func appendLive(dst, body []byte, watermark int64) (out []byte, live int) {
	for len(body) > 0 {
		element, expireAt, rest := nextElement(body)
		if !statelab.Expired(expireAt, watermark) {
			dst = append(dst, body[:len(body)-len(rest)]...)
			live += len(element)
		}
		body = rest
	}
	return dst, live
}

// countDead returns how many elements of a record are dead, of a spilled one only if all are.
func countDead(r record, watermark int64) (n int64) {
	if r.spilled {
		if statelab.Expired(r.dieAt(), watermark) {
			n++
		}
		return n
	}
	for body := r.body; len(body) > 0; {
		var expireAt int64
		if _, expireAt, body = nextElement(body); statelab.Expired(expireAt, watermark) {
			n++
		}
	}
	return n
}

// hasDead says whether an element of body is dead at the watermark.
func hasDead(body []byte, watermark int64) bool {
	for len(body) > 0 {
		var expireAt int64
		if _, expireAt, body = nextElement(body); statelab.Expired(expireAt, watermark) {
			return true
		}
	}
	return false
}
