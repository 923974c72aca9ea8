package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWhatAKilledJoinLeavesIsRemovedByTheNext: of the temporary directories of two joins without a state dir, one of which was
// killed, a third one removes that one's.
func TestWhatAKilledJoinLeavesIsRemovedByTheNext(t *testing.T) {
	binary := build(t)
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	definition := strings.Replace(views, "dir: state", "memory: 16MiB", 1)
	one := strings.Replace(definition, "right:  {file: in.csv", "right:  {file: other.csv", 1)
	for name, text := range map[string]string{
		"p.yaml": strings.Replace(one, "file: in.csv", "file: '-', format: csv", 1), "q.yaml": one,
		"in.csv": "id,kind,at\n", "other.csv": "id,kind,at\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	left := func() []string {
		t.Helper()
		dirs, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), joinTempPrefix+"*", "state"))
		if err != nil {
			t.Fatal(err)
		}
		return dirs
	}
	waiting := func(but string) (*exec.Cmd, io.WriteCloser) { // for standard input, with one directory, and not that
		t.Helper()
		cmd := exec.Command(binary, "join", "-f", "p.yaml", "-output", "-")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(in, "id,kind,at\n1,view,1714550400\n"); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if dirs := left(); len(dirs) == 1 && dirs[0] != but {
				return cmd, in
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("there are %q", left())
		return nil, nil
	}
	killed, _ := waiting("")
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if killed.Wait() == nil || len(left()) != 1 {
		t.Fatalf("a join that was killed leaves %q", left())
	}
	running, in := waiting(left()[0])
	if code, _, stderr := runs("join", "-f", "q.yaml"); code != exitDone || len(left()) != 1 {
		t.Errorf("exit code %d, %s; %q are left, one of which is held", code, stderr, left())
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := running.Wait(); err != nil {
		t.Errorf("the state of a running join was removed: %v", err)
	}
	if dirs, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(dirs) > 0 {
		t.Errorf("%v are left, %v", dirs, err)
	}
}
