package sink

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"github.com/statelab/statelab/vfs"
)

// A Rank says where lines stand in the output of a join, whichever of its
// partitions they come from. It orders by its fields, from the first to the last.
type Rank struct {
	Arrival uint64 // what arrived when they were emitted; 0 if that does not matter
	FiredAt int64  // µs
	Key     []byte
	Time    int64 // of the left event, µs
	Seq     uint64
}

func (a *Rank) compare(b *Rank) int {
	return cmp.Or(
		cmp.Compare(a.Arrival, b.Arrival),
		cmp.Compare(a.FiredAt, b.FiredAt),
		bytes.Compare(a.Key, b.Key),
		cmp.Compare(a.Time, b.Time),
		cmp.Compare(a.Seq, b.Seq),
	)
}

// The output of a partition is a Part of records, in the order of their ranks. All
// numbers are little-endian.
//
//	OFFSET  SIZE  FIELD
//	0       8     arrival
//	8       8     fired at, µs
//	16      8     time, µs
//	24      8     sequence
//	32      4     length of the key, k
//	36      4     length of the lines, n
//	40      k     key
//	40+k    n     lines, as they are to stand in the output
//
// So the line "x\n" of key "a", which fired at 9 with time 5 and sequence 7, is
//
//	0000000000000000 0900000000000000 0500000000000000 0700000000000000
//	01000000 02000000 61 780a
const (
	rankKeyLen   = 32
	rankLinesLen = 36
	rankHead     = 40
)

// AppendRank begins a record. Lines are appended after it, and then CloseRank is
// given where the record began.
func AppendRank(dst []byte, r *Rank) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, r.Arrival)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.FiredAt))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(r.Time))
	dst = binary.LittleEndian.AppendUint64(dst, r.Seq)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(r.Key)))
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, r.Key...)
}

// errTooLong says that the lines of one sample exceed what a record holds.
var errTooLong = errors.New("the lines of one sample are longer than 4 GiB")

// CloseRank ends the record that begins at an offset of b.
func CloseRank(b []byte, begin int) error {
	record := b[begin:]
	n := len(record) - rankHead - int(binary.LittleEndian.Uint32(record[rankKeyLen:]))
	if n > math.MaxUint32 {
		return errTooLong
	}
	binary.LittleEndian.PutUint32(record[rankLinesLen:], uint32(n))
	return nil
}

// A RankedReader reads the records of a part, which must be what its state says, or of
// spools.
type RankedReader struct {
	name      string
	file      vfs.File
	r         *bufio.Reader
	left      int64                  // bytes that have not been read from r
	sum       hash.Hash              // of the part; nil of spools and of a range
	want      []byte                 // its checksum at the end
	memory    []byte                 // records that follow those of r
	nextSpool func() (*Spool, error) // nil of a part
	rank      Rank
	keyLen    int64
	bytes     []byte // the record's key and lines
	buf       []byte // what bytes lies in, if it was read from r
}

// OpenRanked opens the part of a name as it was when AppendState appended state.
func OpenRanked(fsys vfs.FS, name string, state []byte) (*RankedReader, error) {
	size, want := decodeState(state)
	f, err := fsys.Open(name + partSuffix)
	if err != nil {
		return nil, err
	}
	return &RankedReader{
		name: name + partSuffix, file: f, left: size, sum: sha256.New(), want: want,
		r: bufio.NewReaderSize(io.NewSectionReader(f, 0, size), bufferSize),
	}, nil
}

// OpenRankedRange opens the records of a part that lie from one of its lengths to another; it may be written to beyond.
func OpenRankedRange(fsys vfs.FS, name string, from, to int64) (*RankedReader, error) {
	f, err := fsys.Open(name + partSuffix)
	if err != nil {
		return nil, err
	}
	return &RankedReader{
		name: name + partSuffix, file: f, left: to - from,
		r: bufio.NewReaderSize(io.NewSectionReader(f, from, to-from), bufferSize),
	}, nil
}

// next reads the next record; io.EOF says that there is none, and that all were
// what had been written.
func (r *RankedReader) next() error {
	if r.left == 0 {
		return r.nextInMemory()
	}
	var head [rankHead]byte
	if err := r.fill(head[:]); err != nil {
		return err
	}
	n := r.decode(&head)
	if n > r.left {
		return fmt.Errorf("%s %w", r.name, ErrNotResumable)
	}
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, n)
	}
	r.bytes = r.buf[:n]
	if err := r.fill(r.bytes); err != nil {
		return err
	}
	r.rank.Key = r.bytes[:r.keyLen]
	return nil
}

// nextInMemory is next when all has been read from r.
func (r *RankedReader) nextInMemory() error {
	switch {
	case r.sum != nil && !bytes.Equal(r.sum.Sum(nil), r.want):
		return fmt.Errorf("%s %w", r.name, ErrNotResumable)
	case len(r.memory) == 0 && r.nextSpool != nil:
		spool, err := r.nextSpool()
		if err != nil {
			return err
		}
		if spool == nil {
			return io.EOF
		}
		r.read(spool)
		return r.next()
	case len(r.memory) == 0:
		return io.EOF
	}
	n := r.decode((*[rankHead]byte)(r.memory))
	r.bytes, r.memory = r.memory[rankHead:][:n:n], r.memory[rankHead+n:]
	r.rank.Key = r.bytes[:r.keyLen]
	return nil
}

// decode reads the head of a record, and returns the length of what follows it.
func (r *RankedReader) decode(head *[rankHead]byte) int64 {
	r.rank = Rank{
		Arrival: binary.LittleEndian.Uint64(head[0:]),
		FiredAt: int64(binary.LittleEndian.Uint64(head[8:])),
		Time:    int64(binary.LittleEndian.Uint64(head[16:])),
		Seq:     binary.LittleEndian.Uint64(head[24:]),
	}
	r.keyLen = int64(binary.LittleEndian.Uint32(head[rankKeyLen:]))
	return r.keyLen + int64(binary.LittleEndian.Uint32(head[rankLinesLen:]))
}

func (r *RankedReader) lines() []byte { return r.bytes[r.keyLen:] }

func (r *RankedReader) fill(b []byte) error {
	if int64(len(b)) > r.left {
		return fmt.Errorf("%s %w", r.name, ErrNotResumable)
	}
	if _, err := io.ReadFull(r.r, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: it is too short", ErrNotResumable)
		}
		return fmt.Errorf("read %s: %w", r.name, err)
	}
	if r.sum != nil {
		r.sum.Write(b)
	}
	r.left -= int64(len(b))
	return nil
}

// Close closes the file.
func (r *RankedReader) Close() error { return r.file.Close() }
