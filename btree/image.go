package btree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/wal"
)

// A tree that is updated in place writes pages over those of the last commit. Before it
// does, it keeps what stands there, its before-image, in a log:
//
//	1.tree   [ a b c d e f g ]      last commit: a to g
//	         [ a b X d e Y g ]      written since: X over c, Y over f
//	IMAGES   c f                    durable before X and Y were written
//
// So the file and the images together are the last commit, whatever has been written
// in between, or half of it: an opening puts the images back, each in its place,
// and then applies what the log has since. That is all there is to recovery. Which writes
// came down to the disk and which did not, and whether one was torn, makes no
// difference, since nothing that was written after the last commit is looked at.
//
// The next commit makes the file durable as it is. Then the log of images is cut, and the
// root that names the file's new state names the first segment of what is kept from now
// on. A page gets one image between two commits, at most: the first, which is that of the
// commit. One that was free then gets none.
//
// A record of the log is that of a fuzzy commit (progress.go), or
//
//	OFFSET SIZE FIELD
//	0      4    page id, little-endian
//	4           the page as it stood in the file
//
// So page 5 of 4,096 bytes, of zeros but that it says which page it is, is
//
//	00  05 00 00 00 xx xx xx xx  05 00 00 00 00 00 00 00  |................|
//	10  00 00 00 00 ...                                    |....|
//
// with the checksum of the page, which an image has as it was found, at 4.
type images struct {
	log     *wal.Log // nil: pages are not updated in place
	record  []byte   // scratch: an id and a page, beside Options.Memory
	options wal.Options
	pages   int // of the last commit, root slots and maps included
}

const imageHeader = 4

// imageFrame is what an image takes in the log beside the page, at most: its header, that of
// the record and its share of what the log says of itself.
const imageFrame = 64

// encodeImageID writes the header of an image.
func encodeImageID(b []byte, id uint32) { binary.LittleEndian.PutUint32(b, id) }

// decodeImage returns the page that a record of the log of images has, and where it belongs
// in a file of so many pages. It takes any bytes.
func decodeImage(record []byte, pageSize int, pages uint32) (id uint32, p page, err error) {
	if len(record) != imageHeader+pageSize {
		return 0, nil, fmt.Errorf("an image has %d bytes, not %d", len(record), imageHeader+pageSize)
	}
	id = binary.LittleEndian.Uint32(record)
	if id < firstPage || id >= pages {
		return 0, nil, fmt.Errorf("an image is of page %d, of %d", id, pages)
	}
	return id, record[imageHeader:], nil
}

// An unreadError says that a page was not written because what stands in its place could not be
// read to be kept. Nothing is lost by it: the page waits in the pool.
type unreadError struct{ err error }

func (e *unreadError) Error() string { return e.err.Error() }
func (e *unreadError) Unwrap() error { return e.err }

func isUnread(err error) bool {
	var unread *unreadError
	return errors.As(err, &unread)
}

// protect sees to it that the pages of the last commit among these, which are about to be
// overwritten, have images, and that those are durable.
func (g *pager) protect(ids []uint32) error {
	if !slices.ContainsFunc(ids, g.isBare) {
		return nil
	}
	for _, id := range ids {
		if g.isBare(id) {
			if err := g.keepImage(id); err != nil {
				return err
			}
		}
	}
	if err := g.images.log.Sync(); err != nil {
		return err
	}
	for _, id := range ids {
		if g.isBare(id) {
			g.space.imaged(id)
		}
	}
	return nil
}

func (g *pager) isBare(id uint32) bool {
	return int(id/64) < len(g.space.bare) && getBit(g.space.bare, id)
}

// keepImage appends what stands in a page's place to the log.
func (g *pager) keepImage(id uint32) error {
	b := g.images.record
	encodeImageID(b, id)
	if _, err := g.file.ReadAt(b[imageHeader:], g.offset(id)); err != nil {
		return &unreadError{fmt.Errorf("read page %d of %s to keep it: %w", id, g.name, err)}
	}
	_, err := g.images.log.Append(b)
	return err
}

// updateInPlace makes the tree, of which only the file is open, one that keeps images
// in a log of at most so many bytes, and no snapshot of its last commit.
func (t *tree) updateInPlace(o wal.Options, limit int64) {
	t.images.options, t.images.record = o, make([]byte, imageHeader+t.pageSize)
	t.space.inPlace = true
	t.space.mayOwe = func(images int) bool {
		return t.images.size()+int64(t.space.owedCount+images)*int64(t.pageSize+imageFrame) <= limit
	}
	t.pool.Ahead = t.protect
}

// createImages makes the log of images.
func (t *tree) createImages() (err error) {
	t.images.log, err = wal.Create(t.images.options, 1)
	return err
}

// openImages puts the images of the last commit back, which are kept from a segment on,
// and returns of which pages they are. That they are durable in their places does not matter
// before the next commit, which sees to it: till then the images stay.
func (t *tree) openImages(r root) (back []uint64, err error) {
	back = make([]uint64, len(t.space.bare))
	t.images.log, err = wal.Open(t.images.options, r.firstImage, func(record []byte) error {
		if isProgress(record) {
			return t.findProgress(record, r.epoch)
		}
		id, p, err := decodeImage(record, t.pageSize, t.space.end.Load())
		if err != nil {
			return &statelab.CorruptError{File: t.images.options.Dir, Offset: -1, Reason: err.Error()}
		}
		if _, err := t.file.WriteAt(p, t.offset(id)); err != nil {
			return fmt.Errorf("put the image of page %d of %s back: %w", id, t.name, err)
		}
		setBit(back, id)
		return nil
	})
	return back, err
}

// findProgress keeps a record of the progress if it is of the commit of an epoch.
func (t *tree) findProgress(record []byte, epoch uint64) error {
	p, err := decodeProgress(record)
	if err != nil {
		return &statelab.CorruptError{File: t.images.options.Dir, Offset: -1, Reason: err.Error()}
	}
	if p.epoch == epoch {
		t.found = p
	}
	return nil
}

// note makes a record of the progress durable in the log of images.
func (m *images) note(record []byte) error {
	if _, err := m.log.Append(record); err != nil {
		return err
	}
	return m.log.Sync()
}

// cutImages begins the log of images anew, and returns the segment from which on those
// are that the next root needs; 0 where there is no such log.
func (t *tree) cutImages() (first uint64, err error) {
	if t.images.log == nil {
		return 0, nil
	}
	return t.images.log.Rotate()
}

// rebase takes note that the tree as it is is that of the last commit, but for pages of
// which there are images.
func (t *tree) rebase(imaged []uint64) {
	t.space.rebase(imaged)
	t.images.pages = int(t.space.usedCount.Load())
}

// dropImages removes the images that the root before the last one needed.
func (t *tree) dropImages() {
	if t.images.log == nil {
		return
	}
	if err := t.images.log.RemoveBefore(t.durable.firstImage); err != nil {
		t.logger.Warn("btree: images are not removed", "file", t.name, "err", err) // the next opening does it
	}
}

// imageLog returns the log of images, if there is one.
func (t *tree) imageLog() *wal.Log {
	if t.pager == nil {
		return nil
	}
	return t.images.log
}

// size returns the bytes of the log of images.
func (m *images) size() int64 {
	if m.log == nil {
		return 0
	}
	return m.log.Size()
}
