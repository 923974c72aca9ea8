package lsm

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// The store that docs/LSM.md draws is drawn so; "..." stands there for lines left out.
// With -v it is printed.
func TestTheStoreInTheDocsIsDrawnSo(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine fills a store: there is nothing in it for the race detector")
	}
	s, err := Open("/store", &Options{Segments: 2, Options: statelab.Options{
		FS: vfs.NewMem(), Memory: 1 << 20, Maintenance: statelab.MaintenanceInline, Compression: statelab.CompressionNone, Prefix: slashPrefix,
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	var b statelab.Batch
	for i := range 50_000 {
		b.Reset()
		b.Put(fmt.Appendf(nil, "ride%04d/%06d", i*7919%10_000, i), bytes.Repeat([]byte("0"), 60+i%61), int64(i+20_000))
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
		if err := s.Advance(int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := s.Dump(&out); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", out.String())
	page, err := os.ReadFile("../docs/LSM.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "```\nlsm store /store\n")
	shown, _, closed := strings.Cut(shown, "```")
	if !closed {
		t.Fatal("the page draws no store")
	}
	drawn := strings.Split(out.String(), "\n")
	for _, line := range strings.Split(strings.TrimSpace(shown), "\n") {
		at := slices.Index(drawn, line)
		if line != "..." && at < 0 {
			t.Fatalf("the page shows %q", line)
		}
		drawn = drawn[max(at, 0):]
	}
}
