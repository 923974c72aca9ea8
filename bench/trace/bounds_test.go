package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

// Keys that share most of themselves take little in the file and much in memory.
// A writer closes the block in time, and a reader does not follow one that did not.
func TestTheDictionaryOfABlockIsBounded(t *testing.T) {
	var records []Record
	key := make([]byte, statelab.MaxKeySize)
	for i := range 2 * maxKeys / statelab.MaxKeySize {
		binary.BigEndian.PutUint32(key[len(key)-4:], uint32(i))
		records = append(records, Record{Kind: Delete, Key: bytes.Clone(key), Last: true})
	}
	if got, _, totals, err := decode(encode(t, Zstd, records)); !errors.Is(err, io.EOF) || len(got) != len(records) || totals.Blocks < 4 {
		t.Errorf("%d records of %d in %d blocks, error %v", len(got), len(records), totals.Blocks, err)
	}
	var e encoder
	e.reset()
	for i := range records {
		e.add(&records[i])
	}
	var d decoder
	d.reset(e.buf, e.count)
	var r Record
	for d.next(&r) {
	}
	if d.err == nil || !strings.Contains(d.err.Error(), "keys of a block take over") || cap(d.arena) > 2*maxKeys {
		t.Errorf("error %v, and the keys take %d bytes", d.err, cap(d.arena))
	}
}

// Each block is whole, and yet one is missing.
func TestAMissingBlockIsTold(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{}, None)
	if err != nil {
		t.Fatal(err)
	}
	var ends []int
	for range 3 {
		if err := w.Write(&Record{Kind: Sync}); err != nil {
			t.Fatal(err)
		}
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, b.Len())
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	if _, _, _, err := decode(append(bytes.Clone(whole[:ends[0]]), whole[ends[1]:]...)); err == nil || !strings.Contains(err.Error(), "the end counts") {
		t.Errorf("error %v", err)
	}
}

// Without SetTime the event time of a call is the watermark, and slots are used
// again once their iterator is closed.
func TestRecordingKnowsTheTimeAndReusesSlots(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{}, None)
	if err != nil {
		t.Fatal(err)
	}
	rec := NewRecorder(NewReference(), w)
	for i := range int64(3) {
		it, err := rec.Iter(statelab.Range{})
		if err != nil {
			t.Fatal(err)
		}
		if err := rec.Advance(i * 10); err != nil {
			t.Fatal(err)
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	records, _, _, err := decode(b.Bytes())
	if !errors.Is(err, io.EOF) || len(records) != 9 {
		t.Fatalf("error %v, %d records", err, len(records))
	}
	for i := range records {
		records[i].Arrival = 0
	}
	want := `0+0 open 0: ""-""
0+0 advance to 0
0+0 moves 0: last
0+0 open 0: ""-""
10+0 advance to 10
10+0 moves 0: last
10+0 open 0: ""-""
20+0 advance to 20
20+0 moves 0: last
`
	if text := lines(records); text != want {
		t.Errorf("recorded\n%s\nand not\n%s", text, want)
	}
}
