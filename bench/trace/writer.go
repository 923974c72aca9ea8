package trace

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	tagBlock = 'B'
	tagEnd   = 'E'

	blockHead = 18 // bytes before a block's records
	endSize   = 45 // bytes of the end record
)

// A Totals is what the end of a trace says of the whole.
type Totals struct {
	Records uint64
	Blocks  uint64
	Warm    uint64 // records before the one of kind Measure; 0 if there is none
	Elapsed uint64 // microseconds of wall time from the beginning of recording to the last record's arrival
	Answers uint64 // the digest of all answers (see Answers)
}

// add counts a record. Its arrival is not before an earlier one's where it was
// read; where it is to be written it may be.
func (t *Totals) add(r *Record) {
	if r.Kind == Measure && t.Warm == 0 {
		t.Warm = t.Records
	}
	t.Elapsed = max(t.Elapsed, uint64(max(0, r.Arrival)))
	t.Records++
}

// A Writer writes a trace. It belongs to one goroutine.
type Writer struct {
	w       io.Writer
	enc     encoder
	comp    *compressor
	scratch []byte
	totals  Totals
	answers Answers
	err     error // of an earlier call; nothing is written after it
}

// NewWriter writes a header to w and returns a Writer for the records. The
// caller closes w, after the Writer.
func NewWriter(w io.Writer, h Header, codec Codec) (*Writer, error) {
	comp, err := newCompressor(codec)
	if err != nil {
		return nil, err
	}
	head, err := appendHeader(nil, &h)
	if err == nil {
		_, err = w.Write(head)
	}
	if err != nil {
		comp.close()
		return nil, fmt.Errorf("write header of trace: %w", err)
	}
	t := &Writer{w: w, comp: comp}
	t.enc.reset()
	return t, nil
}

// Write adds a record. It copies what it keeps.
func (t *Writer) Write(r *Record) error {
	if t.err != nil {
		return t.err
	}
	if err := r.check(); err != nil {
		t.err = fmt.Errorf("record %d of trace: %w", t.totals.Records, err)
		return t.err
	}
	t.enc.add(r)
	t.answers.Add(r)
	t.totals.add(r)
	if t.enc.full() {
		t.err = t.flush()
	}
	return t.err
}

// flush writes the block at hand.
func (t *Writer) flush() error {
	stored, codec := t.comp.compress(t.enc.buf)
	b := append(t.scratch[:0], tagBlock, byte(codec))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(stored)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.enc.buf)))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.enc.count))
	b = binary.LittleEndian.AppendUint32(b, checksum(b, stored))
	b = append(b, stored...)
	t.scratch = b
	if _, err := t.w.Write(b); err != nil {
		return fmt.Errorf("write block %d of trace: %w", t.totals.Blocks, err)
	}
	t.totals.Blocks++
	t.enc.reset()
	return nil
}

// Close writes what is left and the end, without which a trace counts as cut
// short. It returns what the end says.
func (t *Writer) Close() (Totals, error) {
	defer t.comp.close()
	if t.err == nil && t.enc.count > 0 {
		t.err = t.flush()
	}
	t.totals.Answers = t.answers.Sum()
	if t.err != nil {
		return t.totals, t.err
	}
	if _, err := t.w.Write(appendEnd(nil, &t.totals)); err != nil {
		t.err = fmt.Errorf("write end of trace: %w", err)
	}
	return t.totals, t.err
}

func appendEnd(dst []byte, t *Totals) []byte {
	from := len(dst)
	dst = append(dst, tagEnd)
	for _, v := range [...]uint64{t.Records, t.Blocks, t.Warm, t.Elapsed, t.Answers} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[from:]))
}

// decodeEnd decodes an end record of endSize bytes; false if it is none.
func decodeEnd(b []byte) (t Totals, ok bool) {
	if b[0] != tagEnd || binary.LittleEndian.Uint32(b[endSize-4:]) != checksum(b[:endSize-4]) {
		return t, false
	}
	for i, v := range [...]*uint64{&t.Records, &t.Blocks, &t.Warm, &t.Elapsed, &t.Answers} {
		*v = binary.LittleEndian.Uint64(b[1+8*i:])
	}
	return t, true
}
