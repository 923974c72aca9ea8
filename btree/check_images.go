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
	pages := 0
	for _, w := range there {
		pages += bits.OnesCount64(w)
	}
	if pages != c.images.pages {
		return c.corrupt(0, fmt.Sprintf("B10: of %d pages of the last commit %d are in their places or have images", c.images.pages, pages))
	}
	return nil
}
