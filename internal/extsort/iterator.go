package extsort

import (
	"bytes"
	"container/heap"
	"errors"
	"io"
)

// An Iterator yields all records of a Sorter, from the first to the last.
type Iterator struct {
	sorter *Sorter // all are in its memory, unless there are runs
	at     int

	runs    readers // a heap: the one with the least record is the first
	opened  []*runReader
	begun   bool
	key     []byte
	value   []byte
	failure error
}

// openMerge opens runs, which are in the order of age, to be merged.
func (s *Sorter) openMerge(runs []*run) (*Iterator, error) {
	buffer := int(min(max(s.opts.Memory/2/int64(len(runs)), bufferLeast), bufferMost))
	it := &Iterator{}
	for i, r := range runs {
		reader, err := openRun(s.opts.FS, r, i, buffer)
		if err != nil {
			return nil, errors.Join(err, it.Close())
		}
		it.opened = append(it.opened, reader)
		switch err := reader.next(); {
		case errors.Is(err, io.EOF):
		case err != nil:
			return nil, errors.Join(err, it.Close())
		default:
			it.runs = append(it.runs, reader)
		}
	}
	heap.Init(&it.runs)
	return it, nil
}

// Next goes to the next record and says whether there is one.
func (it *Iterator) Next() bool {
	switch {
	case it.failure != nil:
		return false
	case it.sorter != nil:
		return it.nextInMemory()
	}
	if it.begun && len(it.runs) > 0 {
		switch err := it.runs[0].next(); {
		case errors.Is(err, io.EOF):
			heap.Pop(&it.runs)
		case err != nil:
			it.failure = err
			return false
		default:
			heap.Fix(&it.runs, 0)
		}
	}
	it.begun = true
	if len(it.runs) == 0 {
		return false
	}
	it.key, it.value = it.runs[0].key, it.runs[0].value
	return true
}

func (it *Iterator) nextInMemory() bool {
	if it.at == len(it.sorter.entries) {
		return false
	}
	it.key, it.value = it.sorter.record(it.sorter.entries[it.at])
	it.at++
	return true
}

// Key returns the record's key, valid until the next move.
func (it *Iterator) Key() []byte { return it.key }

// Value returns the record's value, valid until the next move.
func (it *Iterator) Value() []byte { return it.value }

// Err returns what ended the iteration before its end.
func (it *Iterator) Err() error { return it.failure }

// Close closes the runs; the first error wins.
func (it *Iterator) Close() error {
	var first error
	for _, r := range it.opened {
		if err := r.file.Close(); first == nil {
			first = err
		}
	}
	it.opened, it.runs = nil, nil
	return first
}

// readers is a heap of runs by their current records.
type readers []*runReader

func (h readers) Len() int      { return len(h) }
func (h readers) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *readers) Push(x any)   { *h = append(*h, x.(*runReader)) }

func (h readers) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.prefix != b.prefix {
		return a.prefix < b.prefix
	}
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c < 0
	}
	return a.order < b.order
}

func (h *readers) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	*h = (*h)[:last]
	return r
}
