package source

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/statelab/statelab/vfs"
)

// Arbitrary bytes in a file are rows or an error, never a panic.
func FuzzFilesNeverPanic(f *testing.F) {
	small, err := os.ReadFile(writeParquet(f, 3, 2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("a.csv", []byte(headed))
	f.Add("a.csv", []byte(gzipped(f, headed)))
	f.Add("a.csv", []byte(zstdCompressed(f, headed)))
	f.Add("a.jsonl", []byte(asJSONL))
	f.Add("a.parquet", small)
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if FormatOf(name) == "" || len(data) > 1<<16 {
			return
		}
		file := writeFile(t, "x."+string(FormatOf(name)), string(data))
		c := Config{File: file, Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}
		if FormatOf(name) == Parquet {
			c.TimeFormat = ""
		}
		s, err := Open(vfs.OS, nil, c)
		if err != nil {
			return
		}
		defer s.Close()
		_, _ = readAll(s, 0)
	})
}

// Members are found where encoding/json finds them.
func FuzzMembersAreFound(f *testing.F) {
	f.Add([]byte(`{ "id" : [ "]" , { } ] , "at" : -1.5e3 , "a\u0074":"\"" }`))
	f.Add([]byte(`{"id":{"at":"}\\"},"id":null}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var want map[string]json.RawMessage
		if json.Unmarshal(line, &want) != nil || want == nil {
			return
		}
		r := &jsonlReader{}
		for _, name := range []string{"id", "at"} {
			if _, err := r.bind(name); err != nil {
				t.Fatal(err)
			}
		}
		for line[0] != '{' { // leading white space, which readLine trims
			line = line[1:]
		}
		r.object = line
		r.findMembers()
		for i, name := range r.names {
			if got := string(r.raw[i]); got != string(want[name]) {
				t.Errorf("%s is %q, want %q", name, got, want[name])
			}
		}
	})
}
