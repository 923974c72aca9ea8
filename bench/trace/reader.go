package trace

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A Reader reads a trace from its beginning. It holds one block in memory. It
// belongs to one goroutine.
type Reader struct {
	name    string
	r       *bufio.Reader
	header  Header
	offset  int64 // of what is read next
	block   int64 // offset of the block at hand
	dec     decoder
	exp     expander
	stored  []byte
	seen    Totals
	answers Answers
	err     error // what Next returned last, if it was one
}

// NewReader reads the header of a trace. name stands in errors. The caller
// closes r, after the Reader.
func NewReader(name string, r io.Reader) (*Reader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	h, size, err := readHeader(name, buffered)
	if err != nil {
		return nil, err
	}
	return &Reader{name: name, r: buffered, header: h, offset: size}, nil
}

// Header returns the trace's header.
func (t *Reader) Header() Header { return t.header }

// Read returns how many records Next has returned.
func (t *Reader) Read() uint64 { return t.seen.Records }

// Next reads the next record into r, whose slices are valid until the next call.
// It returns io.EOF at the end of a whole trace. A trace that is damaged or cut
// short gives a *statelab.CorruptError, which says where.
func (t *Reader) Next(r *Record) error {
	if t.err != nil {
		return t.err
	}
	for !t.dec.next(r) {
		if t.dec.err != nil {
			t.err = damage(t.name, t.block, "record %d of the trace, %d bytes into the block that begins here: %v", t.seen.Records, t.dec.offset(), t.dec.err)
		} else {
			t.err = t.nextBlock()
		}
		if t.err != nil {
			return t.err
		}
	}
	t.answers.Add(r)
	t.seen.add(r)
	return nil
}

// nextBlock reads a block into the decoder, or the end.
func (t *Reader) nextBlock() error {
	t.block = t.offset
	tag, err := t.r.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return damage(t.name, t.offset, "the trace is cut short after %d records: it has no end", t.seen.Records)
	case err != nil:
		return fmt.Errorf("read %s at offset %d: %w", t.name, t.offset, err)
	case tag == tagEnd:
		return t.readEnd()
	case tag != tagBlock:
		return damage(t.name, t.offset, "byte %#x begins neither a block nor the end", tag)
	}
	return t.readBlock()
}

func (t *Reader) readBlock() error {
	var head [blockHead]byte
	head[0] = tagBlock
	if _, err := io.ReadFull(t.r, head[1:]); err != nil {
		return readFault(t.name, t.block, "block", err)
	}
	stored := binary.LittleEndian.Uint32(head[2:])
	size := binary.LittleEndian.Uint32(head[6:])
	count := binary.LittleEndian.Uint32(head[10:])
	if stored > maxBlock || size > maxBlock || count > size || count == 0 {
		return damage(t.name, t.block, "a block claims %d records in %d bytes, stored in %d", count, size, stored)
	}
	if cap(t.stored) < int(stored) {
		t.stored = make([]byte, stored)
	}
	t.stored = t.stored[:stored]
	if _, err := io.ReadFull(t.r, t.stored); err != nil {
		return readFault(t.name, t.block, "block", err)
	}
	if binary.LittleEndian.Uint32(head[14:]) != checksum(head[:14], t.stored) {
		return damage(t.name, t.block, "a block does not match its checksum")
	}
	data, err := t.exp.expand(t.stored, Codec(head[1]), int(size))
	if err != nil {
		return damage(t.name, t.block, "a block does not unfold: %v", err)
	}
	t.dec.reset(data, int(count))
	t.offset += blockHead + int64(stored)
	t.seen.Blocks++
	return nil
}

// readEnd reads the end record and holds it against what was read.
func (t *Reader) readEnd() error {
	var end [endSize]byte
	end[0] = tagEnd
	if _, err := io.ReadFull(t.r, end[1:]); err != nil {
		return readFault(t.name, t.block, "end", err)
	}
	said, ok := decodeEnd(end[:])
	if !ok {
		return damage(t.name, t.block, "the end does not match its checksum")
	}
	t.seen.Answers = t.answers.Sum()
	if said != t.seen {
		return damage(t.name, t.block, "the end counts %+v, and there are %+v", said, t.seen)
	}
	if _, err := t.r.ReadByte(); err == nil {
		return damage(t.name, t.block+endSize, "something follows the end")
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s at offset %d: %w", t.name, t.block+endSize, err)
	}
	return io.EOF
}

// Totals returns what the end of the trace says, once Next has returned io.EOF;
// until then what was seen so far.
func (t *Reader) Totals() Totals { return t.seen }

// Close releases what the Reader holds.
func (t *Reader) Close() error {
	t.exp.close()
	t.err = errors.New("trace reader is closed")
	return nil
}
