package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// runs runs the command and returns its exit code and what it printed.
func runs(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestBadUsageIsAnsweredWithOneLine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"stop":        `statelab: unknown command "stop"; "statelab help" lists them`,
		"help stop":   `statelab: unknown command "stop"; "statelab help" lists them`,
		"check":       "statelab check: 0 arguments; usage: statelab check DIR",
		"check a b":   "statelab check: 2 arguments; usage: statelab check DIR",
		"check -x a":  `statelab check: flag provided but not defined: -x; see "statelab help check"`,
		"check a -x":  `statelab check: flag provided but not defined: -x; see "statelab help check"`,
		"check none":  "statelab check: none does not exist: not a store",
		"check -- -x": "statelab check: -x does not exist: not a store",
		"check file":  "statelab check: file is not a directory: not a store",
		"check empty": "statelab check: empty holds no file STORE: not a store",
		"dump":        "statelab dump: 0 arguments; usage: statelab dump DIR",
		"dump none":   "statelab dump: none does not exist: not a store",
		"dump empty":  "statelab dump: empty holds no file STORE: not a store",
	} {
		code, stdout, stderr := runs(strings.Fields(line)...)
		if code != exitUsage || stdout != "" || stderr != want+"\n" {
			t.Errorf("statelab %s: exit code %d, stdout %q, stderr\n%swant exit code 2 and\n%s", line, code, stdout, stderr, want)
		}
	}
}

func TestHelp(t *testing.T) {
	code, overview, stderr := runs("help")
	if code != exitDone || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	for _, c := range commands() {
		if !strings.Contains(overview, "  "+c.name) || !strings.Contains(overview, c.line+"\n") {
			t.Errorf("help does not list %s", c.name)
		}
		code, stdout, stderr := runs("help", c.name)
		if code != exitDone || stderr != "" || !strings.HasPrefix(stdout, "usage: statelab "+c.name) {
			t.Errorf("help %s: exit code %d, stdout %q, stderr %q", c.name, code, stdout, stderr)
		}
		if _, again, _ := runs(c.name, "--help"); again != stdout {
			t.Errorf("%s --help prints\n%s\nand help %s\n%s", c.name, again, c.name, stdout)
		}
	}
	if code, stdout, stderr := runs(); code != exitUsage || stdout != "" || stderr != overview {
		t.Fatalf("without arguments: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestFlagsAndArgumentsMix(t *testing.T) {
	var out bytes.Buffer
	line := newCommandLine(&out, "x A [B]", "Does x.")
	n := line.Int("n", 1, "how `many`")
	args, err := line.parse([]string{"a", "-n", "7", "--", "-b"}, 1, 2)
	if err != nil || *n != 7 || strings.Join(args, " ") != "a -b" {
		t.Fatalf("n is %d, arguments %q, error %v", *n, args, err)
	}
	if _, err := line.parse([]string{"-h"}, 1, 2); finish(&out, "x", err) != exitDone ||
		!strings.Contains(out.String(), "flags:\n  -n many\n") {
		t.Fatalf("-h: %v, %s", err, out.String())
	}
}
