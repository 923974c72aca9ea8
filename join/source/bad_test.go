package source_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
	"github.com/statelab/statelab/vfs"
)

// classes reads a source from row `from` on, as one letter a row and, of bad ones, what is said of them.
func classes(t *testing.T, c source.Config, text string, from uint64) (letters string, bad []string) {
	t.Helper()
	s, err := source.Open(vfs.NewMem(), strings.NewReader(text), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Skip(from); err != nil {
		t.Fatal(err)
	}
	var row source.Row
	for err = s.Next(&row); err == nil; err = s.Next(&row) {
		if row.Seq != from {
			t.Errorf("row %d is numbered %d", from, row.Seq)
		}
		from++
		letters += string("EFNB"[row.Class])
		if row.Class == source.Bad {
			bad = append(bad, string(row.Value))
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return letters, bad
}

func TestBadRowsArePassedOn(t *testing.T) {
	csv := source.Config{File: "-", Format: source.CSV, Key: []string{"id"}, Time: "at", TimeFormat: source.UnixS, From: 0, To: 100e6, KeepBad: true}
	jsonl := csv
	jsonl.Format = source.JSONL
	for _, c := range []struct {
		config  source.Config
		text    string
		letters string
		bad     []string
	}{
		{csv, "id,at\na,1\na\na,\"2\nb,3\n", "EBB", []string{
			`"file":"-","at":"line 3","reason":"1 fields, but the header has 2","row":["a"]`,
			`"file":"-","at":"line 5","reason":"column 5: extraneous or missing \" in quoted-field","row":null`,
		}},
		{csv, "id,at\na,noon\nb\"b,3\na,101\nc,100\n", "BBBE", []string{
			`"file":"-","at":"line 2","reason":"field at: \"noon\" is not a time of the format unix_s","row":["a","noon"]`,
			`"file":"-","at":"line 3","reason":"column 2: bare \" in non-quoted-field","row":null`,
			`"file":"-","at":"line 4","reason":"field at: \"101\" is not within the times that are expected","row":["a","101"]`,
		}},
		{csv, "id,at\n" + strings.Repeat("k", 40_000) + ",1\na,1\n", "BE", nil},
		{jsonl, `{"id":"a","at":1}` + "\n" + `{"id":"a","at":` + "\n\n[1, 2]\n" + `{"id":null,"at":1}` + "\n" + `{"at": 1}` + "\n" + `{"id":"b","at":2}` + "\n", "EBBBBE", []string{
			`"file":"-","at":"line 2","reason":"not JSON: unexpected end of JSON input","row":"{\"id\":\"a\",\"at\":"`,
			`"file":"-","at":"line 4","reason":"not a JSON object","row":[1,2]`,
			`"file":"-","at":"line 5","reason":"there is a null in its key","row":{"id":null,"at":1}`,
			`"file":"-","at":"line 6","reason":"field id: is missing from the object","row":{"at":1}`,
		}},
	} {
		letters, bad := classes(t, c.config, c.text, 0)
		if letters != c.letters {
			t.Errorf("%q is read as %s, want %s", c.text, letters, c.letters)
		}
		for i, want := range c.bad {
			if i < len(bad) && bad[i] != want {
				t.Errorf("got\n%s\nwant\n%s", bad[i], want)
			}
		}
		for from := range uint64(len(letters)) {
			if rest, _ := classes(t, c.config, c.text, from); rest != letters[from:] {
				t.Errorf("%q from row %d is read as %s, want %s", c.text, from, rest, letters[from:])
			}
		}
	}
}

// Without KeepBad the first bad row is an error, but for those that the join counts by itself.
func TestBadRowsAreErrors(t *testing.T) {
	c := source.Config{File: "-", Format: source.CSV, Key: []string{"id"}, Time: "at", TimeFormat: source.UnixS, To: 100e6}
	for text, want := range map[string]string{
		"id,at\na,101\n": `-: line 2: field at: "101" is not within the times that are expected`,
		"id,at\na\n":     "-: line 2: 1 fields, but the header has 2",
	} {
		s, err := source.Open(vfs.NewMem(), strings.NewReader(text), c)
		if err != nil {
			t.Fatal(err)
		}
		var row source.Row
		var fault *source.Error
		if err := s.Next(&row); !errors.As(err, &fault) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c.To = 0
	if letters, _ := classes(t, c, "id,at\na,9000000000000\n", 0); letters != "E" {
		t.Errorf("an event that cannot be stored is read as %s", letters)
	}
	if e := (join.Event{Time: 9e18}); e.Storable() {
		t.Error("it can be stored")
	}
}
