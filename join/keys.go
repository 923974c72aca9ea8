package join

import (
	"bytes"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab"
)

// The first byte of a key says what the record is. The operator uses a store
// alone: no other key may be in it.
//
//	meta   0x00                                   where the join stands (see meta.go)
//	timer  0x01 time(8) joinkey side(1) seq(8)    empty; 1 if the event has a pair; 2 if a version begins (Temporal)
//	event  0x02 group(2) joinkey side(1) time(8) seq(8)    the event's value
//	mark   0x02 group(2) joinkey                           the time(8) of the event that Dedup kept
//	index  0x04 group(2) joinkey attribute side(1) time(8) seq(8)    empty; of an event of that attribute (Spec.Match ByIndex)
//	second 0x03 group(2) joinkey side(1) ...               what the second join of a chain keeps (see chained.go)
//
// Numbers are big-endian; times have their sign flipped, so that bytewise order
// is numeric order. group is the high half-word of the join key's xxh64. joinkey and
// attribute are escaped: each 0x00 becomes 0x00 0xff, and 0x00 0x01 ends it, which keeps the
// order of the unescaped keys and makes no one a prefix of another.
//
// So the left event of key "a\x00", time 5 and sequence 7 is stored under
//
//	02 e513 61 00ff 0001 00 8000000000000005 0000000000000007
//
// where e513 is its group, and it fires at time 9 from the timer
//
//	01 8000000000000009 61 00ff 0001 00 0000000000000007
const (
	tagMeta   = 0x00
	tagTimer  = 0x01
	tagEvent  = 0x02
	tagSecond = 0x03
	tagIndex  = 0x04
)

const (
	escaped0   = 0xff // follows a 0x00 that is data
	terminator = 0x01 // follows the 0x00 that ends a variable part
	signBit    = 1 << 63

	timerHead = 1 + 8     // bytes before the join key of a timer
	timerTail = 1 + 8     // and after it
	eventHead = 1 + 2     // bytes before the join key of an event
	eventTail = 1 + 8 + 8 // and after it
)

var metaKey = []byte{tagMeta}

// Prefix tells a store where the join key of the operator's events ends, so
// that its filters serve the operator's probes. Timers and the meta record,
// which are never probed, share a prefix of one byte each.
func Prefix() statelab.Prefix {
	return statelab.Prefix{Name: "statelab-join-1", Len: prefixLen}
}

// prefixLen depends on the prefix alone for every key of the layout above.
func prefixLen(key []byte) int {
	if len(key) == 0 || key[0] < tagEvent || key[0] > tagIndex {
		return min(len(key), 1)
	}
	n := escapedLen(key[min(len(key), eventHead):])
	if n == 0 {
		return len(key)
	}
	if key[0] != tagIndex {
		return eventHead + n
	}
	attribute := escapedLen(key[eventHead+n:])
	if attribute == 0 {
		return len(key)
	}
	return eventHead + n + attribute
}

// appendEscaped appends a variable part with its terminator.
func appendEscaped(dst, part []byte) []byte {
	for {
		i := bytes.IndexByte(part, 0)
		if i < 0 {
			break
		}
		dst = append(dst, part[:i+1]...)
		dst = append(dst, escaped0)
		part = part[i+1:]
	}
	dst = append(dst, part...)
	return append(dst, 0, terminator)
}

// escapedSize returns how many bytes appendEscaped appends for a part.
func escapedSize(part []byte) int { return len(part) + bytes.Count(part, []byte{0}) + 2 }

// escapedLen returns the length of the escaped part that b begins with, its
// terminator included, or 0 if there is none.
func escapedLen(b []byte) int {
	at := 0
	for {
		i := bytes.IndexByte(b[at:], 0)
		if i < 0 || at+i+1 == len(b) {
			return 0
		}
		at += i + 2
		switch b[at-1] {
		case terminator:
			return at
		case escaped0:
		default:
			return 0
		}
	}
}

// appendUnescaped appends what appendEscaped was given. part must be whole.
func appendUnescaped(dst, part []byte) []byte {
	part = part[:len(part)-2]
	for {
		i := bytes.IndexByte(part, 0)
		if i < 0 {
			return append(dst, part...)
		}
		dst = append(dst, part[:i+1]...)
		part = part[i+2:]
	}
}

func appendTime(dst []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^signBit)
}

func decodeTime(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ signBit) }

// appendTimerBound appends the least timer key of time t.
func appendTimerBound(dst []byte, t int64) []byte {
	return appendTime(append(dst, tagTimer), t)
}

func appendTimer(dst []byte, t int64, key []byte, side Side, seq uint64) []byte {
	dst = appendEscaped(appendTimerBound(dst, t), key)
	return binary.BigEndian.AppendUint64(append(dst, byte(side)), seq)
}

// timer is a decoded timer key.
type timer struct {
	time    int64
	escaped []byte // the join key, as in the timer's key
	side    Side
	seq     uint64
}

func decodeTimer(key []byte) (timer, bool) {
	if len(key) < timerHead+2+timerTail || key[0] != tagTimer {
		return timer{}, false
	}
	tail := key[len(key)-timerTail:]
	t := timer{
		time:    decodeTime(key[1:]),
		escaped: key[timerHead : len(key)-timerTail],
		side:    Side(tail[0]),
		seq:     binary.BigEndian.Uint64(tail[1:]),
	}
	return t, t.side <= Right && escapedLen(t.escaped) == len(t.escaped)
}

// appendEventPrefix appends what the keys of all events of a join key begin with.
func appendEventPrefix(dst, key []byte) []byte { return appendPrefix(dst, tagEvent, key) }

func appendPrefix(dst []byte, tag byte, key []byte) []byte {
	dst = binary.BigEndian.AppendUint16(append(dst, tag), Group(key))
	return appendEscaped(dst, key)
}

// appendSidePrefix appends what the keys of events of a side begin with, which may be one of the second join of a chain.
func appendSidePrefix(dst []byte, side Side, key []byte) []byte {
	if side > Right {
		return appendPrefix(dst, tagSecond, key)
	}
	return appendPrefix(dst, tagEvent, key)
}

// appendEventOf appends the key of the event of a timer, which has that time.
func appendEventOf(dst []byte, t timer, at int64) []byte {
	group := binary.BigEndian.AppendUint16(append(dst, tagEvent), groupOf(t.escaped))
	return appendEventTail(append(group, t.escaped...), t.side, at, t.seq)
}

// appendEventBound appends, after a prefix, the least rest of an event of this
// side and time.
func appendEventBound(dst []byte, side Side, t int64) []byte {
	return appendTime(append(dst, byte(side&1)), t)
}

func appendEventTail(dst []byte, side Side, t int64, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(appendEventBound(dst, side, t), seq)
}

// decodeEventTail decodes what follows the join key.
func decodeEventTail(key []byte) (side Side, t int64, seq uint64, ok bool) {
	if len(key) < eventHead+2+eventTail {
		return 0, 0, 0, false
	}
	tail := key[len(key)-eventTail:]
	return Side(tail[0]), decodeTime(tail[1:]), binary.BigEndian.Uint64(tail[9:]), tail[0] <= byte(Right)
}

// Group returns the key group of a join key: what state is divided by among
// partitions.
func Group(key []byte) uint16 { return uint16(xxhash.Sum64(key) >> 48) }

// groupOf returns the key group of an escaped join key.
func groupOf(escaped []byte) uint16 {
	if bytes.IndexByte(escaped, 0) == len(escaped)-2 {
		return Group(escaped[:len(escaped)-2])
	}
	return Group(appendUnescaped(nil, escaped))
}

// Partition returns which of n partitions a join key belongs to: each has an
// equal share of the key groups, in their order.
func Partition(key []byte, n int) int { return int(uint64(Group(key)) * uint64(n) >> 16) }
