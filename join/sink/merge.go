package sink

import (
	"container/heap"
	"errors"
	"io"
)

// Merge adds what parts hold to dst in the order of their ranks, which no two of
// different parts may share.
func Merge(dst Adder, parts []*RankedReader) error {
	return merge(parts, func(r *RankedReader) error { return dst.Add(r.lines()) })
}

// MergeRanked makes one part of several, whose records keep their ranks.
func MergeRanked(dst *Part, parts []*RankedReader) error {
	return merge(parts, func(r *RankedReader) error {
		begin := len(dst.Buffer())
		buf := append(AppendRank(dst.Buffer(), &r.rank), r.lines()...)
		if err := CloseRank(buf, begin); err != nil {
			return err
		}
		return dst.Extend(buf)
	})
}

func merge(parts []*RankedReader, add func(*RankedReader) error) error {
	var heads mergeHeap
	for _, r := range parts {
		switch err := r.next(); {
		case errors.Is(err, io.EOF):
		case err != nil:
			return err
		default:
			heads = append(heads, r)
		}
	}
	heap.Init(&heads)
	for len(heads) > 0 {
		first := heads[0]
		if err := add(first); err != nil {
			return err
		}
		switch err := first.next(); {
		case errors.Is(err, io.EOF):
			heap.Pop(&heads)
		case err != nil:
			return err
		default:
			heap.Fix(&heads, 0)
		}
	}
	return nil
}

// A mergeHeap has the part with the least next record on top.
type mergeHeap []*RankedReader

func (h mergeHeap) Len() int           { return len(h) }
func (h mergeHeap) Less(i, j int) bool { return h[i].rank.compare(&h[j].rank) < 0 }
func (h mergeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *mergeHeap) Push(x any)        { *h = append(*h, x.(*RankedReader)) }

func (h *mergeHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	*h = (*h)[:last]
	return r
}
