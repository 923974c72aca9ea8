// Package golden compares what a test produces with files that hold what it
// should produce, in the directory testdata beside the test.
package golden

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Files are the golden files of a package.
type Files struct{ update *bool }

// Flag defines on fs the flag -update, with which Compare writes files anew:
//
//	var golden = golden.Flag(flag.CommandLine)
func Flag(fs *flag.FlagSet) Files {
	return Files{fs.Bool("update", false, "rewrite golden files")}
}

// Compare compares got with the file of this name.
func (f Files) Compare(t testing.TB, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *f.update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed (go test -update rewrites it); %s", path, difference(got, want))
	}
}

// difference names the first line that differs.
func difference(got, want []byte) string {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	i := 0
	for i < len(g) && i < len(w) && bytes.Equal(g[i], w[i]) {
		i++
	}
	return fmt.Sprintf("line %d is %s, want %s", i+1, line(g, i), line(w, i))
}

func line(of [][]byte, i int) string {
	const most = 200 // bytes
	switch {
	case i >= len(of):
		return "absent"
	case len(of[i]) > most:
		return fmt.Sprintf("%q...", of[i][:most])
	}
	return fmt.Sprintf("%q", of[i])
}
