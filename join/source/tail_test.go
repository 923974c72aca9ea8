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
		err.Error() != "a.csv: after line 1: has become shorter while it was followed" {
		t.Errorf("%v\n%s", err, got)
	}
	c.Columns, c.Follow = nil, true
	putFile(t, fsys, "a.csv", "id,a")
	if _, err := Open(fsys, nil, c); err == nil || err.Error() != "a.csv: holds no header" {
		t.Errorf("without a whole header: %v", err)
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
