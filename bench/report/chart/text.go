package chart

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// textWidth returns about how wide a text is, rather more than less: fonts
// differ, and what has no room must be shortened. The widths are those of
// DejaVu Sans, one of the wider faces.
func textWidth(s string, size float64) float64 {
	sum := 0.0
	for _, r := range s {
		sum += runeWidth(r)
	}
	return sum * size
}

func runeWidth(r rune) float64 {
	switch {
	case strings.ContainsRune("ijl.,:;'|!Ift[]() ", r):
		return 0.40
	case strings.ContainsRune("mwMW@%=+<>&OQGN", r):
		return 0.98
	case r < utf8.RuneSelf || r == '…' || r == '–' || r == '·' || r == '×':
		return 0.65
	}
	return 1
}

// Shorten cuts the middle out of a text that is wider than a width.
func Shorten(s string, width, size float64) string {
	if textWidth(s, size) <= width {
		return s
	}
	runes := []rune(s)
	// More of the end than of the beginning: specs differ at their end.
	for keep := len(runes) - 1; keep > 1; keep-- {
		head := keep * 2 / 5
		cut := string(runes[:head]) + "…" + string(runes[len(runes)-(keep-head):])
		if textWidth(cut, size) <= width {
			return cut
		}
	}
	return "…"
}

// shortenAll shortens labels so that those that differ still do.
func shortenAll(labels []string, width, size float64) []string {
	short := make([]string, len(labels))
	for i, s := range labels {
		short[i] = Shorten(s, width, size)
		for n := 2; taken(labels[:i], short[:i], s, short[i]); n++ {
			number := fmt.Sprintf(" #%d", n)
			short[i] = Shorten(s, width-textWidth(number, size), size) + number
		}
	}
	return short
}

// taken says whether a short text stands for another label already.
func taken(labels, short []string, label, text string) bool {
	at := slices.Index(short, text)
	return at >= 0 && labels[at] != label
}

// widest returns the width of the widest text.
func widest(texts []string, size float64) float64 {
	w := 0.0
	for _, s := range texts {
		w = max(w, textWidth(s, size))
	}
	return w
}
