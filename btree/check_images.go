package btree

import (
	"fmt"
	"math/bits"

	"github.com/statelab/statelab/internal/wal"
)

// checkImages verifies that the last commit can be had from what there is, though its tree
// may be overwritten: each page of it stands in the file as it was, or in an image (B10).
func (c *checker) checkImages() error {
	there := make([]uint64, len(c.space.bare))
	copy(there, c.space.bare)
	for id := uint32(firstPage); id < c.space.end.Load(); id++ {
		if !getBit(there, id) {
			continue
		}
		if err := c.readRaw(id, c.disk); err != nil {
			return err
		}
		if c.disk.birth() > c.durable.epoch {
			return c.corrupt(id, fmt.Sprintf("B10: page %d of the commit of epoch %d was overwritten in epoch %d, without an image",
				id, c.durable.epoch, c.disk.birth()))
		}
	}
	o := c.images.options
	err := wal.Frames(o.FS, o.Dir, c.durable.firstImage, func(f wal.Frame) error {
		if f.Kind != wal.KindRecord {
			return nil
		}
		if isProgress(f.Payload) {
			return c.checkNoted(f.Payload)
		}
		id, _, err := decodeImage(f.Payload, c.pageSize, c.durable.pages)
		if err != nil {
			return c.corrupt(0, "B10: "+err.Error())
		}
		setBit(there, id)
		return nil
	})
	if err != nil {
		return err
	}
	if c.durable.fuzzy && !c.noted {
		return c.corrupt(0, fmt.Sprintf("B15: nothing says how far the commit of epoch %d has merged the log", c.durable.epoch))
	}
	if err := c.checkOwed(); err != nil {
		return err
	}
	pages := 0
	for _, w := range there {
		pages += bits.OnesCount64(w)
	}
	if pages != c.images.pages {
		return c.corrupt(0, fmt.Sprintf("B10: of %d pages of the last commit %d are in their places or have images", c.images.pages, pages))
	}
	return nil
}

// checkNoted verifies what the last commit says of the progress of merging (B15).
func (c *checker) checkNoted(record []byte) error {
	p, err := decodeProgress(record)
	if err != nil {
		return c.corrupt(0, "B15: "+err.Error())
	}
	c.noted = c.noted || p.epoch == c.durable.epoch // or it is of a commit that failed
	return nil
}

// checkOwed verifies that the images that may yet come are counted, each of a bare page that was
// given away or is about to be overwritten (B14).
func (c *checker) checkOwed() error {
	owed := 0
	for i, w := range c.space.owed {
		owed += bits.OnesCount64(w)
		if w&^c.space.bare[i] != 0 {
			return c.corrupt(0, fmt.Sprintf("B14: an image is owed of a page from %d on that is not bare", i*64))
		}
		if free := c.space.bare[i] &^ c.space.busy[i] &^ w; free != 0 {
			return c.corrupt(0, fmt.Sprintf("B14: a bare page from %d on is free, and no image of it is owed", i*64))
		}
	}
	for id := uint32(firstPage); id < c.space.end.Load(); id++ {
		if getBit(c.space.bare, id) && !getBit(c.space.owed, id) && c.pool.Dirty(id) {
			return c.corrupt(id, fmt.Sprintf("B14: page %d was changed, and is bare, and no image of it is owed", id))
		}
	}
	if owed != c.space.owedCount {
		return c.corrupt(0, fmt.Sprintf("B14: %d images are owed, not %d", owed, c.space.owedCount))
	}
	return nil
}
