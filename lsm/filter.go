package lsm

import "github.com/cespare/xxhash/v2"

// A filter says of a key either that a table does not hold it or that it may.
// It is a Bloom filter in lines of one cache line each: a key's hash chooses a
// line, and its bits all lie there, so that asking costs one miss of the CPU's
// cache at the price of a few more false positives (Putze, Sanders and Singler,
// Cache-, Hash- and Space-Efficient Bloom Filters, 2007).
//
//	OFFSET  SIZE    FIELD
//	0       64 × n  lines
//	64 × n  1       bits per key in its line, 1 to 30
//
// Bit i of a line is bit i%8 of its byte i/8. A key's hash h is the XXH64 of
// it; its line is (h >> 32) × n >> 32, and its bits are the top nine of the low
// 32 bits of h multiplied by 0x9e3779b9 once, twice and so on, modulo 2³².
//
// The hash of "ride1" is a20474c35238b656. Of six bits, a filter with one line
// sets 17, 66, 243, 265, 448 and 474: byte 2 is 02, byte 8 is 04, and so on.
const (
	filterLine     = 64 // bytes
	maxFilterTries = 30
	filterSpread   = 0x9e3779b9
)

func hashKey(key []byte) uint64 { return xxhash.Sum64(key) }

// appendFilter appends to dst a filter of the keys with these hashes.
func appendFilter(dst []byte, hashes []uint64, bitsPerKey int) []byte {
	lines := (len(hashes)*bitsPerKey + filterLine*8 - 1) / (filterLine * 8)
	tries := filterTries(bitsPerKey)
	start := len(dst)
	dst = append(dst, make([]byte, lines*filterLine+1)...)
	filter := dst[start:]
	for _, h := range hashes {
		line := filterLineOf(filter, h)
		bits := uint32(h)
		for range tries {
			bits *= filterSpread
			i := bits >> 23
			line[i/8] |= 1 << (i % 8)
		}
	}
	filter[len(filter)-1] = byte(tries)
	return dst
}

// filterTries is the number of bits per key with the fewest false positives:
// bitsPerKey × ln 2, less a little because a line fills unevenly.
func filterTries(bitsPerKey int) int { return max(1, min(bitsPerKey*62/100, maxFilterTries)) }

func filterLineOf(filter []byte, h uint64) []byte {
	lines := uint64(len(filter) / filterLine)
	at := (h >> 32) * lines >> 32 * filterLine
	return filter[at : at+filterLine]
}

// filterDamage says why data is no filter, or nothing.
func filterDamage(data []byte) string {
	if len(data)%filterLine != 1 {
		return "filter of odd length"
	}
	if tries := data[len(data)-1]; tries == 0 || tries > maxFilterTries {
		return "filter with an impossible number of bits per key"
	}
	return ""
}

// filterMayHold says whether the filter's table may hold the key with hash h.
// The filter must have been found sound by filterDamage.
func filterMayHold(filter []byte, h uint64) bool {
	if len(filter) == 1 {
		return false
	}
	line := filterLineOf(filter, h)
	bits := uint32(h)
	for range filter[len(filter)-1] {
		bits *= filterSpread
		i := bits >> 23
		if line[i/8]&(1<<(i%8)) == 0 {
			return false
		}
	}
	return true
}
