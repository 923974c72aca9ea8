package memstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// A snapshot file is the image of all live records at one moment of the
// history. Snapshot 7 holds what the segments of the log before segment 7 made;
// so opening reads it and replays the log from there. It is a header and a
// sequence of blocks, the last of which is the footer. Numbers are
// little-endian.
//
//	OFFSET  SIZE  FIELD
//	0       8     "statesnp"
//	8       4     format version, 1
//	12      8     number
//	20      8     watermark
//	28      4     CRC-32C of the bytes 0 to 27
//
// A block:
//
//	OFFSET  SIZE  FIELD
//	0       4     CRC-32C of number (8 bytes), offset of the block (8 bytes), and the block from byte 4 on
//	4       4     length n of the payload
//	8       1     kind: 1 operations, 2 footer
//	9       n     payload: operations (statelab.Batch), or the number of operations in the file (8 bytes)
//
// The operations are for each record, in the order of keys, a Put and Appends,
// which may go on in the next block. After the footer the file ends.
//
// The snapshot 7 of a store at watermark 5 that holds "k" with the element "vw",
// which dies at 6, is
//
//	00  73 74 61 74 65 73 6e 70  01 00 00 00 07 00 00 00  |statesnp........|
//	10  00 00 00 00 05 00 00 00  00 00 00 00 28 d6 9e 3d  |............(..=|
//	20  a2 7c 91 7f 0e 00 00 00  01 81 06 00 00 00 00 00  |.|..............|
//	30  00 00 01 02 6b 76 77 bc  38 c6 f7 08 00 00 00 02  |....kvw.8.......|
//	40  01 00 00 00 00 00 00 00                           |........|
const (
	imageMagic      = "statesnp"
	imageVersion    = 1
	imageHeaderSize = 32
	blockHeaderSize = 9

	blockOps    = 1
	blockFooter = 2

	imageSuffix = ".snap"
	tempSuffix  = ".tmp"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func imageName(number uint64) string { return fmt.Sprintf("%06d%s", number, imageSuffix) }

// parseImageName returns the number of a snapshot's file.
func parseImageName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, imageSuffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || imageName(n) != name {
		return 0, false
	}
	return n, true
}

// An imageWriter writes a snapshot file.
type imageWriter struct {
	file   vfs.File
	number uint64
	off    int64
	ops    uint64
	buf    []byte
}

func (w *imageWriter) begin(watermark int64) error {
	b := append(w.buf[:0], imageMagic...)
	b = binary.LittleEndian.AppendUint32(b, imageVersion)
	b = binary.LittleEndian.AppendUint64(b, w.number)
	b = binary.LittleEndian.AppendUint64(b, uint64(watermark))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return w.write(b)
}

// add writes a block of operations.
func (w *imageWriter) add(b *statelab.Batch) error {
	w.ops += uint64(b.Len())
	return w.block(blockOps, b.Bytes())
}

// end writes the footer and syncs the file.
func (w *imageWriter) end() error {
	var count [8]byte
	binary.LittleEndian.PutUint64(count[:], w.ops)
	if err := w.block(blockFooter, count[:]); err != nil {
		return err
	}
	return w.file.Sync()
}

func (w *imageWriter) block(kind byte, payload []byte) error {
	b := append(w.buf[:0], 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, kind)
	b = append(b, payload...)
	binary.LittleEndian.PutUint32(b, blockSum(w.number, w.off, b[4:]))
	return w.write(b)
}

func (w *imageWriter) write(b []byte) error {
	w.buf = b
	n, err := w.file.WriteAt(b, w.off)
	w.off += int64(n)
	return err
}

// blockSum covers the place of a block too, so that no block of another place
// or file is taken for it.
func blockSum(number uint64, off int64, b []byte) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[:], number)
	binary.LittleEndian.PutUint64(place[8:], uint64(off))
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, b)
}

// An imageReader reads a snapshot file, and trusts nothing in it.
type imageReader struct {
	file   vfs.File
	name   string
	number uint64
	size   int64
	off    int64
	buf    []byte
}

// readImage reads the snapshot of this number in dir. It calls begin with the
// watermark and then ops with the operations of each block, which are whole and
// checked. Damage gives a *statelab.CorruptError.
func readImage(fsys vfs.FS, dir string, number uint64, m *meter.Meter, begin func(watermark int64), ops func([]byte) error) (size int64, err error) {
	name := filepath.Join(dir, imageName(number))
	raw, err := fsys.Open(name)
	if err != nil {
		return 0, err
	}
	file := m.File(raw, meter.Snapshot)
	defer file.Close()
	r := &imageReader{file: file, name: name, number: number}
	if r.size, err = file.Size(); err != nil {
		return 0, err
	}
	return r.size, r.read(begin, ops)
}

func (r *imageReader) read(begin func(watermark int64), ops func([]byte) error) error {
	watermark, err := r.header()
	if err != nil {
		return err
	}
	begin(watermark)
	total := uint64(0)
	for {
		start := r.off
		kind, payload, err := r.block()
		if err != nil {
			return err
		}
		if kind == blockFooter {
			return r.footer(start, payload, total)
		}
		n, err := countOps(payload)
		if err != nil {
			return r.corrupt(start, err.Error())
		}
		total += n
		if err := ops(payload); err != nil {
			return err
		}
	}
}

func (r *imageReader) corrupt(off int64, reason string) error {
	return &statelab.CorruptError{File: r.name, Offset: off, Reason: reason}
}

func (r *imageReader) header() (watermark int64, err error) {
	b, err := r.next(imageHeaderSize, "header")
	if err != nil {
		return 0, err
	}
	switch {
	case string(b[:8]) != imageMagic:
		return 0, r.corrupt(0, "not a snapshot")
	case crc32.Checksum(b[:28], castagnoli) != binary.LittleEndian.Uint32(b[28:]):
		return 0, r.corrupt(0, "header checksum mismatch")
	case binary.LittleEndian.Uint32(b[8:]) != imageVersion:
		return 0, fmt.Errorf("snapshot %s has format version %d, and this program knows version %d: %w",
			r.name, binary.LittleEndian.Uint32(b[8:]), imageVersion, statelab.ErrMismatch)
	case binary.LittleEndian.Uint64(b[12:]) != r.number:
		return 0, r.corrupt(12, fmt.Sprintf("header says snapshot %d", binary.LittleEndian.Uint64(b[12:])))
	}
	return int64(binary.LittleEndian.Uint64(b[20:])), nil
}

// block reads the next block. What it returns is valid until the next read.
func (r *imageReader) block() (kind byte, payload []byte, err error) {
	start := r.off
	head, err := r.next(blockHeaderSize, "block")
	if err != nil {
		return 0, nil, err
	}
	sum := binary.LittleEndian.Uint32(head)
	length := int64(binary.LittleEndian.Uint32(head[4:]))
	if length > r.size-r.off {
		return 0, nil, r.corrupt(start, "block cut short")
	}
	r.off = start
	b, err := r.next(blockHeaderSize+length, "block")
	if err != nil {
		return 0, nil, err
	}
	if blockSum(r.number, start, b[4:]) != sum {
		return 0, nil, r.corrupt(start, "block checksum mismatch")
	}
	if b[8] != blockOps && b[8] != blockFooter {
		return 0, nil, r.corrupt(start, fmt.Sprintf("unknown kind of block %d", b[8]))
	}
	return b[8], b[blockHeaderSize:], nil
}

// next reads n bytes.
func (r *imageReader) next(n int64, what string) ([]byte, error) {
	if n > r.size-r.off {
		return nil, r.corrupt(r.off, what+" cut short")
	}
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, n, max(n, 2*partBytes))
	}
	b := r.buf[:n]
	if got, err := r.file.ReadAt(b, r.off); int64(got) < n {
		return nil, fmt.Errorf("read %s at offset %d: %w", r.name, r.off, err)
	}
	r.off += n
	return b, nil
}

func (r *imageReader) footer(start int64, payload []byte, total uint64) error {
	if len(payload) != 8 || binary.LittleEndian.Uint64(payload) != total {
		return r.corrupt(start, fmt.Sprintf("footer does not confirm the %d operations", total))
	}
	if r.off != r.size {
		return r.corrupt(r.off, "bytes follow the footer")
	}
	return nil
}

// countOps verifies that data is whole operations, and counts them.
func countOps(data []byte) (n uint64, err error) {
	ops := statelab.ReadOps(data)
	for _, ok := ops.Next(); ok; _, ok = ops.Next() {
		n++
	}
	return n, ops.Err()
}
