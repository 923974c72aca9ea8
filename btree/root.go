package btree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/statelab/statelab"
)

// The pages 0 and 1 are the root slots. A slot says where a state of the tree is:
//
//	OFFSET SIZE FIELD
//	0      4    CRC-32C of bytes 4 to 4095
//	4      4    "tree"
//	8      4    format version, 2 to 4
//	12     4    page size in bytes
//	16     8    epoch of the commit
//	24     12   reference to the root page: id, birth
//	36     4    height of the tree in levels
//	40     8    watermark
//	48     8    first segment of the log to be replayed; 0 without a log
//	56     4    pages in the file
//	60     4    map pages
//	64     12*n references to the map pages, in the order of their stretches
//	            zero, to byte 4087
//	4088   8    first segment of the log of images to be put back (image.go); 0 without
//
// A slot that names a log of images has format version 3, or 4 if the commit was fuzzy (fuzzy.go), lest
// a program that knows of neither overlooks it. So the commit of epoch 6 that has its root in page 5, over leaves, and its one
// map in page 4, with the watermark at 7 and no log, is
//
//	00  xx xx xx xx 74 72 65 65  02 00 00 00 00 10 00 00  |....tree........|
//	10  06 00 00 00 00 00 00 00  05 00 00 00 06 00 00 00  |................|
//	20  00 00 00 00 02 00 00 00  07 00 00 00 00 00 00 00  |................|
//	30  00 00 00 00 00 00 00 00  09 00 00 00 01 00 00 00  |................|
//	40  04 00 00 00 06 00 00 00  00 00 00 00 00 00 00 00  |................|
//
// A commit writes everything else first and syncs, then writes slot 0 and syncs,
// then slot 1 with the same bytes and syncs. So both slots are the same but
// during a commit, and what a reopening finds tells what happened:
//
//   - Both are whole and equal: nothing.
//   - Both are whole, slot 0 is newer: a crash between the two writes. The
//     commit had not returned; its state counts, as everything it needs is durable.
//   - One is not whole: a crash while it was written, or later damage. Either
//     way the other is right: if slot 0 was being written the commit had not
//     returned, and slot 1 is the state before; if slot 0 was damaged later,
//     slot 1 is the same state.
//   - Neither is whole: damage.
//
// An opening writes the slot it goes by once more, and then the other, before
// anything else is done: what it found may stand in the kernel's memory only, if
// a process was killed between a write and its sync, or the sync failed. Over a
// slot that is durable this writes the bytes that are there.
//
// The third sync of a commit is what it costs that damage to one slot can never
// bring an older state back.
const (
	rootSize    = 4096
	rootMagic   = "tree"
	rootVersion = 2
	rootMaps    = 64
	rootImages  = rootSize - 8
	maxMaps     = (rootImages - rootMaps) / refSize

	rootVersionInPlace = 3
	rootVersionFuzzy   = 4
)

// A root is what a slot says.
type root struct {
	position
	epoch    uint64
	pageSize int
	firstLog uint64
	pages    uint32
	maps     []ref

	firstImage uint64 // segment; 0 if pages are not updated in place
	fuzzy      bool   // the log of images begins with the progress of merging the log
}

func (r root) encode() []byte {
	b := make([]byte, rootSize)
	copy(b[4:], rootMagic)
	binary.LittleEndian.PutUint32(b[8:], rootVersion)
	if r.firstImage != 0 {
		binary.LittleEndian.PutUint32(b[8:], rootVersionInPlace)
	}
	if r.fuzzy {
		binary.LittleEndian.PutUint32(b[8:], rootVersionFuzzy)
	}
	binary.LittleEndian.PutUint64(b[rootImages:], r.firstImage)
	binary.LittleEndian.PutUint32(b[12:], uint32(r.pageSize))
	binary.LittleEndian.PutUint64(b[16:], r.epoch)
	putRef(b[24:], r.root)
	binary.LittleEndian.PutUint32(b[36:], uint32(r.height))
	binary.LittleEndian.PutUint64(b[40:], uint64(r.watermark))
	binary.LittleEndian.PutUint64(b[48:], r.firstLog)
	binary.LittleEndian.PutUint32(b[56:], r.pages)
	binary.LittleEndian.PutUint32(b[60:], uint32(len(r.maps)))
	for i, m := range r.maps {
		putRef(b[rootMaps+refSize*i:], m)
	}
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

// decodeRoot returns what a slot says. It takes any bytes.
func decodeRoot(b []byte) (root, error) {
	switch {
	case len(b) != rootSize:
		return root{}, errors.New("root slot is cut short")
	case binary.LittleEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli):
		return root{}, errors.New("root slot has a wrong checksum")
	case string(b[4:8]) != rootMagic:
		return root{}, errors.New("root slot is not one")
	}
	version := binary.LittleEndian.Uint32(b[8:])
	if version < rootVersion || version > rootVersionFuzzy {
		return root{}, fmt.Errorf("root slot has format version %d, not %d to %d", version, rootVersion, rootVersionFuzzy)
	}
	r := root{
		position: position{
			root:      getRef(b[24:]),
			height:    int(binary.LittleEndian.Uint32(b[36:])),
			watermark: int64(binary.LittleEndian.Uint64(b[40:])),
		},
		pageSize: int(binary.LittleEndian.Uint32(b[12:])),
		epoch:    binary.LittleEndian.Uint64(b[16:]),
		firstLog: binary.LittleEndian.Uint64(b[48:]),
		pages:    binary.LittleEndian.Uint32(b[56:]),

		firstImage: binary.LittleEndian.Uint64(b[rootImages:]),
		fuzzy:      version == rootVersionFuzzy,
	}
	n := binary.LittleEndian.Uint32(b[60:])
	if !validPageSize(r.pageSize) || r.height < 1 || r.height > maxHeight || r.pages <= firstPage || n > maxMaps ||
		int64(r.pages) > int64(n)*int64(newSpace(r.pageSize).mapBits) || r.epoch >= maxBirth-1 ||
		(r.firstImage != 0) != (version != rootVersion) || r.fuzzy && r.firstLog == 0 {
		return root{}, errors.New("root slot makes no sense")
	}
	for i := range int(n) {
		r.maps = append(r.maps, getRef(b[rootMaps+refSize*i:]))
	}
	return r, nil
}

// readRoots returns the root to open with, the slot it was found in, and
// whether the other slot is the same.
func (g *pager) readRoots() (r root, slot int, same bool, err error) {
	var found [2]root
	var faults [2]error
	for i := range found {
		b := make([]byte, rootSize)
		n, err := g.file.ReadAt(b, int64(i)*int64(g.pageSize))
		if err != nil && !errors.Is(err, io.EOF) {
			return root{}, 0, false, fmt.Errorf("read root slot %d of %s: %w", i, g.name, err)
		}
		if found[i], faults[i] = decodeRoot(b[:n]); faults[i] == nil && found[i].pageSize != g.pageSize {
			faults[i] = fmt.Errorf("root slot says pages have %d bytes", found[i].pageSize)
		}
	}
	switch {
	case faults[0] != nil && faults[1] != nil:
		return root{}, 0, false, &statelab.CorruptError{File: g.name, Offset: 0, Reason: fmt.Sprintf("slot 0: %v; slot 1: %v", faults[0], faults[1])}
	case faults[0] != nil || faults[1] == nil && found[1].epoch > found[0].epoch:
		return found[1], 1, false, nil
	}
	return found[0], 0, faults[1] == nil && found[0].epoch == found[1].epoch, nil
}
