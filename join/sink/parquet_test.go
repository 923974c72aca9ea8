package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/row"
)

var everyType = []row.Column{
	{Name: "s", Type: row.String}, {Name: "b", Type: row.Bool}, {Name: "i", Type: row.Int}, {Name: "u", Type: row.Uint},
	{Name: "f", Type: row.Float}, {Name: "d", Type: row.Double}, {Name: "t", Type: row.Micros}, {Name: "n", Type: row.String},
}

// everyField is a row of everyType.
func everyField(text string) []byte {
	v := row.AppendBool(row.AppendString(nil, text), true)
	v = row.AppendUint(row.AppendInt(v, -5), math.MaxUint64)
	v = row.AppendDouble(row.AppendFloat(v, 1.5), 0.1)
	return row.AppendNull(row.AppendInt(v, 1714550400000000))
}

// written returns the file of samples.
func written(t *testing.T, spec join.Spec, keyParts int, schemas [2]*row.Schema, samples ...join.Sample) []byte {
	t.Helper()
	return writtenOf(t, spec, keyParts, sources(schemas), samples...)
}

func writtenOf(t *testing.T, spec join.Spec, keyParts int, schemas [2][]*row.Schema, samples ...join.Sample) []byte {
	t.Helper()
	var file bytes.Buffer
	part := Stream(&file)
	p := NewParquet(part, spec, keyParts, schemas)
	for i := range samples {
		packed, err := Pack(nil, &samples[i])
		if err == nil {
			err = p.Add(packed)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(p.Close(), part.Sync()); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// sources are one of each side.
func sources(schemas [2]*row.Schema) (all [2][]*row.Schema) {
	for side, s := range schemas {
		if s != nil {
			all[side] = append(all[side], s)
		}
	}
	return all
}

func read[T any](t *testing.T, file []byte) []T {
	t.Helper()
	rows, err := parquet.Read[T](bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func same[T any](t *testing.T, got []T, want ...T) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

type everyTypeRow struct {
	S string    `parquet:"s,optional"`
	B bool      `parquet:"b,optional"`
	I int64     `parquet:"i,optional"`
	U uint64    `parquet:"u,optional"`
	F float32   `parquet:"f,optional"`
	D float64   `parquet:"d,optional"`
	T time.Time `parquet:"t,optional,timestamp(microsecond)"`
	N string    `parquet:"n,optional"`
}

func TestSamplesAreRowsOfParquet(t *testing.T) {
	key := append(join.AppendKeyPart(nil, []byte("a")), "b\xff"...)
	event := func(at int64, value []byte) join.Event { return join.Event{Key: key, Time: at, Value: value} }
	csv := row.Table([]string{"id"})
	text := func(s string) []byte { return row.AppendString(nil, s) }
	type id struct {
		ID string `parquet:"id,optional"`
	}
	file := written(t, join.Spec{Emit: join.OnMatch, Negatives: join.Negatives{Keep: 0.5}}, 2, [2]*row.Schema{row.Typed(everyType), csv},
		join.Sample{Left: event(5, everyField("x")), Rights: []join.Event{event(6, text("r1")), event(7, text("r2"))}, Correction: true},
		join.Sample{Left: event(8, everyField("y"))})
	type sample struct {
		Key        []string     `parquet:"key,list"`
		Time       int64        `parquet:"time,timestamp(microsecond)"`
		Label      int32        `parquet:"label"`
		Left       everyTypeRow `parquet:"left"`
		Right      []id         `parquet:"right,list"`
		LogOdds    float64      `parquet:"log_odds_correction"`
		Correction bool         `parquet:"correction"`
	}
	left := everyTypeRow{"x", true, -5, math.MaxUint64, 1.5, 0.1, time.UnixMicro(1714550400000000).UTC(), ""}
	second := left
	second.S = "y"
	keys := []string{"a", "b\ufffd"}
	same(t, read[sample](t, file),
		sample{keys, 5, 1, left, []id{{"r1"}, {"r2"}}, math.Log(0.5), true},
		sample{keys, 8, 0, second, nil, math.Log(0.5), false})

	pairs := join.Sample{Left: event(5, text("l")), Rights: []join.Event{event(6, []byte(`{"x":1}`)), event(7, []byte(`{"x":2}`))}}
	type pair struct {
		Key   []string `parquet:"key,list"`
		Time  int64    `parquet:"time,timestamp(microsecond)"`
		Left  id       `parquet:"left"`
		Right *string  `parquet:"right,optional,json"`
	}
	mixed := [2]*row.Schema{csv, row.Objects()}
	rights := func(file []byte) (texts []string) {
		for _, p := range read[pair](t, file) {
			right := "null"
			if p.Right != nil {
				right = *p.Right
			}
			texts = append(texts, fmt.Sprintln(p.Key, p.Time, p.Left.ID, right))
		}
		return texts
	}
	if got, want := rights(written(t, join.Spec{Kind: join.Inner}, 2, mixed, pairs)), []string{"[a b\ufffd] 5 l {\"x\":1}\n", "[a b\ufffd] 5 l {\"x\":2}\n"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	pairs.Rights = nil
	if got, want := rights(written(t, join.Spec{Kind: join.Temporal}, 2, mixed, pairs)), []string{"[a b\ufffd] 5 l null\n"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	type triple struct {
		Key    []string `parquet:"key,list"`
		Time   int64    `parquet:"time,timestamp(microsecond)"`
		Left   id       `parquet:"left"`
		First  string   `parquet:"right_1,json"`
		Second id       `parquet:"right_2"`
	}
	three := [2][]*row.Schema{{csv}, {row.Objects(), csv}}
	first := join.Sample{Left: event(5, text("l")), Rights: []join.Event{event(6, []byte(`{"x":1}`)), event(4, text("r"))}}
	same(t, read[triple](t, writtenOf(t, join.Spec{Kind: join.ThreeWay}, 2, three, first, first)),
		triple{keys, 5, id{"l"}, `{"x":1}`, id{"r"}}, triple{keys, 5, id{"l"}, `{"x":1}`, id{"r"}})

	one := [2]*row.Schema{csv}
	session := join.Sample{Left: event(5, text("l")), Rights: []join.Event{event(6, text("m"))}}
	type sessionRow struct {
		Key    []string `parquet:"key,list"`
		Time   int64    `parquet:"time,timestamp(microsecond)"`
		End    int64    `parquet:"end,timestamp(microsecond)"`
		Events []id     `parquet:"events,list"`
	}
	same(t, read[sessionRow](t, written(t, join.Spec{Kind: join.Session, Gap: time.Second}, 2, one, session)),
		sessionRow{keys, 5, 6, []id{{"l"}, {"m"}}})
	type kept struct {
		Key  []string `parquet:"key,list"`
		Time int64    `parquet:"time,timestamp(microsecond)"`
		Row  id       `parquet:"row"`
	}
	same(t, read[kept](t, written(t, join.Spec{Kind: join.Dedup}, 2, one, join.Sample{Left: event(5, text("l"))})), kept{keys, 5, id{"l"}})
}

// TestRowGroupsAreBounded: many samples make several row groups, whose rows come back in order.
func TestRowGroupsAreBounded(t *testing.T) {
	var samples []join.Sample
	value := row.AppendString(nil, string(make([]byte, 1<<20)))
	for i := range 18 {
		samples = append(samples, join.Sample{Left: join.Event{Time: int64(i), Value: value}})
	}
	file := written(t, join.Spec{Kind: join.Dedup}, 1, [2]*row.Schema{row.Table([]string{"v"})}, samples...)
	opened, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(opened.RowGroups()); n != 5 || opened.NumRows() != 18 {
		t.Errorf("%d row groups of %d rows, want 5 of 18", n, opened.NumRows())
	}
	for i, r := range read[struct {
		Time int64 `parquet:"time,timestamp(microsecond)"`
	}](t, file) {
		if r.Time != int64(i) {
			t.Fatalf("row %d has time %d", i, r.Time)
		}
	}
}

func TestPackingIsAsDocumented(t *testing.T) {
	s := join.Sample{Left: join.Event{Key: []byte("a"), Time: 1, Value: []byte("l")}, Rights: []join.Event{{Time: 2, Value: []byte("rr")}}}
	if packed, err := Pack(nil, &s); err != nil || fmt.Sprintf("%x", packed) != "0001610201"+"6c"+"0104027272" {
		t.Errorf("%x, %v", packed, err)
	}
}

// FuzzUnpack: whatever can be unpacked is packed to what unpacks to the same.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("\x00\x01a\x02\x01l\x01\x04\x02rr"))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, again join.Sample
		if err := unpack(b, &s); err != nil {
			return
		}
		packed, err := Pack(nil, &s)
		if err == nil {
			err = unpack(packed, &again)
		}
		if err != nil || fmt.Sprint(s) != fmt.Sprint(again) {
			t.Errorf("%x: %v\n%v\n%v", b, err, s, again)
		}
	})
}

// BenchmarkSamples writes samples of 500 bytes, of which a fifth have a right event, as lines and as parquet.
func BenchmarkSamples(b *testing.B) {
	schemas := [2]*row.Schema{row.Table([]string{"id", "text"}), row.Table([]string{"id", "kind"})}
	left := row.AppendString(row.AppendString(nil, "impression 12345"), string(bytes.Repeat([]byte("text "), 100)))
	right := row.AppendString(row.AppendString(nil, "impression 12345"), "click")
	sample := func(i int) *join.Sample {
		s := &join.Sample{Left: join.Event{Key: []byte("impression 12345"), Time: int64(i), Value: left}}
		if i%5 == 0 {
			s.Rights = []join.Event{{Time: int64(i), Value: right}}
		}
		return s
	}
	printer := NewPrinter(join.Spec{}, 1, sources(schemas))
	for _, to := range []struct {
		name   string
		adder  func() Adder
		append func([]byte, *join.Sample) ([]byte, error)
	}{
		{"lines", func() Adder { return Lines{Stream(io.Discard)} }, printer.AppendSample},
		{"parquet", func() Adder { return NewParquet(Stream(io.Discard), join.Spec{}, 1, sources(schemas)) }, Pack},
	} {
		b.Run(to.name, func(b *testing.B) {
			var buf []byte
			var err error
			adder := to.adder()
			b.ReportAllocs()
			for i := range b.N {
				if buf, err = to.append(buf[:0], sample(i)); err == nil {
					err = adder.Add(buf)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			if err := adder.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
