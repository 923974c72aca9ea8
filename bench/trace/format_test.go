package trace

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

// allKinds is a trace with every kind of record and every field in use.
func allKinds() []Record {
	long := bytes.Repeat([]byte{0xfe}, statelab.MaxKeySize)
	return []Record{
		{Kind: Put, Time: 1000, Key: []byte("ride 1"), Size: 80, Expiry: 1600, Last: false},
		{Kind: Append, Time: 1000, Key: []byte("ride 2"), Size: 0, Expiry: statelab.NoExpiry},
		{Kind: Delete, Time: 1000, Key: []byte("ride 1"), Last: true},
		{Kind: Measure, Time: 1000},
		{Kind: Get, Time: 999, Arrival: 7, Key: []byte("ride 1"), Found: true, Size: 80},
		{Kind: Get, Time: math.MinInt64, Arrival: 7, Key: []byte{}},
		{Kind: Put, Time: math.MaxInt64, Arrival: math.MaxInt64, Key: long, Size: statelab.MaxRecordSize, Expiry: math.MinInt64, Last: true},
		{Kind: Scan, Time: 5, Arrival: math.MaxInt64, Range: statelab.PrefixRange([]byte("ride")), Bytes: 80,
			Legs: []Leg{{Move: First, Records: 1}, {Move: Next, Records: 3, Ended: true}}},
		{Kind: Scan, Time: 5, Arrival: math.MaxInt64, Range: statelab.Range{Lower: []byte("a"), Upper: []byte("c")},
			Legs: []Leg{{Move: SeekGE, Key: []byte("b"), Ended: true}, {Move: SeekLT, Key: []byte("ride 2"), Records: 1}}},
		{Kind: Scan, Time: 5, Arrival: math.MaxInt64, Range: statelab.Range{Lower: []byte("b"), Upper: []byte("b\x00")}},
		{Kind: Scan, Time: 5, Arrival: math.MaxInt64, Range: statelab.Range{Lower: []byte("a\xff"), Upper: []byte("b")}},
		{Kind: Scan, Time: 5, Arrival: math.MaxInt64, Range: statelab.Range{Upper: []byte{}}, Legs: []Leg{{Move: Last, Ended: true}}},
		{Kind: Open, Time: 6, Arrival: math.MaxInt64, Slot: maxSlots - 1},
		{Kind: Moves, Time: 6, Arrival: math.MaxInt64, Slot: maxSlots - 1, Legs: []Leg{{Move: Prev, Records: maxLegRecords, Ended: true}}, Bytes: maxMoveBytes},
		{Kind: Moves, Time: 6, Arrival: math.MaxInt64, Slot: maxSlots - 1, Last: true},
		{Kind: Advance, Time: 1600, Arrival: math.MaxInt64, Watermark: 1600},
		{Kind: Advance, Time: 1600, Arrival: math.MaxInt64, Watermark: math.MinInt64},
		{Kind: Sync, Time: 1600, Arrival: math.MaxInt64},
	}
}

// shortKeys is allKinds without its longest key, which slows a fuzzer down.
func shortKeys() []Record {
	records := allKinds()
	for i := range records {
		records[i].Key = records[i].Key[:min(len(records[i].Key), 8)]
	}
	return records
}

// encode returns a whole trace of the records.
func encode(t testing.TB, codec Codec, records []Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{Source: "test", Seed: 7, Knobs: map[string]float64{"live": 5}}, codec)
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		if err := w.Write(&records[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// decode reads a trace to its end.
func decode(data []byte) (records []Record, h Header, totals Totals, err error) {
	r, err := NewReader("T", bytes.NewReader(data))
	if err != nil {
		return nil, h, totals, err
	}
	defer r.Close()
	var rec Record
	for {
		if err := r.Next(&rec); err != nil {
			return records, r.Header(), r.Totals(), err
		}
		records = append(records, cloneRecord(&rec))
	}
}

func cloneRecord(r *Record) Record {
	c := *r
	c.Key, c.Range = clone(r.Key), statelab.Range{Lower: clone(r.Range.Lower), Upper: clone(r.Range.Upper)}
	c.Legs = nil
	for _, leg := range r.Legs {
		leg.Key = clone(leg.Key)
		c.Legs = append(c.Legs, leg)
	}
	return c
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, codec := range []Codec{None, S2, Zstd} {
		want := allKinds()
		got, h, totals, err := decode(encode(t, codec, want))
		if !errors.Is(err, io.EOF) || len(got) != len(want) {
			t.Fatalf("%s: %d records of %d, error %v", codec, len(got), len(want), err)
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s: record %d is\n%+v, not\n%+v", codec, i, got[i], want[i])
			}
		}
		if h.Source != "test" || h.Seed != 7 || h.Knobs["live"] != 5 {
			t.Errorf("%s: header %+v", codec, h)
		}
		if totals.Records != uint64(len(want)) || totals.Blocks != 1 || totals.Warm != 3 || totals.Answers == 0 {
			t.Errorf("%s: totals %+v", codec, totals)
		}
	}
}

func TestBlocksAreReadAlone(t *testing.T) {
	var want []Record
	key := bytes.Repeat([]byte("k"), 2000)
	for i := range 4000 {
		key[i%2000]++
		want = append(want, Record{Kind: Put, Time: int64(i), Arrival: int64(i / 3), Key: bytes.Clone(key), Size: i, Expiry: int64(2 * i), Last: true})
	}
	got, _, totals, err := decode(encode(t, S2, want))
	if !errors.Is(err, io.EOF) || !reflect.DeepEqual(got, want) {
		t.Fatalf("%d records of %d, error %v", len(got), len(want), err)
	}
	if totals.Blocks < 2 {
		t.Errorf("%d blocks prove nothing", totals.Blocks)
	}
}

// The bytes of the package comment's example.
func TestTheDocumentedExampleIsWhatIsWritten(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{Source: "csv"}, Zstd)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Record{
		{Kind: Put, Time: 1000, Key: []byte("ride 1"), Size: 80, Expiry: 1600, Last: true},
		{Kind: Get, Time: 1000, Key: []byte("ride 1"), Found: true, Size: 80},
		{Kind: Get, Time: 1000, Key: []byte("ride 2")},
		{Kind: Scan, Time: 1000, Range: statelab.PrefixRange([]byte("ride")), Bytes: 80, Legs: []Leg{{Move: Next, Records: 1, Ended: true}}},
		{Kind: Advance, Time: 1600, Watermark: 1600},
	} {
		if err := w.Write(&r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "// This trace puts")
	var documented strings.Builder
	for line := range strings.Lines(example) {
		// Bytes stand in the first 48 columns, and what they mean behind them.
		if text, ok := strings.CutPrefix(line, "//\t"); ok {
			documented.WriteString(strings.ReplaceAll(text[:min(len(text), 48)], " ", ""))
		}
	}
	if got := hex.EncodeToString(b.Bytes()); got != documented.String() {
		t.Errorf("a writer writes\n%s\nand doc.go shows\n%s", got, documented.String())
	}
}

func TestEveryTruncationIsTold(t *testing.T) {
	whole := encode(t, Zstd, allKinds())
	for n := range whole {
		_, _, _, err := decode(whole[:n])
		var corrupt *statelab.CorruptError
		switch {
		case n == 0:
			if !errors.Is(err, ErrNotTrace) {
				t.Fatalf("nothing at all: %v", err)
			}
		case !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "cut short") || corrupt.Offset < 0 || corrupt.Offset > int64(n):
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, _, _, err := decode(append(whole, 0)); err == nil || !strings.Contains(err.Error(), "something follows the end") {
		t.Errorf("with a byte too many: %v", err)
	}
}

func TestEveryDamagedByteIsTold(t *testing.T) {
	whole := encode(t, S2, allKinds())
	for at := range whole {
		bad := bytes.Clone(whole)
		bad[at] ^= 0x10
		_, _, _, err := decode(bad)
		var corrupt *statelab.CorruptError
		if !errors.As(err, &corrupt) && !errors.Is(err, ErrNotTrace) {
			t.Fatalf("byte %d changed: %v", at, err)
		}
	}
}

func TestOtherFilesAreRefused(t *testing.T) {
	newer := encode(t, None, nil)
	newer[8]++
	for want, data := range map[string][]byte{
		"T: not a trace that can be read: it does not begin as a trace does":             []byte("time,op,key\n1,get,a\n"),
		"T: not a trace that can be read: its format version is 2; this program reads 1": newer,
		"T is damaged at offset 12: the header claims 4294967295 bytes of provenance":    append([]byte(magic+"\x01\x00\x00\x00"), 0xff, 0xff, 0xff, 0xff),
		"T is damaged at offset 0: the trace is cut short in a header that begins here":  []byte(magic),
	} {
		want, _, _ = strings.Cut(want, "\x00")
		if _, err := NewReader("T", bytes.NewReader(data)); err == nil || err.Error() != want {
			t.Errorf("error %v, not %s", err, want)
		}
	}
}

func TestRecordsOverALimitAreRefused(t *testing.T) {
	for _, r := range []Record{
		{}, {Kind: kinds}, {Kind: Get, Key: make([]byte, statelab.MaxKeySize+1)}, {Kind: Put, Size: -1}, {Kind: Put, Size: statelab.MaxRecordSize + 1},
		{Kind: Open, Slot: maxSlots}, {Kind: Scan, Legs: make([]Leg, maxLegs+1)}, {Kind: Scan, Legs: []Leg{{Move: moves, Ended: true}}},
		{Kind: Scan, Legs: []Leg{{Move: Next}}}, {Kind: Scan, Legs: []Leg{{Move: First, Records: 2}}}, {Kind: Scan, Bytes: -1}, {Kind: Scan, Bytes: maxMoveBytes + 1},
	} {
		w, err := NewWriter(io.Discard, Header{}, None)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Write(&r)
		if err == nil {
			t.Errorf("%+v is written", r)
		}
		if _, closeErr := w.Close(); closeErr != err {
			t.Errorf("after %v a trace was ended with %v", err, closeErr)
		}
	}
}

func TestATraceHasItsNameOnlyWhenItIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t")
	f, err := Create(path, Header{Source: "test"}, Zstd)
	if err != nil {
		t.Fatal(err)
	}
	records := allKinds()
	for i := range records {
		if err := f.Write(&records[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the name is taken before the trace is whole: %v", err)
	}
	want, err := f.Commit()
	if err != nil {
		t.Fatal(err)
	}
	h, got, size, err := Stat(path)
	if err != nil || got != want || h.Source != "test" || size == 0 {
		t.Errorf("error %v, header %+v, %d bytes, totals %+v, not %+v", err, h, size, got, want)
	}
	if f, err = Create(path+"2", Header{}, None); err != nil {
		t.Fatal(err)
	}
	if err := f.Abandon(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("error %v, files %v", err, entries)
	}
}

func TestStatTellsATraceThatIsCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t")
	whole := encode(t, Zstd, allKinds())
	for _, n := range []int{len(whole) - 1, len(whole) - endSize, len(whole) / 2} {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := Stat(path); err == nil || !strings.Contains(err.Error(), "cut short") {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

// Whatever the bytes, a Reader ends with an error or io.EOF, and what it reads
// from a whole trace can be written and read again.
func FuzzReader(f *testing.F) {
	for _, codec := range []Codec{None, S2, Zstd} {
		f.Add(encode(f, codec, allKinds()))
	}
	f.Add(encode(f, None, shortKeys()))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, _, _, err := decode(data)
		if err == nil {
			t.Fatal("a reader never ends")
		}
		if !errors.Is(err, io.EOF) {
			return
		}
		again, _, _, err := decode(encode(t, None, records))
		if !errors.Is(err, io.EOF) || !reflect.DeepEqual(again, records) {
			t.Fatalf("read %+v, written and read again %+v, error %v", records, again, err)
		}
	})
}

// The same without the checksums, which a fuzzer seldom finds.
func FuzzDecoder(f *testing.F) {
	for _, records := range [][]Record{allKinds(), shortKeys()} {
		var e encoder
		e.reset()
		for i := range records {
			e.add(&records[i])
		}
		f.Add(e.buf, e.count)
	}
	f.Fuzz(func(t *testing.T, data []byte, count int) {
		if len(data) > maxBlock {
			return
		}
		var d decoder
		d.reset(data, max(0, count))
		var e encoder
		e.reset()
		var r Record
		for d.next(&r) {
			e.add(&r)
		}
		if len(d.arena) > maxKeys {
			t.Fatalf("the dictionary takes %d bytes", len(d.arena))
		}
	})
}
