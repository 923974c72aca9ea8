package memstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// A keyed is a record and 8 bytes of its key, big-endian, so that nearly all
// records can be put in order without a look at them.
type keyed struct {
	head uint64
	ref  arena.Ref
}

// headOf returns the 8 bytes of a key from an offset on, zeros where it ends
// before.
func headOf(key []byte, off int) uint64 {
	if len(key) >= off+8 {
		return binary.BigEndian.Uint64(key[off:])
	}
	var padded [8]byte
	if len(key) > off {
		copy(padded[:], key[off:])
	}
	return binary.BigEndian.Uint64(padded[:])
}

const (
	// fewTies records with the same head are compared by their whole keys, as are
	// those that have their first maxTied bytes in common.
	fewTies = 16
	maxTied = 64

	// leastShare is how many records are worth a goroutine.
	leastShare = 1 << 14
)

// sort returns the records in the order of their keys, of which they have the
// first heads. Half of them are sorted beside the other half, but under inline
// maintenance.
func (l *loader) sort(all []keyed) []arena.Ref {
	s := sorter{l.r.keys()}
	if l.s.o.Maintenance == statelab.MaintenanceInline {
		s.sort(all, 0)
	} else {
		s.share(all)
	}
	refs := make([]arena.Ref, len(all))
	for i := range all {
		refs[i] = all[i].ref
	}
	return refs
}

type sorter struct{ keys Keys }

// share sorts in two goroutines.
func (s sorter) share(all []keyed) {
	if len(all) < leastShare {
		s.sort(all, 0)
		return
	}
	sample := make([]keyed, 0, 1024)
	for i := 0; i < len(all); i += len(all)/1000 + 1 {
		sample = append(sample, all[i])
	}
	slices.SortFunc(sample, byHead)
	pivot := sample[len(sample)/2].head
	n := 0 // of those before the pivot
	for i := range all {
		if all[i].head < pivot {
			all[i], all[n] = all[n], all[i]
			n++
		}
	}
	var beside sync.WaitGroup
	beside.Go(func() { s.sort(all[:n], 0) })
	s.sort(all[n:], 0)
	beside.Wait()
}

func byHead(a, b keyed) int { return cmp.Compare(a.head, b.head) }

// sort sorts records whose keys agree up to an offset, and whose heads are from
// there.
func (s sorter) sort(all []keyed, off int) {
	slices.SortFunc(all, byHead)
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].head == all[0].head {
			n++
		}
		if n > 1 {
			s.sortTies(all[:n], off+8)
		}
		all = all[n:]
	}
}

// sortTies sorts records whose keys, followed by zeros, agree up to an offset.
func (s sorter) sortTies(all []keyed, off int) {
	if len(all) <= fewTies || off >= maxTied {
		slices.SortFunc(all, func(a, b keyed) int { return bytes.Compare(s.keys.Of(a.ref), s.keys.Of(b.ref)) })
		return
	}
	for i := range all {
		all[i].head = headOf(s.keys.Of(all[i].ref), off)
	}
	s.sort(all, off)
}
