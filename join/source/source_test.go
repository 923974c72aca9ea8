package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"github.com/statelab/statelab/vfs"
)

func writeFile(t testing.TB, name, data string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func gzipped(t testing.TB, data string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstdCompressed(t testing.TB, data string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(data), nil))
}

// readAll reads a source from the row given, one line of text a row.
func readAll(s *Source, from uint64) (string, error) {
	if err := s.Skip(from); err != nil {
		return "", err
	}
	var out strings.Builder
	var r Row
	for {
		err := s.Next(&r)
		if err == io.EOF {
			return out.String(), nil
		}
		if err != nil {
			return out.String(), err
		}
		switch r.Class {
		case Filtered:
			fmt.Fprintf(&out, "%d filtered\n", r.Seq)
		case NoKey:
			fmt.Fprintf(&out, "%d no key\n", r.Seq)
		default:
			value, err := s.Schema().AppendJSON(nil, r.Value)
			if err != nil {
				return out.String(), err
			}
			fmt.Fprintf(&out, "%d %q at %d: %s\n", r.Seq, r.Key, r.Time, value)
		}
	}
}

func mustRead(t *testing.T, c Config, from uint64) string {
	t.Helper()
	s, err := Open(vfs.OS, nil, c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := readAll(s, from)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// config is of files with the columns id, kind and at.
func config(file string) Config {
	return Config{File: file, Where: []Condition{{"kind", "view"}}, Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}
}

const (
	headed  = "id,kind,at\n7,view,1\n8,click,2\n,view,3\n"
	asJSONL = `{"id":"7","kind":"view","at":1}` + "\n" + `{"id":"8","kind":"click","at":2}` + "\n" + `{"id":"","kind":"view","at":3}`
	rows    = `0 "7" at 1: {"id":"7","kind":"view","at":"1"}` + "\n1 filtered\n" + `2 "" at 3: {"id":"","kind":"view","at":"3"}` + "\n"
)

func TestFormatsAndCompressionsReadAlike(t *testing.T) {
	jsonlRows := strings.NewReplacer(`"at":"1"`, `"at":1`, `"at":"3"`, `"at":3`).Replace(rows)
	for _, c := range []struct{ name, data, want string }{
		{"a.csv", headed, rows},
		{"a.csv", strings.ReplaceAll(headed, "\n", "\r\n"), rows},
		{"a.csv", byteOrderMark + headed, rows},
		{"a.csv.gz", gzipped(t, headed), rows},
		{"a.csv.zst", zstdCompressed(t, headed), rows},
		{"misnamed.csv", gzipped(t, headed), rows},
		{"two.csv.gz", gzipped(t, headed[:15]) + gzipped(t, headed[15:]), rows},
		{"a.jsonl", asJSONL, jsonlRows},
		{"a.ndjson", "\n" + byteOrderMark[:0] + asJSONL + "\n\n", jsonlRows},
		{"a.jsonl.gz", gzipped(t, byteOrderMark+asJSONL+"\r\n"), jsonlRows},
		{"a.jsonl.zst", zstdCompressed(t, asJSONL), jsonlRows},
	} {
		if got := mustRead(t, config(writeFile(t, c.name, c.data)), 0); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestSkippingLandsOnTheSameRows(t *testing.T) {
	parquetFile := writeParquet(t, 1000, 300)
	for _, c := range []Config{
		config(writeFile(t, "a.csv", headed)),
		config(writeFile(t, "a.jsonl", asJSONL)),
		{File: parquetFile, Key: []string{"id"}, Time: "at"},
	} {
		all := mustRead(t, c, 0)
		lines := strings.SplitAfter(all, "\n")
		for from := range lines {
			if len(lines) > 100 && from%97 != 0 && from%300 > 1 {
				continue
			}
			if got := mustRead(t, c, uint64(from)); got != strings.Join(lines[from:], "") {
				t.Errorf("%s from row %d:\n%.200s", c.File, from, got)
			}
		}
		s, err := Open(vfs.OS, nil, c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := readAll(s, uint64(len(lines)+5)); err == nil || !strings.Contains(err.Error(), "ends before row") {
			t.Errorf("%s: skipping past the end: %v", c.File, err)
		}
	}
}

func TestHeaderlessCSVIgnoresExtraFields(t *testing.T) {
	c := config(writeFile(t, "a.csv", "7,view,1,extra,\"more\"\n8,view,2\n"))
	c.Columns = []string{"id", "kind", "at"}
	want := `0 "7" at 1: {"id":"7","kind":"view","at":"1"}` + "\n" + `1 "8" at 2: {"id":"8","kind":"view","at":"2"}` + "\n"
	if got := mustRead(t, c, 0); got != want {
		t.Errorf("%s", got)
	}
}

func TestKeysOfSeveralPartsOrderByPart(t *testing.T) {
	c := config(writeFile(t, "a.csv", "id,kind,at\na\x00,view,1\na,view,1\n"))
	c.Key = []string{"id", "kind"}
	want := `0 "a\x00\xff\x00\x01view" at 1: {"id":"a\u0000","kind":"view","at":"1"}` + "\n" +
		`1 "a\x00\x01view" at 1: {"id":"a","kind":"view","at":"1"}` + "\n"
	if got := mustRead(t, c, 0); got != want {
		t.Errorf("%s", got)
	}
}

func TestJSONMembersAsText(t *testing.T) {
	data := `
{ "at" : 1, "id" : 12345678901234567890, "kind":"view", "deep": { "id": [ "x", {"id":"}"} ] } }
{"id":"a\u0041\"","kind":"view","at":"2"}
{"id":null,"kind":"view","at":3}
{"id":true,"at":4}
{"kind":"other","what":"ever"}
{"id":1,"id":2.50,"kind":"view","at":5, "t":"\ud83d\ude00 ` + "\xff" + `"}`
	want := `0 "12345678901234567890" at 1: {"at":1,"id":12345678901234567890,"kind":"view","deep":{"id":["x",{"id":"}"}]}}
1 "aA\"" at 2: {"id":"a\u0041\"","kind":"view","at":"2"}
2 no key
3 filtered
4 filtered
5 "2.50" at 5: {"id":1,"id":2.50,"kind":"view","at":5,"t":"\ud83d\ude00 \ufffd"}
`
	if got := mustRead(t, config(writeFile(t, "a.jsonl", data)), 0); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

type parquetRow struct {
	ID    *string  `parquet:"id,optional"`
	At    int64    `parquet:"at,timestamp(millisecond)"`
	N     int32    `parquet:"n"`
	U     uint64   `parquet:"u"`
	Ratio *float32 `parquet:"ratio,optional"`
	Wide  float64  `parquet:"wide"`
	OK    bool     `parquet:"ok"`
}

func writeParquet(t testing.TB, n, groupRows int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a.parquet")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[parquetRow](f, parquet.MaxRowsPerRowGroup(int64(groupRows)))
	for i := range n {
		r := parquetRow{At: int64(i), N: -int32(i), U: math.MaxUint64, Wide: 0.5, OK: i%2 == 0}
		if i%10 != 3 {
			id, ratio := fmt.Sprint("id", i), float32(0.1)
			r.ID, r.Ratio = &id, &ratio
		}
		if _, err := w.Write([]parquetRow{r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestParquet(t *testing.T) {
	c := Config{File: writeParquet(t, 5, 2), Key: []string{"id"}, Time: "at", Where: []Condition{{"u", "18446744073709551615"}}}
	line := func(i int, ok bool) string {
		return fmt.Sprintf(`%d "id%d" at %d: {"id":"id%d","at":%d,"n":%d,"u":18446744073709551615,"ratio":0.1,"wide":0.5,"ok":%v}`+"\n",
			i, i, i*1000, i, i, -i, ok)
	}
	want := line(0, true) + line(1, false) + line(2, true) + "3 no key\n" + line(4, true)
	if got := mustRead(t, c, 0); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	c.Where = []Condition{{"ok", "false"}}
	c.TimeFormat = UnixMS
	if got := mustRead(t, c, 0); got != "0 filtered\n"+line(1, false)+"2 filtered\n3 no key\n4 filtered\n" {
		t.Errorf("ok is false:\n%s", got)
	}
}

func TestNestedParquetIsRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.parquet")
	type nested struct {
		Tags []string `parquet:"tags,list"`
	}
	if err := parquet.WriteFile(name, []nested{{[]string{"a"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(vfs.OS, nil, config(name)); err == nil || !strings.Contains(err.Error(), "column tags: nested and repeated columns are not supported") {
		t.Errorf("got %v", err)
	}
}

// TestWhatIsWrongIsNamed: each fault is an *Error that names the file, the
// place and the reason.
func TestWhatIsWrongIsNamed(t *testing.T) {
	gz := gzipped(t, headed+strings.Repeat("9,view,4\n", 100))
	zst := zstdCompressed(t, headed+strings.Repeat("9,view,4\n", 100))
	parquetFile, err := os.ReadFile(writeParquet(t, 100, 50))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, data string
		change     func(*Config)
		want       string
	}{
		{"empty.csv", "", nil, "is empty"},
		{"empty.csv.gz", gzipped(t, ""), nil, "is empty"},
		{"empty.jsonl", "", nil, "is empty"},
		{"a.txt", headed, nil, "its name does not say the format; give one of [csv jsonl parquet]"},
		{"a.csv", headed, func(c *Config) { c.Key = []string{"ride"} }, `key: no column "ride"; there are id, kind, at`},
		{"a.csv", headed, func(c *Config) { c.Time = "when" }, `time: no column "when"; there are id, kind, at`},
		{"a.csv", headed, func(c *Config) { c.Where = []Condition{{"x", "y"}} }, `where: no column "x"; there are id, kind, at`},
		{"a.csv", headed, func(c *Config) { c.TimeFormat = "" }, "time: a csv file needs a time_format"},
		{"a.csv", "id,id,at\n", nil, `two columns are named "id"`},
		{"a.csv", headed + "9,view,noon\n", nil, `line 5: field at: "noon" is not a time of the format unix_us`},
		{"a.csv", "id,kind,at\n\"a\nb\",view,1\n9,view,\n", nil, `line 4: field at: "" is not a time of the format unix_us`},
		{"a.csv", headed + "9,view\n", nil, "line 5: 2 fields, but the header has 3"},
		{"a.csv", headed + "9,view,4,5\n", nil, "line 5: 4 fields, but the header has 3"},
		{"a.csv", "9,view\n", func(c *Config) { c.Columns = []string{"id", "kind", "at"} }, "line 1: 2 fields, but 3 columns are named"},
		{"a.csv", headed + "a\"b,view,3\n", nil, "line 5: column 2: bare \" in non-quoted-field"},
		{"a.csv.gz", gz[:len(gz)-9], nil, "the compressed file is cut short"},
		{"a.csv.gz", gz[:12], nil, "the compressed file is cut short"},
		{"a.csv.gz", gz[:len(gz)-6] + "xxxxxx", nil, "decompress: gzip: invalid checksum"},
		{"a.csv.zst", zst[:len(zst)-9], nil, "the compressed file is cut short"},
		{"a.jsonl", asJSONL + "\n{\"id\":\n", nil, "line 4: not JSON: unexpected end of JSON input"},
		{"a.jsonl", "[1]", nil, "line 1: not a JSON object"},
		{"a.jsonl", `{"kind":"view","at":1}`, nil, "line 1: field id: is missing from the object"},
		{"a.jsonl", `{"id":[1],"kind":"view","at":1}`, nil, "line 1: field id: an array has no text to compare"},
		{"a.jsonl", `{"id":1,"kind":"view","at":null}`, nil, "line 1: field at: the time is null"},
		{"a.parquet", "", nil, "is empty"},
		{"a.parquet", headed, nil, "not a whole parquet file"},
		{"a.parquet", string(parquetFile[:len(parquetFile)/2]), nil, "not a whole parquet file"},
		{"a.parquet", gzipped(t, "x"), nil, "parquet is compressed within"},
		{"a.parquet", string(parquetFile), nil, `where: no column "kind"; there are id, at, n, u, ratio, wide, ok`},
		{"a.parquet", string(parquetFile), func(c *Config) { c.Where = nil }, "time: column at is a timestamp in the format unix_ms, not unix_us"},
		{"a.parquet", string(parquetFile), func(c *Config) { c.Where, c.Time, c.TimeFormat = nil, "n", "" }, "time: column n is not a timestamp, so it needs a time_format"},
	} {
		file := writeFile(t, c.name, c.data)
		conf := config(file)
		if c.change != nil {
			c.change(&conf)
		}
		s, err := Open(vfs.OS, nil, conf)
		if err == nil {
			_, err = readAll(s, 0)
			s.Close()
		}
		var at *Error
		if !errors.As(err, &at) || at.File != file || !strings.Contains(err.Error(), ": "+c.want) {
			t.Errorf("%s:\n%v, want\n%s", c.name, err, c.want)
		}
	}
	if _, err := Open(vfs.OS, nil, config("no/such.csv")); err == nil || err.Error() != "no/such.csv: does not exist" {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Open(vfs.OS, nil, config(t.TempDir())); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("directory: %v", err)
	}
}

func TestStandardInput(t *testing.T) {
	c := config("-")
	c.Format = CSV
	s, err := Open(vfs.OS, strings.NewReader(gzipped(t, headed)), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := readAll(s, 0); err != nil || got != rows {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestAFileWithoutRowsIsASourceWithoutEvents(t *testing.T) {
	if got := mustRead(t, config(writeFile(t, "a.csv", "id,kind,at\n")), 0); got != "" {
		t.Errorf("csv: %s", got)
	}
	c := Config{File: writeParquet(t, 0, 10), Key: []string{"id"}, Time: "at"}
	if got := mustRead(t, c, 0); got != "" {
		t.Errorf("parquet: %s", got)
	}
}

// A failing disk is not the file's fault, and must not be reported as such.
func TestAFailedReadIsNotBadInput(t *testing.T) {
	broken := errors.New("disk on fire")
	c := config("-")
	c.Format = CSV
	s, err := Open(vfs.OS, io.MultiReader(strings.NewReader(headed), brokenReader{broken}), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = readAll(s, 0)
	var at *Error
	if !errors.Is(err, broken) || errors.As(err, &at) {
		t.Errorf("got %v", err)
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }
