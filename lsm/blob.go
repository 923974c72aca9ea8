package lsm

import (
	"cmp"
	"slices"

	"github.com/statelab/statelab"
)

// blob is an open blob file. One that is gone, because all in it is dead, may
// still be referred to by tables: it has no values then.
type blob struct {
	blobMeta
	blockFile
}

// readValue gets the element that r refers to into ref.
func (b *blob) readValue(r reference, how access, via *fetch, ref *blockRef) error {
	if err := b.getBlock(r.handle, blobBlock, how, via, ref); err != nil {
		return err
	}
	if int64(len(ref.data)) != r.length {
		ref.release()
		return b.corrupt(int64(r.handle.offset), "value of another length than the table says")
	}
	return nil
}

// heldBlob is a blob file that a version holds.
type heldBlob struct {
	blobUse // by all tables together
	worn    bool
}

// dropped returns how many bytes no table refers to any more.
func (h *heldBlob) dropped() int64 { return h.blob.bytes - h.blobUse.bytes }

// deadBytes returns how many bytes are known to be of no use at watermark: those
// that compactions have dropped, or those that have expired, whichever are more.
// What has expired may have been dropped too.
func (h *heldBlob) deadBytes(watermark int64) int64 {
	return max(h.dropped(), h.blob.bytes/8*h.blob.octiles.deadShare(watermark))
}

// fileDeadBytes returns as much of the file's length.
func (h *heldBlob) fileDeadBytes(watermark int64) int64 {
	return int64(float64(h.blob.size) * float64(h.deadBytes(watermark)) / float64(h.blob.bytes))
}

// wornShare is how much of all bytes in blob files, one part in so many, may be dead
// before the files that are worn, of which as much is dead, are rewritten. So
// values take 3/2 of the space that live ones need, at most, once that is done.
const wornShare = 3

// heldBlobs returns the blob files that tables need at watermark: all that they
// refer to but the dead ones, which nobody will read. They are in the order of
// their numbers.
func heldBlobs(runs []*run, watermark int64) []heldBlob {
	var held []heldBlob
	for _, r := range runs {
		for _, t := range r.tables {
			for _, use := range t.blobs {
				if !use.blob.dead(watermark) {
					held = append(held, heldBlob{blobUse: use})
				}
			}
		}
	}
	slices.SortFunc(held, func(a, b heldBlob) int { return cmp.Compare(a.number, b.number) })
	n := 0
	for _, h := range held {
		if n > 0 && held[n-1].number == h.number {
			held[n-1].values += h.values
			held[n-1].blobUse.bytes += h.blobUse.bytes
			continue
		}
		held[n] = h
		n++
	}
	held = slices.Clip(held[:n])
	markWorn(held, watermark)
	return held
}

// markWorn finds the blob files whose live values are to be rewritten.
func markWorn(held []heldBlob, watermark int64) {
	all, dead := int64(0), int64(0)
	for i := range held {
		all += held[i].blob.bytes
		dead += held[i].deadBytes(watermark)
	}
	if dead*wornShare < all {
		return
	}
	for i := range held {
		held[i].worn = held[i].deadBytes(watermark)*wornShare >= held[i].blob.bytes
	}
}

// worn says whether values of b are to be rewritten when they are met.
func (v *version) worn(b *blob) bool {
	i, found := slices.BinarySearchFunc(v.blobs, b.number, func(h heldBlob, n uint64) int { return cmp.Compare(h.number, n) })
	return found && v.blobs[i].worn
}

// wornBytes returns the bytes of the table's elements that are to be rewritten.
func (v *version) wornBytes(t *table) int64 {
	total := int64(0)
	for _, use := range t.blobs {
		if v.worn(use.blob) {
			total += use.bytes
		}
	}
	return total
}

// refreshBlobs chooses the tables of a run that refer to worn blob files, to be
// rewritten with what lives there, so that these files go. Merges that are chosen
// for other reasons do the same with the values that they meet.
func refreshBlobs(v *version) choice {
	if !slices.ContainsFunc(v.blobs, func(h heldBlob) bool { return h.worn }) {
		return choice{}
	}
	for i, r := range v.runs {
		var only []*table
		for _, t := range r.tables {
			if v.wornBytes(t) > 0 {
				only = append(only, t)
			}
		}
		if len(only) > 0 {
			return choice{begin: i, end: i + 1, only: only, level: r.level, refresh: true}
		}
	}
	return choice{}
}

// unrefBlobs gives up the version's references to blob files.
func (v *version) unrefBlobs(discard func(*blockFile)) {
	for i := range v.blobs {
		b := v.blobs[i].blob
		if !v.kept && b.shown.Add(-1) == 0 {
			b.hide()
		}
		if b.refs.Add(-1) == 0 {
			discard(&b.blockFile)
		}
	}
}

// blobStats sums up the blob files of a version.
func (v *version) blobStats() (s statelab.BlobStats) {
	for i := range v.blobs {
		h := &v.blobs[i]
		s.Files++
		s.Values += h.values
		s.Bytes += h.blob.size
		s.DeadBytes += h.fileDeadBytes(v.watermark)
	}
	return s
}

// findBlobs makes the blob files of a state, and lets its tables refer to them. One
// that the state does not have is gone, so that all references to it are dead; who
// follows one all the same finds that there is nothing.
func (s *Store) findBlobs(st *state) {
	found := map[uint64]*blob{}
	for _, b := range st.blobs {
		found[b.number] = &blob{blobMeta: b.blobMeta, blockFile: blockFile{number: b.number, kind: blobFile, size: b.size, env: s.env}}
	}
	for _, r := range st.runs {
		for i := range r.tables {
			uses := r.tables[i].blobs
			for j := range uses {
				use := &uses[j]
				if found[use.number] == nil {
					found[use.number] = &blob{blockFile: blockFile{number: use.number, kind: blobFile, env: s.env}}
				}
				use.blob = found[use.number]
			}
		}
	}
}
