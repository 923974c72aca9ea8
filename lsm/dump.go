package lsm

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/spec"
)

// Dump implements statelab.DumpStore. It draws the layers, newest first.
func (s *Store) Dump(to io.Writer) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.exit()
	snap := s.acquire()
	defer s.release(snap.view)
	w := bufio.NewWriter(to)
	v := snap.view.version
	fmt.Fprintf(w, "lsm store %s\n", s.path)
	fmt.Fprintf(w, "watermark %s, in the tables %s\n", timeText(snap.watermark), timeText(v.watermark))
	if s.log != nil {
		fmt.Fprintf(w, "log up to segment %d, %s\n", s.log.Segment(), sizeText(s.log.Size()))
	}
	for i, m := range snap.view.memtables {
		name := "memtable, to be flushed"
		if i == 0 {
			name = "memtable"
		}
		fmt.Fprintf(w, "%s: %s, %s\n", name, count(int64(m.len()), "key"), sizeText(m.bytes()))
	}
	dumpLevels(w, v, s.levels.stats(v))
	for _, r := range v.runs {
		fmt.Fprintf(w, "run %d, level %d: %s, %s\n", r.id, r.level, count(r.records, "record"), sizeText(r.size))
		for i, t := range r.tables {
			branch := "├─"
			if i == len(r.tables)-1 {
				branch = "└─"
			}
			fmt.Fprintf(w, "%s %s\n", branch, t.describe())
		}
	}
	dumpBlobs(w, v)
	return w.Flush()
}

// describe says in one line what a table holds.
func (t *table) describe() string {
	parts := []string{tableName(t.number), sizeText(t.size), count(t.records, "record")}
	if t.tombstones > 0 {
		parts = append(parts, count(t.tombstones, "tombstone"))
	}
	if t.elements > 0 {
		parts = append(parts, "expiring "+span(timeText(t.minExpiry), timeText(t.maxExpiry)))
	}
	return strings.Join(append(parts, span(keyText(t.first), keyText(t.last))), "  ")
}

// count writes a number of things.
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// span writes a range by its ends.
func span(first, last string) string {
	if first == last {
		return first
	}
	return first + " to " + last
}

// sizeText writes a number of bytes for a person: exactly if it is small.
func sizeText(n int64) string {
	switch {
	case n < 10<<10:
		return spec.FormatSize(n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

func timeText(t int64) string {
	switch t {
	case statelab.MinWatermark:
		return "at the start"
	case statelab.NoExpiry:
		return "never"
	}
	return strconv.FormatInt(t, 10)
}

// keyText quotes a key, and cuts a long one short.
func keyText(key []byte) string {
	const most = 24
	if len(key) > most {
		return fmt.Sprintf("%q...", key[:most])
	}
	return fmt.Sprintf("%q", key)
}
