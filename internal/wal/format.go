package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
)

const (
	segmentMagic  = "statewal"
	formatVersion = 1

	segmentHeaderSize = 32
	frameHeaderSize   = 17
)

// MaxPayload is the largest record in bytes: what the length field can say.
const MaxPayload = math.MaxUint32

// A Kind is what a frame is for.
type Kind uint8

const (
	KindRecord  Kind = 1
	KindPending Kind = 2 // a record that counts once a KindRecord follows
	KindMark    Kind = 3 // says what is durable, and no more
	KindVoid    Kind = 4 // drops the pending records before it
)

func (k Kind) String() string {
	switch k {
	case KindRecord:
		return "record"
	case KindPending:
		return "pending"
	case KindMark:
		return "mark"
	case KindVoid:
		return "void"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// lagUnknown as a lag says nothing about what is durable.
const lagUnknown = math.MaxUint32

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const segmentSuffix = ".log"

func segmentName(number uint64) string { return fmt.Sprintf("%06d"+segmentSuffix, number) }

// parseSegmentName returns the number of a segment's file.
func parseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || segmentName(n) != name {
		return 0, false
	}
	return n, true
}

func encodeSegmentHeader(number uint64, previousLength int64) []byte {
	b := make([]byte, 0, segmentHeaderSize)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint32(b, formatVersion)
	b = binary.LittleEndian.AppendUint64(b, number)
	b = binary.LittleEndian.AppendUint64(b, uint64(previousLength))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeSegmentHeader returns the fields of a header, or why it is not one.
func decodeSegmentHeader(b []byte) (version uint32, number uint64, previousLength int64, reason string) {
	if len(b) < segmentHeaderSize {
		return 0, 0, 0, "segment header cut short"
	}
	if string(b[:8]) != segmentMagic {
		return 0, 0, 0, "not a log segment"
	}
	if crc32.Checksum(b[:28], castagnoli) != binary.LittleEndian.Uint32(b[28:]) {
		return 0, 0, 0, "segment header checksum mismatch"
	}
	version = binary.LittleEndian.Uint32(b[8:])
	number = binary.LittleEndian.Uint64(b[12:])
	previousLength = int64(binary.LittleEndian.Uint64(b[20:]))
	return version, number, previousLength, ""
}

// A frameHeader is the fields of a frame's header without its own checksum.
type frameHeader struct {
	payloadSum uint32
	length     uint32
	lag        uint32
	kind       Kind
}

// lagOf returns the lag field of a frame at offset off, when its segment is
// known to be synced up to durable.
func lagOf(off, durable int64) uint32 {
	if lag := off - durable; lag < lagUnknown {
		return uint32(lag)
	}
	return lagUnknown
}

// durable returns up to where the frame at offset off says that its segment
// was synced.
func (h frameHeader) durable(off int64) int64 {
	if h.lag == lagUnknown {
		return 0
	}
	return off - int64(h.lag)
}

// A sealer computes the checksums of frame headers. It exists for its scratch
// space: what is passed to package crc32 escapes to the heap.
type sealer struct {
	scratch [16 + frameHeaderSize - 4]byte
}

// sum returns the checksum of a frame header (W5); fields are its bytes after
// the checksum.
func (s *sealer) sum(segment uint64, off int64, fields []byte) uint32 {
	binary.LittleEndian.PutUint64(s.scratch[0:], segment)
	binary.LittleEndian.PutUint64(s.scratch[8:], uint64(off))
	copy(s.scratch[16:], fields[:frameHeaderSize-4])
	return crc32.Checksum(s.scratch[:], castagnoli)
}

// appendHeader appends to dst the header of a frame, but for its own checksum,
// which seal puts there.
func appendHeader(dst []byte, h frameHeader) []byte {
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, h.payloadSum)
	dst = binary.LittleEndian.AppendUint32(dst, h.length)
	dst = binary.LittleEndian.AppendUint32(dst, h.lag)
	return append(dst, byte(h.kind))
}

// seal puts the checksum of a frame's header into it, which frame begins with and
// which stands at offset off.
func (s *sealer) seal(frame []byte, segment uint64, off int64) {
	binary.LittleEndian.PutUint32(frame, s.sum(segment, off, frame[4:]))
}

// decodeHeader returns the header in b of a frame at offset off, and whether
// it is one. b holds at least frameHeaderSize bytes.
func (s *sealer) decodeHeader(b []byte, segment uint64, off int64) (frameHeader, bool) {
	h := frameHeader{
		payloadSum: binary.LittleEndian.Uint32(b[4:]),
		length:     binary.LittleEndian.Uint32(b[8:]),
		lag:        binary.LittleEndian.Uint32(b[12:]),
		kind:       Kind(b[16]),
	}
	plausible := h.kind >= KindRecord && h.kind <= KindVoid && (h.lag == lagUnknown || int64(h.lag) <= off)
	return h, plausible && binary.LittleEndian.Uint32(b) == s.sum(segment, off, b[4:])
}
