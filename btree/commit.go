package btree

import (
	"fmt"
	"slices"

	"github.com/statelab/statelab"
)

// trimLeast is how many free pages at the file's end are worth cutting off, at
// least; they must also be an eighth of the file, so that one that breathes is
// not cut and extended all the time.
const trimLeast = 64

// persist makes the tree as it is durable. Readers go on meanwhile; the caller
// keeps writers out. An error is latched: it is never known how much of what
// was written will be there. The commit is a fuzzy one if it is given what makes a record of the progress.
func (t *tree) persist(firstLog uint64, progress func(epoch uint64) []byte) error {
	t.snaps.reap(t.releasePage)
	written, err := t.placeMaps()
	if err != nil {
		return err
	}
	sn := t.snaps.open()
	err = t.pool.Flush()
	if err == nil {
		err = t.writeMaps(written)
	}
	if err == nil {
		err = t.file.Sync()
	}
	r := root{
		position: t.position, epoch: sn.epoch, pageSize: t.pageSize,
		firstLog: firstLog, pages: t.space.usedEnd(), maps: t.maps, fuzzy: progress != nil,
	}
	if err == nil {
		// What is kept from here on is of this commit: nothing is written in between.
		r.firstImage, err = t.cutImages()
	}
	if err == nil && r.fuzzy {
		err = t.images.note(progress(r.epoch))
	}
	if err == nil {
		err = t.writeRoots(r, 0)
	}
	if err != nil {
		t.snaps.close(sn)
		return t.latch(fmt.Errorf("commit %s: %w", t.name, err))
	}
	r.maps = slices.Clone(r.maps)
	t.durable = r
	t.settleDurable(sn)
	return t.failed.Set(t.trim())
}

// settleDurable sees to it that what the last commit needs stays: by its snapshot, or
// by images of what is overwritten.
func (t *tree) settleDurable(sn *snapshot) {
	if t.space.inPlace {
		t.rebase(nil)
		t.dropImages()
		t.snaps.close(sn)
	} else {
		t.snaps.setDurable(sn)
	}
	t.snaps.reap(t.releasePage)
}

// placeMaps gives new places to the map pages whose bits have changed, which
// changes bits, until none is left without; it returns which they are.
func (t *tree) placeMaps() (placed []bool, err error) {
	epoch := t.snaps.change()
	for again := true; again; {
		again = false
		for i := 0; i < len(t.space.mapDirty); i++ {
			if i == len(placed) {
				placed = append(placed, false)
			}
			if i == len(t.maps) {
				t.maps = append(t.maps, ref{})
			}
			if !t.space.mapDirty[i] || placed[i] {
				continue
			}
			id, err := t.allocPage()
			if err != nil {
				return nil, err
			}
			if old := t.maps[i]; old != (ref{}) {
				t.discard(old)
			}
			t.maps[i] = ref{id: id, birth: epoch}
			placed[i], again = true, true
		}
	}
	return placed, nil
}

// writeMaps writes the map pages that were placed.
func (t *tree) writeMaps(placed []bool) error {
	for i, p := range placed {
		if !p {
			continue
		}
		t.space.encodeMap(t.scratch, t.maps[i], i)
		if err := t.WritePages(t.maps[i].id, t.scratch); err != nil {
			return err
		}
		t.space.mapDirty[i] = false
	}
	return nil
}

// writeRoots writes one slot, then the other.
func (g *pager) writeRoots(r root, first int) error {
	b := r.encode()
	for _, slot := range [2]int{first, 1 - first} {
		if _, err := g.roots.WriteAt(b, int64(slot)*int64(g.pageSize)); err != nil {
			return err
		}
		if err := g.roots.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// trim cuts off the file's end if enough of it is free.
func (t *tree) trim() error {
	end := t.space.trim()
	size, want := t.size.Load(), t.offset(end)
	if spare := size - want; spare < trimLeast*int64(t.pageSize) || spare < size/8 {
		return nil
	}
	if err := t.file.Truncate(want); err != nil {
		return fmt.Errorf("cut off the free end of %s: %w", t.name, err)
	}
	t.space.end.Store(end)
	t.size.Store(want)
	return nil
}

// recover reads roots and maps, so that the tree is as its last commit left it,
// and returns from which segment on its log must be replayed.
func (t *tree) recover() (firstLog uint64, err error) {
	size, err := t.file.Size()
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", t.name, err)
	}
	t.size.Store(size)
	r, slot, same, err := t.readRoots()
	if err != nil {
		return 0, err
	}
	if r.firstImage != 0 && !t.space.inPlace {
		return 0, t.corrupt(0, "the root slots name a log of images, and the store is not one that keeps any")
	}
	if t.offset(r.pages) > size {
		return 0, &statelab.CorruptError{File: t.name, Offset: size, Reason: fmt.Sprintf("the file has %d bytes, not %d pages of %d", size, r.pages, t.unit)}
	}
	if !same {
		t.logger.Warn("btree: root slots differ and are made equal again", "file", t.name, "epoch", r.epoch)
	}
	named := r.firstImage != 0
	if !named && t.space.inPlace { // it was loaded, or is a checkpoint
		if r.firstImage, err = 1, t.createImages(); err != nil {
			return 0, err
		}
	}
	if err := t.writeRoots(r, slot); err != nil {
		return 0, fmt.Errorf("confirm root slots of %s: %w", t.name, err)
	}
	t.position, t.maps, t.durable = r.position, slices.Clone(r.maps), r
	t.space.grow(r.pages)
	var back []uint64
	if named {
		if back, err = t.openImages(r); err != nil {
			return 0, err
		}
	}
	for i, m := range t.maps {
		if err := t.readMap(m, i); err != nil {
			return 0, err
		}
	}
	if !getBit(t.space.used, 0) || !getBit(t.space.used, t.first()-1) {
		return 0, t.corrupt(0, "a map page says that root slots are free")
	}
	t.rebase(back)
	t.snaps.restart(r.epoch, !t.space.inPlace)
	return r.firstLog, nil
}

// readMap reads the map page of stretch i.
func (t *tree) readMap(m ref, i int) error {
	if err := t.readRaw(m.id, t.scratch); err != nil {
		return err
	}
	if t.scratch.kind() != kindMap || t.scratch.birth() != m.birth {
		return t.corrupt(m.id, fmt.Sprintf("page %d is not the map page of epoch %d that is referred to", m.id, m.birth))
	}
	if !t.space.decodeMap(t.scratch, i) {
		return t.corrupt(m.id, fmt.Sprintf("page %d says that pages beyond the end are used", m.id))
	}
	return nil
}

// plant prepares the space of a new file, which is nothing but root slots.
func (t *tree) plant(watermark int64) {
	t.space.grow(t.first())
	for id := range t.first() {
		t.space.mark(id)
	}
	t.snaps.restart(0, !t.space.inPlace)
	t.watermark = watermark
}

// create makes an empty tree in a new file, durably.
func (t *tree) create(firstLog uint64) error {
	t.plant(statelab.MinWatermark)
	t.begin()
	if err := t.plantRoot(); err != nil {
		t.rollback()
		return err
	}
	t.commit()
	return t.persist(firstLog, nil)
}
