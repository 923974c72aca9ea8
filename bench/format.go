package bench

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// humanFloat prints a value with three significant digits, more where it
// is over a thousand, and groups of three.
func humanFloat(v float64) string {
	switch a := math.Abs(v); {
	case v == 0:
		return "0"
	case a >= 100:
		return grouped(strconv.FormatFloat(v, 'f', 0, 64))
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a >= 0.001:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// grouped sets a comma between each three digits of a whole number.
func grouped(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}

// FormatMetric prints a metric's value with its unit where that is shorter than
// its digits.
func FormatMetric(unit string, v float64) string {
	switch unit {
	case "bytes":
		return humanBytes(v)
	case "xxh64/53":
		return checksumText(v)
	}
	return humanFloat(v)
}

func humanBytes(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for math.Abs(v) >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	return humanFloat(v) + " " + units[i]
}

// checksumText prints a checksum as fourteen hexadecimal digits.
func checksumText(v float64) string {
	s := strconv.FormatUint(uint64(v), 16)
	return strings.Repeat("0", max(0, 14-len(s))) + s
}

// grid lays out rows of cells in columns: the first left-aligned, the others
// right-aligned, two blanks between them. Cells may be empty.
func grid(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
