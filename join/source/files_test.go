package source

import (
	"fmt"
	"strings"
	"testing"

	"github.com/statelab/statelab/vfs"
)

// putFile writes a file into a file system in memory.
func putFile(t testing.TB, fsys vfs.FS, name, data string) {
	t.Helper()
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(data), 0); err != nil {
		t.Fatal(err)
	}
}

// days are three files of one source, in three forms.
func days(t *testing.T) *vfs.Mem {
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll("in/day-4.csv"); err != nil {
		t.Fatal(err)
	}
	putFile(t, fsys, "in/day-1.csv", "id,at\na,1\nb,2\n")
	putFile(t, fsys, "in/day-2.csv", gzipped(t, "id,at\n"))
	putFile(t, fsys, "in/day-3.csv", zstdCompressed(t, "id,at\nc,3\n"))
	putFile(t, fsys, "in/other.csv", "at,id\n4,d\n")
	return fsys
}

func filesConfig(files ...string) Config {
	return Config{Files: files, Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}
}

func TestFilesOfAPatternAreOneSource(t *testing.T) {
	fsys := days(t)
	for from := range uint64(4) {
		for _, c := range []Config{filesConfig("in/day-*.csv"), filesConfig("in/day-1.csv", "in/day-[23].csv")} {
			s, err := Open(fsys, nil, c)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readAll(s, from)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			var want strings.Builder
			for i, id := range []string{"a", "b", "c"}[from:] {
				fmt.Fprintf(&want, "%d %q at %d: {\"id\":%q,\"at\":\"%d\"}\n", i+int(from), id, i+int(from)+1, id, i+int(from)+1)
			}
			if got != want.String() {
				t.Errorf("%v from row %d:\n%s\nwant\n%s", c.Files, from, got, want.String())
			}
		}
	}
}

func TestWhatIsWrongWithFilesIsNamed(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   string
	}{
		{filesConfig("in/none-*.csv"), "in/none-*.csv: matches no file"},
		{filesConfig("nowhere/*.csv"), "nowhere/*.csv: matches no file"},
		{filesConfig("in/[.csv"), "in/[.csv: is no pattern: syntax error in pattern"},
		{filesConfig("i*/day-1.csv", "i*/x*.csv"), "i*/day-1.csv: a directory cannot be a pattern"},
		{filesConfig("in/day-1.csv", "in/day-*.csv"), "in/day-1.csv: is named twice"},
		{filesConfig("in/day-1.csv", "in/day-9.csv"), "in/day-9.csv: does not exist"},
		{filesConfig("in/*.csv"), "in/other.csv: its columns are not those of in/day-1.csv, which is of the same source"},
		{filesConfig("in/day-1.csv", "-"), "-: standard input cannot be one of several files"},
		{Config{File: "in/day-2.csv", Follow: true, Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}, "in/day-2.csv: a compressed file cannot be followed"},
		{Config{File: "-", Format: CSV, Follow: true, Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}, "-: standard input is read live anyway; leave follow out"},
		{Config{File: "in/x.parquet", Follow: true, Key: []string{"id"}, Time: "at"}, "in/x.parquet: a parquet file cannot be followed"},
	} {
		fsys := days(t)
		putFile(t, fsys, "in/x.parquet", "x")
		_, err := Open(fsys, strings.NewReader("id,at\n"), c.config)
		if err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
}

func TestARowThatIsGoneIsMissedInTheLastFile(t *testing.T) {
	s, err := Open(days(t), nil, filesConfig("in/day-*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Skip(4); err == nil || err.Error() != "in/day-3.csv: ends before row 4, which was read from it before" {
		t.Error(err)
	}
}
