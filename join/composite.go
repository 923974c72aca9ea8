package join

// A join key of several parts is all but the last part escaped and ended by
// AppendKeyPart, then the last part as it is. Such keys order by their first
// part, then by the second, and so on; a key of one part is that part.

// AppendKeyPart appends a part that is not the last.
func AppendKeyPart(dst, part []byte) []byte { return appendEscaped(dst, part) }

// CutKeyPart appends to dst the first part of a key, one that is not the last,
// and returns what follows it. It returns false if key has no such part.
func CutKeyPart(dst, key []byte) (part, rest []byte, ok bool) {
	n := escapedLen(key)
	if n == 0 {
		return dst, nil, false
	}
	return appendUnescaped(dst, key[:n]), key[n:], true
}
