package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
)

// everyIndex runs a test once for each engine and each index that it can have.
func everyIndex(t *testing.T, run func(t *testing.T, spec string)) {
	for _, b := range backends.List() {
		for _, p := range b.Params {
			if p.Name != "index" {
				continue
			}
			for _, v := range p.Values {
				spec := b.Name + "?index=" + v
				t.Run(spec, func(t *testing.T) { run(t, spec) })
			}
		}
		t.Run(b.Name, func(t *testing.T) { run(t, b.Name) })
	}
}

// fill opens a store in dir with a hundred records that are synced, and leaves
// it open.
func fill(t *testing.T, spec, dir string, durability statelab.Durability) statelab.Store {
	t.Helper()
	s, err := backends.Open(spec, dir, &statelab.Options{Prefix: join.Prefix(), Durability: durability})
	if err != nil {
		t.Fatal(err)
	}
	var b statelab.Batch
	for i := range 100 {
		b.Put(fmt.Appendf(nil, "key %03d", i), []byte("value"), statelab.NoExpiry)
	}
	if err := errors.Join(s.Advance(12), s.Apply(&b), s.Sync()); err != nil {
		t.Fatal(err)
	}
	return s
}

// files returns what the files below dir hold, by path.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, dir)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// copyDir copies the files in dir, as they are now, into a new directory.
func copyDir(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

var checkOutput = regexp.MustCompile(`^\S+: \w+, format version \d+, prefix statelab-join-1[^\n]*
structure verified: files \d+, bytes \d+
read in both directions: live records 100, bytes 1200, watermark 12
ok
$`)

// The files of a store that is open are what a crash leaves.
func TestCheckAndDumpChangeNothing(t *testing.T) {
	everyIndex(t, func(t *testing.T, spec string) {
		engine, _, _ := strings.Cut(spec, "?")
		for _, durability := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval, statelab.DurabilityAlways} {
			dir := filepath.Join(t.TempDir(), "s")
			s := fill(t, spec, dir, durability)
			crashed := copyDir(t, dir)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			for what, dir := range map[string]string{"crashed": crashed, "closed": dir} {
				before := files(t, dir)
				code, stdout, stderr := runs("check", dir)
				if code != exitDone || stderr != "" || !checkOutput.MatchString(stdout) {
					t.Errorf("check of a %s store: exit code %d, stdout\n%sstderr %q", what, code, stdout, stderr)
				}
				code, stdout, stderr = runs("dump", dir)
				if code != exitDone || stderr != "" || strings.Count(stdout, "\n") < 2 || !strings.HasPrefix(stdout, dir+": "+engine) {
					t.Errorf("dump of a %s store: exit code %d, stdout\n%sstderr %q", what, code, stdout, stderr)
				}
				compareFiles(t, before, files(t, dir))
			}
		}
	})
}

// compareFiles reports what changed, but for who held the lock last.
func compareFiles(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, data := range after {
		if old, ok := before[name]; name != "/LOCK" && (!ok || old != data) {
			t.Errorf("%s was changed or made", name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			t.Errorf("%s was removed", name)
		}
	}
}

func TestCheckNamesDamage(t *testing.T) {
	everyIndex(t, func(t *testing.T, spec string) {
		dir := filepath.Join(t.TempDir(), "s")
		if err := fill(t, spec, dir, statelab.DurabilityCheckpoint).Close(); err != nil {
			t.Fatal(err)
		}
		found := false
		for name, data := range files(t, dir) {
			if strings.Contains(name, "LOCK") || data == "" {
				continue
			}
			damaged := copyDir(t, dir)
			path := filepath.Join(damaged, name)
			flipped := []byte(data)
			flipped[len(data)/2] ^= 0x40
			if err := os.WriteFile(path, flipped, 0o644); err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := runs("check", damaged)
			if code == exitDone && strings.HasSuffix(stdout, "ok\n") {
				continue // the byte is not in use
			}
			found = true
			if code != exitFailed || !strings.HasPrefix(stderr, "statelab check: ") || !strings.Contains(stderr, path+" is damaged") ||
				strings.Count(stderr, "\n") != 1 || strings.Contains(stdout, "ok\n") {
				t.Errorf("damage in %s: exit code %d, stdout\n%sstderr\n%s", name, code, stdout, stderr)
			}
		}
		if !found {
			t.Error("no damage was found in any file")
		}
	})
}

func TestCheckRefusesAStoreThatIsOpen(t *testing.T) {
	everyIndex(t, func(t *testing.T, spec string) {
		dir := filepath.Join(t.TempDir(), "s")
		s := fill(t, spec, dir, statelab.DurabilityCheckpoint)
		defer s.Close()
		code, _, stderr := runs("check", dir)
		if code != exitFailed || !strings.Contains(stderr, "in use by process") || strings.Count(stderr, "\n") != 1 {
			t.Fatalf("exit code %d, stderr %q", code, stderr)
		}
	})
}

func TestCheckRefusesAnUnknownPrefix(t *testing.T) {
	everyIndex(t, func(t *testing.T, spec string) {
		dir := filepath.Join(t.TempDir(), "s")
		s, err := backends.Open(spec, dir, &statelab.Options{Prefix: statelab.Prefix{Name: "odd", Len: func([]byte) int { return 0 }}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := runs("check", dir)
		if code != exitFailed || !strings.Contains(stderr, `made with prefix "odd"`) || strings.Count(stderr, "\n") != 1 {
			t.Fatalf("exit code %d, stderr %q", code, stderr)
		}
	})
}
