package source

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// A TimeFormat is unix_s, unix_ms, unix_us, unix_ns (seconds, milli-, micro- or
// nanoseconds since 1970, decimals allowed), or a layout of package time. Text
// that names no zone is UTC. What is finer than a microsecond is cut off.
type TimeFormat string

const (
	UnixS  TimeFormat = "unix_s"
	UnixMS TimeFormat = "unix_ms"
	UnixUS TimeFormat = "unix_us"
	UnixNS TimeFormat = "unix_ns"
)

// decimals returns how many decimal places of the unit make a microsecond, for
// the unix formats.
func (f TimeFormat) decimals() (n int, unix bool) {
	switch f {
	case UnixS:
		return 6, true
	case UnixMS:
		return 3, true
	case UnixUS:
		return 0, true
	case UnixNS:
		return -3, true
	}
	return 0, false
}

// Validate refuses what is neither a unix format nor a layout.
func (f TimeFormat) Validate() error {
	if _, unix := f.decimals(); unix {
		return nil
	}
	// A layout prints any two times alike only if nothing in it is one.
	a := time.Date(2001, 2, 3, 4, 5, 6, 789e6, time.UTC)
	b := time.Date(1999, 11, 22, 13, 14, 15, 161e6, time.UTC)
	if a.Format(string(f)) == b.Format(string(f)) {
		return fmt.Errorf("%q is neither unix_s, unix_ms, unix_us nor a Go layout such as \"2006-01-02 15:04:05\"", string(f))
	}
	return nil
}

// parse returns the microseconds since 1970.
func (f TimeFormat) parse(text []byte) (int64, error) {
	decimals, unix := f.decimals()
	if !unix {
		t, err := time.Parse(string(f), string(text))
		if err != nil {
			var why *time.ParseError
			if errors.As(err, &why) && strings.HasSuffix(why.Message, "out of range") {
				return 0, fmt.Errorf("%q is not a time%s", text, why.Message)
			}
			return 0, fmt.Errorf("%q is not a time of the format %q", text, string(f))
		}
		return t.UnixMicro(), nil
	}
	if us, ok := parseScaled(text, decimals); ok {
		return us, nil
	}
	return 0, fmt.Errorf("%q is not a time of the format %s", text, string(f))
}

// parseScaled reads a decimal number times 10^decimals, rounded down. Exponents
// are not read; what does not fit is refused.
func parseScaled(text []byte, decimals int) (int64, bool) {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	var n int64
	digits, point := 0, -1 // digits read, and of them before the point
	inexact := false
	for i, c := range text {
		if c == '.' && point < 0 && i > 0 {
			point = digits
			continue
		}
		if c < '0' || c > '9' {
			return 0, false
		}
		digits++
		if point >= 0 && digits-point > decimals {
			inexact = inexact || c != '0'
			continue
		}
		if n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if digits == 0 || point == digits {
		return 0, false
	}
	kept := 0 // decimals that n has
	if point >= 0 {
		kept = min(digits-point, max(decimals, 0))
	}
	for ; kept < decimals; kept++ {
		if n > math.MaxInt64/10 {
			return 0, false
		}
		n *= 10
	}
	for ; kept > decimals; kept-- {
		inexact = inexact || n%10 != 0
		n /= 10
	}
	if negative {
		n = -n
		if inexact {
			n--
		}
	}
	return n, true
}
