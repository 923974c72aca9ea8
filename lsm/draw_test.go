package lsm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

// draw reads a version that is drawn, newest run first, a run a line:
//
//	watermark 100
//	L0  a-------m@120  n--z@90..130:40
//	L0  a------------------------z~5
//	L1  c--f:100+
//
// A run begins with its level. A table is its first and its last key with any
// number of dashes between them, and then, in this order and each optional,
//
//	@120     all its elements expire then; @90..130: evenly from one to the other
//	         (never, if it does not say)
//	:40      the bytes of its file (10)
//	~5       of its ten records so many are tombstones (none)
//	+        it has merges only, so that it hides nothing
//
// Tables are known by figures alone, and numbered as they stand: 0 for the
// first, 10 for the first of the second line, and so on.
func draw(t testing.TB, picture string) *version {
	t.Helper()
	v := &version{watermark: statelab.MinWatermark}
	for _, line := range strings.Split(strings.TrimSpace(picture), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "watermark":
			v.watermark = number(t, words[1])
		default:
			level := number(t, strings.TrimPrefix(words[0], "L"))
			var tables []*table
			for i, word := range words[1:] {
				tab := drawTable(t, word)
				tab.number = uint64(10*len(v.runs) + i)
				tables = append(tables, tab)
			}
			v.runs = append(v.runs, newRun(uint64(1000+len(v.runs)), int(level), tables))
		}
	}
	return v
}

func drawTable(t testing.TB, word string) *table {
	t.Helper()
	tab := &table{blockFile: blockFile{size: 10}}
	tab.records, tab.bases, tab.elements = 10, 10, 10
	word, merges := strings.CutSuffix(word, "+")
	if merges {
		tab.bases = 0
	}
	word, tombstones, found := strings.Cut(word, "~")
	if found {
		tab.tombstones = number(t, tombstones)
		tab.elements -= tab.tombstones
	}
	word, size, found := strings.Cut(word, ":")
	if found {
		tab.size = number(t, size)
	}
	keys, expiry, _ := strings.Cut(word, "@")
	first, last, found := strings.Cut(keys, "-")
	if !found {
		last = first
	}
	tab.first, tab.last = []byte(first), []byte(strings.TrimLeft(last, "-"))
	least, most, found := strings.Cut(expiry, "..")
	if !found {
		most = least
	}
	setExpiries(tab, number(t, least), number(t, most))
	return tab
}

// setExpiries spreads the elements of a table evenly over a time.
func setExpiries(tab *table, least, most int64) {
	tab.minExpiry, tab.maxExpiry = least, most
	for i := range tab.octiles {
		tab.octiles[i] = least + (most-least)/8*int64(i+1)
	}
}

func number(t testing.TB, s string) int64 {
	t.Helper()
	if s == "" || s == "never" {
		return statelab.NoExpiry
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatalf("drawing: %v", err)
	}
	return n
}

// tell writes a choice as the tests do: "drop 20 0" names tables, "merge 0..3 L1"
// whole runs, by index, and "merge 0 10 L1" tables.
func tell(v *version, c choice) string {
	switch {
	case c.nothing():
		return "nothing"
	case len(c.drop) > 0:
		return "drop" + numbers(c.drop)
	case len(c.only) > 0:
		only := slices.SortedFunc(slices.Values(c.only), func(a, b *table) int { return int(a.number) - int(b.number) })
		return fmt.Sprintf("merge%s L%d", numbers(only), c.level)
	}
	return fmt.Sprintf("merge %d..%d L%d", c.begin, c.end-1, c.level)
}

func numbers(tables []*table) string {
	s := ""
	for _, t := range tables {
		s += fmt.Sprint(" ", t.number)
	}
	return s
}

// drawing is a case of a policy's test.
type drawing struct {
	name    string
	picture string
	want    string
}

func testDrawings(t *testing.T, choose policy, drawings []drawing) {
	t.Helper()
	for _, d := range drawings {
		v := draw(t, d.picture)
		c := choose(v)
		if got := tell(v, c); got != d.want {
			t.Errorf("%s: %s, want %s, in%s", d.name, got, d.want, d.picture)
		}
		if why := c.unsound(v); why != "" {
			t.Errorf("%s: unsound: %s", d.name, why)
		}
	}
}
