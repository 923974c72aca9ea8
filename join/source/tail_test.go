package source

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab/vfs"
)

// followed opens a file that is followed; each time that it waits, it is given more.
func followed(t *testing.T, fsys vfs.FS, c Config, more func() bool) *Source {
	t.Helper()
	c.Follow = true
	s, err := Open(fsys, nil, c)
	if err != nil {
		t.Fatal(err)
	}
	s.OnWait(more)
	return s
}

// TestAFileIsFollowedByWholeLines cuts what is appended anywhere, in the middle of lines and
// of fields with line ends in quotes: the rows are those of the whole file.
func TestAFileIsFollowedByWholeLines(t *testing.T) {
	var csv, jsonl strings.Builder
	csv.WriteString("id,at\n")
	for i := range 300 {
		fmt.Fprintf(&csv, "\"%s\n%d\",%d\n", strings.Repeat("x", i%7), i, i)
		fmt.Fprintf(&jsonl, "{\"id\":\"%d\",\"at\":%d}\n\n", i, i)
	}
	for name, text := range map[string]string{"a.csv": csv.String(), "a.jsonl": jsonl.String()} {
		c := Config{File: name, Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 1))
			fsys := vfs.NewMem()
			putFile(t, fsys, name, text)
			want, err := readAll(mustOpen(t, fsys, c), 0)
			if err != nil {
				t.Fatal(err)
			}
			end := 6 + r.IntN(len(text)-6)
			putFile(t, fsys, name, text[:end])
			waits := 0
			s := followed(t, fsys, c, func() bool {
				waits++
				if end == len(text) {
					return false
				}
				end += 1 + r.IntN(min(len(text)-end, 400))
				putFile(t, fsys, name, text[:end])
				return true
			})
			got, err := readAll(s, 0)
			if !errors.Is(err, ErrStopped) || got != want || waits == 0 || !s.Follows() {
				t.Fatalf("%s, seed %d: %v after %d waits\n%s\nwant\n%s", name, seed, err, waits, got, want)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func mustOpen(t *testing.T, fsys vfs.FS, c Config) *Source {
	t.Helper()
	s, err := Open(fsys, nil, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func rename(t *testing.T, fsys vfs.FS, from, to string) {
	t.Helper()
	if err := fsys.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestAFollowedFileIsRotated: the old file is read to its end, also what is written to it after it was renamed, and then
// the new one; a file that was emptied is read from its beginning. The rows are those of one source, and a source that goes on
// at any of them, with the generation it is of, reads the rest.
func TestAFollowedFileIsRotated(t *testing.T) {
	c := Config{File: "logs/a.csv", Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}
	header := "id,at\n"
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll("logs"); err != nil {
		t.Fatal(err)
	}
	putFile(t, fsys, "logs/a.csv", header+"a,1\n")
	step, waits := 0, 0
	s := followed(t, fsys, c, func() bool {
		switch step {
		case 0:
			rename(t, fsys, "logs/a.csv", "logs/a.csv.1")
		case 1: // there is none of the name
		case 2:
			putFile(t, fsys, "logs/a.csv", header[:3])
			putFile(t, fsys, "logs/a.csv.1", header+"a,1\nb,2\n")
		case 3:
			putFile(t, fsys, "logs/a.csv", header)
		case 4:
			putFile(t, fsys, "logs/a.csv.1", header+"a,1\nb,2\nc,3") // to the end of the file
		case 5:
			if waits++; waits < 3*quietLooks {
				return true
			}
			putFile(t, fsys, "logs/a.csv", header+"d,4\n")
		case 6: // twice at once
			rename(t, fsys, "logs/a.csv.1", "logs/a.csv.3")
			rename(t, fsys, "logs/a.csv", "logs/a.csv.2")
			putFile(t, fsys, "logs/a.csv.1", header+"e,5\n")
			putFile(t, fsys, "logs/a.csv", header+"f,6\n")
			waits = 0
		case 7:
			if waits++; waits < 3*quietLooks {
				return true
			}
			putFile(t, fsys, "logs/a.csv", "") // emptied
		case 8:
			putFile(t, fsys, "logs/a.csv", header+"g,7\n")
		default:
			return false
		}
		step++
		return true
	})
	defer s.Close()
	var want []string
	var of []Generation
	for i, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		var row Row
		of = append(of, s.Generation(uint64(i)))
		if err := s.Next(&row); err != nil || string(row.Key) != id || row.Seq != uint64(i) || row.Time != int64(i+1) {
			t.Fatalf("row %d: %q %d, %v", i, row.Key, row.Seq, err)
		}
		of[i] = s.Generation(uint64(i))
		want = append(want, id)
	}
	if rows := of[3].Rows*100 + of[4].Rows*10 + of[5].Rows; of[2].Rows != 0 || rows != 345 {
		t.Errorf("generations begin at %v", of)
	}
	c.Follow = true
	putFile(t, fsys, "logs/a.csv", header+"f,6\n")
	for i := range 5 { // f is in the file that was emptied
		again := mustOpen(t, fsys, c)
		if err := again.Resume(of[i]); err != nil {
			t.Fatal(i, err)
		}
		if err := again.Skip(uint64(i)); err != nil {
			t.Fatal(i, err)
		}
		var row Row
		for j := i; j < 6; j++ {
			if err := again.Next(&row); err != nil || string(row.Key) != want[j] || row.Seq != uint64(j) {
				t.Fatalf("from row %d: row %d: %q %d, %v", i, j, row.Key, row.Seq, err)
			}
		}
	}
	again := mustOpen(t, fsys, c)
	err := again.Resume(of[6])
	if err == nil || !strings.HasPrefix(err.Error(), "logs/a.csv: is not the file of which rows up to 6 and more were read before, and no file a.csv* is") {
		t.Errorf("of a file that is gone: %v", err)
	}
}

func TestAFollowedFileMayBeEmptyAndMustNotShrink(t *testing.T) {
	c := Config{File: "a.csv", Columns: []string{"id", "at"}, Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}
	fsys := vfs.NewMem()
	putFile(t, fsys, "a.csv", "")
	texts := []string{"a", "a,1\nb,", "a,1\n"}
	s := followed(t, fsys, c, func() bool {
		putFile(t, fsys, "a.csv", texts[0])
		texts = texts[1:]
		return true
	})
	defer s.Close()
	got, err := readAll(s, 0)
	if want := "0 \"a\" at 1: {\"id\":\"a\",\"at\":\"1\"}\n"; got != want || err == nil ||
		err.Error() != "a.csv: after line 1: has become shorter before all of it was read" {
		t.Errorf("%v\n%s", err, got)
	}
	c.Columns, c.Follow = nil, true
	putFile(t, fsys, "a.csv", "id,a")
	if _, err := Open(fsys, nil, c); err == nil || err.Error() != "a.csv: holds no header" {
		t.Errorf("without a whole header: %v", err)
	}
}

// TestAFollowedFileIsNotShortened: to read again what is left of it would double rows.
func TestAFollowedFileIsNotShortened(t *testing.T) {
	c := Config{File: "a.csv", Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}
	fsys := vfs.NewMem()
	putFile(t, fsys, "a.csv", "id,at\na,1\nb,2\n")
	s := followed(t, fsys, c, func() bool {
		putFile(t, fsys, "a.csv", "id,at\na,1\n")
		return true
	})
	defer s.Close()
	if got, err := readAll(s, 0); err == nil || !strings.Contains(err.Error(), "a.csv: after line 3: has become shorter, and still begins as it did") {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestStandardInputSaysWhenItReads, so that what was read can be handed on before.
func TestStandardInputSaysWhenItReads(t *testing.T) {
	c := Config{File: "-", Format: JSONL, Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}
	in, out := io.Pipe()
	go func() {
		io.WriteString(out, "{\"id\":1,\"at\":1}\n")
		io.WriteString(out, "{\"id\":2,\"at\":2}\n")
		out.Close()
	}()
	s, err := Open(vfs.NewMem(), in, c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	reads := 0
	s.OnWait(func() bool { reads++; return true })
	got, err := readAll(s, 0)
	if err != nil || strings.Count(got, "\n") != 2 || reads < 2 {
		t.Errorf("%v, %d reads\n%s", err, reads, got)
	}
}

// restlessFS does something once, when a directory has been listed.
type restlessFS struct {
	vfs.FS
	then func()
}

func (f *restlessFS) List(dir string) ([]string, error) {
	names, err := f.FS.List(dir)
	if then := f.then; then != nil {
		f.then = nil
		then()
	}
	return names, err
}

// TestFilesAreRotatedWhileTheirNamesAreLookedUp: what was listed has other names when it is opened, of a source that reads on
// and of one that goes on where it was.
func TestFilesAreRotatedWhileTheirNamesAreLookedUp(t *testing.T) {
	c := Config{File: "a.csv", Key: []string{"id"}, Time: "at", TimeFormat: UnixUS}
	fsys := &restlessFS{FS: vfs.NewMem()}
	ids, written := "abcdef", 0
	begin := func() {
		putFile(t, fsys, "a.csv", fmt.Sprintf("id,at\n%c,%d\n", ids[written], written+1))
		written++
	}
	rotate := func() {
		for i := written - 1; i > 0; i-- {
			rename(t, fsys, fmt.Sprintf("a.csv.%d", i), fmt.Sprintf("a.csv.%d", i+1))
		}
		rename(t, fsys, "a.csv", "a.csv.1")
		begin()
	}
	reads := func(s *Source, want string) {
		t.Helper()
		for i := range want {
			var row Row
			if err := s.Next(&row); err != nil || string(row.Key) != want[i:i+1] {
				t.Fatalf("%q, %v; want %c", row.Key, err, want[i])
			}
		}
	}
	begin()
	waits := 0
	s := followed(t, fsys, c, func() bool { waits++; return waits < 10*quietLooks })
	defer s.Close()
	reads(s, "a")
	rotate()
	fsys.then = rotate
	reads(s, "bc")

	c.Follow = true
	again := mustOpen(t, fsys, c)
	fsys.then = rotate
	if err := again.Resume(s.Generation(0)); err != nil {
		t.Fatal(err)
	}
	fsys.then = rotate
	reads(again, "abcde")
}
