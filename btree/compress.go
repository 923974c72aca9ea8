package btree

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab/internal/codec"
)

// A leaf that a merge makes is compressed if that spares at least an allocation unit
// (extent.go), and it is written at once, by the merge itself: nothing changes it where it
// is any more. Pages that are changed later, or one by one, are written whole, as a
// page that is changed could need more units than it has. In memory all are plain.
//
//	OFFSET SIZE FIELD
//	0      4    CRC-32C of bytes 4 to the end of the compressed bytes
//	4      44   as in a leaf's header (page.go), but its kind is 65 or 129: 1, plus
//	            64 with s2 and 128 with zstd
//	48     2    length of the compressed bytes
//	50          compressed: the slots, and behind them all from low to the page's end
//	            zero, to the end of the extent
//
// So what is between the slots and the lowest cell is not stored.
//
// The reference to a page has the units of its extent in the highest byte of the
// birth, zero of a page that has a whole place; so has the page's own header.
const (
	compressedHeader = slottedHeader + 2
	compressedS2     = 0x40
	compressedZstd   = 0x80
	compressedMask   = compressedS2 | compressedZstd
)

// A leafCodec brings leaves to their stored form and back.
type leafCodec struct {
	*codec.Codec
	plain, stored []byte       // of the writer
	spare         sync.Pool    // of *[]byte, a page each, for readers
	staged        []byte       // extents that are to be written together
	first         uint32       // of them
	limit         int          // of staged, in bytes
	before, after atomic.Int64 // bytes of leaves that were compressed, and of their extents
}

// stagedShare is the part of the memory in which compressed leaves wait to be written
// together, and mostStaged the most of it, as in the pool.
const (
	stagedShare = 32
	mostStaged  = 64 << 10
)

// newLeafCodec returns nil for no compression.
func newLeafCodec(o *Options) (*leafCodec, error) {
	if !o.compresses() {
		return nil, nil
	}
	c, err := codec.New(o.Compression, MaxPageSize)
	if err != nil {
		return nil, err
	}
	l := &leafCodec{Codec: c, limit: int(min(o.Memory/stagedShare, mostStaged))}
	l.spare.New = func() any {
		b := make([]byte, o.PageSize)
		return &b
	}
	return l, nil
}

// encode puts the stored form of a leaf, but for its checksum, behind what is staged, in
// whole units, and returns how many; none if the leaf had better be written as it is.
func (l *leafCodec) encode(p page, unit int) (units int) {
	l.plain = append(append(l.plain[:0], p[slottedHeader:p.slotsEnd()]...), p[p.low():]...)
	how, stored := l.Encode(l.stored[:cap(l.stored)], l.plain)
	if how == codec.Raw {
		return 0
	}
	l.stored = stored
	size := compressedHeader + len(stored)
	if units = (size + unit - 1) / unit; units*unit >= len(p) {
		return 0
	}
	start := len(l.staged)
	l.staged = append(l.staged, p[:slottedHeader]...)
	l.staged = binary.LittleEndian.AppendUint16(l.staged, uint16(len(stored)))
	l.staged = append(l.staged, stored...)
	l.staged = append(l.staged, make([]byte, units*unit-size)...)
	kind := byte(compressedS2)
	if how == codec.Zstd {
		kind = compressedZstd
	}
	l.staged[start+kindAt] |= kind
	l.before.Add(int64(len(p)))
	l.after.Add(int64(units * unit))
	return units
}

// sealCompressed gives a stored form its reference and its checksum.
func sealCompressed(b page, r ref) {
	b.setRef(r)
	binary.LittleEndian.PutUint32(b, b.compressedSum())
}

// compressedSize returns the length of a stored form, of which the header is there.
func (p page) compressedSize() int { return compressedHeader + p.u16(slottedHeader) }

func (p page) compressedSum() uint32 { return crc32.Checksum(p[4:p.compressedSize()], castagnoli) }

// decode makes a plain page of the stored form in p, which is as long as a page, of which
// so many bytes were read. It returns what is wrong, if it is.
func (l *leafCodec) decode(p page, unit, read int) (damage string) {
	size := p.compressedSize()
	if size > read || size > int(p.ref().units)*unit {
		return fmt.Sprintf("%d compressed bytes in %d units", p.u16(slottedHeader), p.ref().units)
	}
	if p.u32(0) != p.compressedSum() {
		return "a wrong checksum"
	}
	how := byte(codec.S2)
	switch p[kindAt] & compressedMask {
	case compressedZstd:
		how = codec.Zstd
	case compressedMask:
		return "two compressions"
	}
	p[kindAt] &^= compressedMask
	slots, cells := slotSize*p.count(), len(p)-p.low()
	if p[kindAt] != kindLeaf || cells < 0 || slots+cells > len(p)-slottedHeader {
		return fmt.Sprintf("%d compressed cells from offset %d of kind %d", p.count(), p.low(), p[kindAt])
	}
	b := l.spare.Get().(*[]byte)
	defer l.spare.Put(b)
	plain := (*b)[:slots+cells]
	if damage := l.Decode(plain, how, p[compressedHeader:size]); damage != "" {
		return damage
	}
	copy(p[slottedHeader:], plain[:slots])
	clear(p[slottedHeader+slots : len(p)-cells])
	copy(p[len(p)-cells:], plain[slots:])
	return ""
}

// writeLeaf makes a compressed page of a packer's first cells and returns its entry, or
// says that it is none to be compressed.
func (m *merge) writeLeaf(cells int) (e entry, ok bool, err error) {
	l, p := m.leaves, m.scratch
	p.start(ref{}, kindLeaf, 0)
	m.fill(p, 0, cells)
	start := len(l.staged)
	units := l.encode(p, m.unit)
	if units == 0 {
		return entry{}, false, nil
	}
	id, err := m.space.allocExtent(units, m.behindLeaf, true)
	if err != nil {
		return entry{}, false, err
	}
	r := ref{id, m.txn.epoch, uint8(units)}
	m.txn.born = append(m.txn.born, r)
	sealCompressed(page(l.staged[start:]), r)
	if start > 0 && id != l.first+uint32(start/m.unit) {
		if err := m.writeStaged(start); err != nil {
			return entry{}, false, err
		}
		start = 0
	}
	if start == 0 {
		l.first = id
	}
	if len(l.staged) >= l.limit {
		err = m.writeStaged(len(l.staged))
	}
	return entry{child: r, sum: p.summary()}, true, err
}

// writeStaged writes the first bytes of what is staged, which is a run of extents.
func (m *merge) writeStaged(n int) error {
	l := m.leaves
	if n == 0 {
		return nil
	}
	if err := m.writeAt(l.staged[:n], l.first); err != nil {
		return m.failed.Set(err)
	}
	l.staged = l.staged[:copy(l.staged, l.staged[n:])]
	return nil
}
