package row

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// appendJSONFloat appends v in the spelling of ECMAScript, which encoding/json
// follows too, or as a string if JSON has no such number.
func appendJSONFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	}
	return AppendFloatText(dst, v, bits)
}

// AppendFloatText appends the shortest decimal that reads back as v, which is
// finite and has 32 or 64 bits.
func AppendFloatText(dst []byte, v float64, bits int) []byte {
	abs := math.Abs(v)
	tiny, huge := abs < 1e-6, abs >= 1e21
	if bits == 32 {
		tiny, huge = float32(abs) < 1e-6, float32(abs) >= 1e21
	}
	if abs == 0 || !tiny && !huge {
		return strconv.AppendFloat(dst, v, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, bits)
	// e-09 is spelled e-9.
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && (dst[n-3] == '-' || dst[n-3] == '+') && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends text as a JSON string.
func AppendQuoted[S string | []byte](dst []byte, text S) []byte {
	dst = append(dst, '"')
	clean := 0 // text[clean:i] needs no change
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = appendEscape(append(dst, text[clean:i]...), c)
			i++
			clean = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(text[i:min(len(text), i+utf8.UTFMax)]))
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, text[clean:i]...), `\ufffd`...)
			clean = i + 1
		}
		i += size
	}
	return append(append(dst, text[clean:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// AppendCompact appends valid JSON without the white space between tokens, and
// with invalid UTF-8 replaced. Nothing else of its spelling changes.
func AppendCompact(dst, src []byte) []byte {
	inString := false
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, `\ufffd`...)
			} else {
				dst = append(dst, src[i:i+size]...)
			}
			i += size
			continue
		case inString && c == '\\':
			dst = append(dst, c, src[i+1])
			i += 2
			continue
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			i++
			continue
		}
		dst = append(dst, c)
		i++
	}
	return dst
}
