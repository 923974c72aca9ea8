package kv

import (
	"encoding/binary"

	"github.com/statelab/statelab"
)

// A record in the peer is its elements, oldest first:
//
//	SIZE     FIELD
//	uvarint  length of the element, shifted left by one; bit 0 set if an expiry follows
//	8 or 0   expiry, little-endian; absent means NoExpiry
//	         element
//
// so that the element "vw" that dies at 5, followed by "x" that never dies, is
//
//	05 05 00 00 00 00 00 00 00 76 77 02 78
//
// Appending elements is appending bytes, which is what lets a peer's merge
// operator be plain concatenation.

// appendElement appends a framed element to dst.
func appendElement(dst, element []byte, expireAt int64) []byte {
	return append(AppendFrame(dst, len(element), expireAt), element...)
}

// AppendFrame appends to dst what stands before an element of this size.
func AppendFrame(dst []byte, size int, expireAt int64) []byte {
	head := uint64(size) << 1
	if expireAt == statelab.NoExpiry {
		return binary.AppendUvarint(dst, head)
	}
	dst = binary.AppendUvarint(dst, head|1)
	return binary.LittleEndian.AppendUint64(dst, uint64(expireAt))
}

// IsRecord says whether a key of the peer is that of a record. The values of
// others are not made of elements.
func IsRecord(key []byte) bool { return len(key) > 0 && key[0] == tagRecord }

// NextElement splits the first element off a record that is not empty.
func NextElement(record []byte) (element []byte, expireAt int64, rest []byte, err error) {
	head, n := binary.Uvarint(record)
	if n <= 0 {
		return nil, 0, nil, damaged("bad length of an element")
	}
	rest, expireAt = record[n:], statelab.NoExpiry
	if head&1 != 0 {
		if len(rest) < 8 {
			return nil, 0, nil, damaged("the expiry of an element is cut short")
		}
		expireAt, rest = int64(binary.LittleEndian.Uint64(rest)), rest[8:]
	}
	size := head >> 1
	if uint64(len(rest)) < size {
		return nil, 0, nil, damaged("an element is cut short")
	}
	return rest[:size:size], expireAt, rest[size:], nil
}

// appendLive appends the live elements of a record, concatenated, to dst and
// says whether there is one. dst may end where record begins in one array: what
// is written never overtakes what is read.
func appendLive(dst, record []byte, watermark int64) (value []byte, live bool, err error) {
	for len(record) > 0 {
		element, expireAt, rest, err := NextElement(record)
		if err != nil {
			return dst, false, err
		}
		if !statelab.Expired(expireAt, watermark) {
			dst, live = append(dst, element...), true
		}
		record = rest
	}
	return dst, live, nil
}

// prune appends the live elements of a record, framed, to dst. It returns
// also how many bytes they have without their frames.
func prune(dst, record []byte, watermark int64) (kept []byte, size int, err error) {
	for len(record) > 0 {
		element, expireAt, rest, err := NextElement(record)
		if err != nil {
			return dst, 0, err
		}
		if !statelab.Expired(expireAt, watermark) {
			dst = append(dst, record[:len(record)-len(rest)]...)
			size += len(element)
		}
		record = rest
	}
	return dst, size, nil
}

// damaged returns the error of a record that is not as it was written.
func damaged(reason string) error {
	return &statelab.CorruptError{File: "a record", Offset: -1, Reason: reason}
}
