package sink

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/statelab/statelab/vfs"
)

func write(t *testing.T, p *Part, text string) {
	t.Helper()
	if err := p.Extend(append(p.Buffer(), text...)); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	data, err := vfs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func create(t *testing.T, fsys vfs.FS) *Part {
	t.Helper()
	p, err := Create(fsys, "out")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheNameAppearsWithTheWhole(t *testing.T) {
	m := vfs.NewMem()
	p := create(t, m)
	long := strings.Repeat("a line\n", bufferSize/7)
	for range 3 {
		write(t, p, long)
	}
	if got := content(t, m, "out"); got != "none" {
		t.Errorf("before Publish out holds %d bytes", len(got))
	}
	must(t, p.Publish())
	must(t, p.Close())
	after := m.PowerCutStrict()
	if got := content(t, after, "out"); got != strings.Repeat(long, 3) {
		t.Errorf("out holds %d bytes after a power cut", len(got))
	}
	if got := content(t, after, "out.part"); got != "none" {
		t.Error("the part is still there")
	}
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Repeat(long, 3)))); p.Checksum() != want {
		t.Errorf("checksum %s, want %s", p.Checksum(), want)
	}
}

func TestResumingCutsOffWhatCameAfterTheState(t *testing.T) {
	m := vfs.NewMem()
	p := create(t, m)
	write(t, p, "kept\n")
	state := p.AppendState(nil)
	if len(state) != StateSize {
		t.Fatalf("a state of %d bytes", len(state))
	}
	write(t, p, "lost\n")
	must(t, p.Sync())
	must(t, p.Close())

	p, err := Resume(m, "out", state)
	must(t, err)
	if got := content(t, m, "out.part"); got != "kept\n" {
		t.Errorf("resumed at %q", got)
	}
	write(t, p, "more\n")
	must(t, p.Publish())
	must(t, p.Close())
	if got := content(t, m, "out"); got != "kept\nmore\n" {
		t.Errorf("out is %q", got)
	}
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("kept\nmore\n"))); p.Checksum() != want {
		t.Errorf("checksum %s, want %s", p.Checksum(), want)
	}
}

func TestResumingRefusesAnotherFile(t *testing.T) {
	for _, text := range []string{"", "kep", "keqt\n", "none"} {
		m := vfs.NewMem()
		p := create(t, m)
		write(t, p, "kept\n")
		state := p.AppendState(nil)
		must(t, p.Close())
		if text == "none" {
			must(t, m.Remove("out.part"))
		} else {
			p := create(t, m)
			write(t, p, text)
			must(t, p.Sync())
			must(t, p.Close())
		}
		if _, err := Resume(m, "out", state); !errors.Is(err, ErrNotResumable) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSyncCostsNothingWhenNothingWasAdded(t *testing.T) {
	syncs := 0
	traced := vfs.NewTrace(vfs.NewMem(), func(op vfs.TraceOp) {
		if op.Op == vfs.OpSync {
			syncs++
		}
	})
	p := create(t, traced)
	must(t, p.Sync())
	write(t, p, "x")
	must(t, p.Sync())
	must(t, p.Sync())
	must(t, p.Close())
	if syncs != 1 {
		t.Errorf("%d syncs, want 1", syncs)
	}
}

func TestFinishCompletesAPublish(t *testing.T) {
	m := vfs.NewMem()
	p := create(t, m)
	write(t, p, "whole\n")
	state := p.AppendState(nil)
	must(t, p.Sync())
	must(t, p.Close())
	want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("whole\n")))
	for _, what := range []string{"a part", "a published file"} {
		checksum, err := Finish(m, "out", state)
		if err != nil || checksum != want || content(t, m, "out") != "whole\n" {
			t.Errorf("%s: %v, %s", what, err, checksum)
		}
	}
	p = create(t, m)
	write(t, p, "other\n")
	must(t, p.Publish())
	must(t, p.Close())
	if _, err := Finish(m, "out", state); !errors.Is(err, ErrNotResumable) {
		t.Errorf("over another file: %v", err)
	}
}

func TestAStreamIsWrittenThrough(t *testing.T) {
	var b bytes.Buffer
	p := Stream(&b)
	write(t, p, "x\n")
	must(t, p.Publish())
	must(t, p.Close())
	if b.String() != "x\n" {
		t.Errorf("%q", b.String())
	}
}
