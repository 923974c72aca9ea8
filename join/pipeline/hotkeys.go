package pipeline

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
)

// A HotKey is a join key with a large share of the events: what a partition
// has most to do with, and what more partitions do not help.
type HotKey struct {
	Key   []string `json:"key"`   // its parts
	Share float64  `json:"share"` // of the events of both sides that this run has read, at least
}

const (
	hotShare  = 0.01 // of all events make a key hot
	hotSample = 8    // of so many events one is counted
	// hotCounters bounds what a count falls short by to a 512th of the events counted.
	hotCounters = 512
	// hotLeast is how many events it takes for their shares to mean anything.
	hotLeast = 10_000
)

// hotKeys counts keys that are frequent, in bounded memory: a key that finds no free
// counter takes one from each of the others. (Misra and Gries, "Finding repeated
// elements", 1982.) A counter keeps its buffer, so that counting does not allocate.
type hotKeys struct {
	events, counted int64
	index           map[uint64]int // of counters, by the hash of the key
	counters        []keyCounter
	free            []int
}

type keyCounter struct {
	key   []byte
	count int64
}

func newHotKeys() *hotKeys {
	h := &hotKeys{index: make(map[uint64]int, hotCounters), counters: make([]keyCounter, hotCounters)}
	for i := range h.counters {
		h.free = append(h.free, i)
	}
	return h
}

// row counts an event, if it is one of the sample: which are, a hash of their
// positions says, lest the sample fall in step with the file.
func (h *hotKeys) row(row *source.Row) {
	if row.Class != source.Event {
		return
	}
	h.events++
	const golden = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	if row.Seq*golden>>32%hotSample == 0 {
		h.add(row.Key)
	}
}

func (h *hotKeys) add(key []byte) {
	h.counted++
	hash := xxhash.Sum64(key)
	i, ok := h.index[hash]
	if !ok {
		if len(h.free) == 0 {
			h.decrement()
			return
		}
		i = h.free[len(h.free)-1]
		h.free = h.free[:len(h.free)-1]
		h.index[hash] = i
		h.counters[i] = keyCounter{key: append(h.counters[i].key[:0], key...)}
	}
	h.counters[i].count++
}

// decrement takes one from all counters. It happens at most once in as many
// events as there are counters.
func (h *hotKeys) decrement() {
	for hash, i := range h.index {
		c := &h.counters[i]
		if c.count--; c.count == 0 {
			delete(h.index, hash)
			h.free = append(h.free, i)
		}
	}
}

// hot returns the hot keys, which have so many parts, the most frequent first.
func (h *hotKeys) hot(parts int) []HotKey {
	if h.events < hotLeast {
		return nil
	}
	var hot []HotKey
	for _, i := range h.index {
		c := &h.counters[i]
		if share := float64(c.count) / float64(h.counted); share >= hotShare {
			hot = append(hot, HotKey{keyParts(c.key, parts), share})
		}
	}
	slices.SortFunc(hot, func(a, b HotKey) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), slices.Compare(a.Key, b.Key))
	})
	return hot
}

// keyParts takes a key of so many parts apart.
func keyParts(key []byte, n int) []string {
	var parts []string
	for range n - 1 {
		part, rest, ok := join.CutKeyPart(nil, key)
		if !ok {
			break
		}
		parts, key = append(parts, string(part)), rest
	}
	return append(parts, string(key))
}
