package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAFollowedJoinCommitsOnASignal runs the real program on a file that grows. SIGUSR1 makes it commit, so
// that after kill -9 it goes on from there; SIGTERM stops it.
func TestAFollowedJoinCommitsOnASignal(t *testing.T) {
	binary := build(t)
	t.Chdir(t.TempDir())
	definition := strings.ReplaceAll(views, "file: in.csv", "file: in.csv, follow: true")
	definition = strings.Replace(definition, "dir: state", "dir: state, checkpoint_every: 10000h", 1)
	for name, text := range map[string]string{"p.yaml": definition, "in.csv": generate(t, 2000)} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	logged := func(count int, what string) func() bool {
		return func() bool {
			text, err := os.ReadFile("log")
			return err == nil && bytes.Count(text, []byte(what)) >= count
		}
	}
	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		log, err := os.Create("log")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "join", "-f", "p.yaml", "-log", "text", "-log-level", "debug")
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wait := func(what string, holds func() bool) {
			t.Helper()
			for range 1000 {
				if holds() {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			text, _ := os.ReadFile("log")
			_ = cmd.Process.Kill()
			t.Fatalf("no %s\n%s", what, text)
		}
		signal := func(s syscall.Signal) {
			t.Helper()
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
		}
		wait("beginning", logged(1, "begins"))
		wait("output", func() bool { info, err := os.Stat("out.jsonl.part"); return err == nil && info.Size() > 0 })
		if end == syscall.SIGTERM && logged(1, "rows_before=0 ")() {
			t.Error("the rows before the commit are read again")
		}
		before, err := os.ReadFile("log")
		if err != nil {
			t.Fatal(err)
		}
		signal(syscall.SIGUSR1)
		wait("commit", logged(1+bytes.Count(before, []byte("committed")), "committed"))
		signal(end)
		if err := cmd.Wait(); err == nil {
			t.Error("it ended by itself")
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !logged(1, "is stopped")() {
		t.Error("SIGTERM did not stop it")
	}
}
