package pipeline_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// everyBackend returns a spec for each engine and for each of its variants that
// stores data in another way, but for short tests.
func everyBackend(t testing.TB) []string {
	t.Helper()
	var specs []string
	for _, b := range backends.List() {
		specs = append(specs, b.Name)
		if testing.Short() {
			continue
		}
		for _, p := range b.Params {
			if slices.Contains([]string{"index", "memtable"}, p.Name) {
				for _, v := range p.Values {
					if v != p.Default {
						specs = append(specs, fmt.Sprintf("%s?%s=%s", b.Name, p.Name, v))
					}
				}
			}
		}
	}
	if len(specs) < 2 {
		t.Fatalf("only the backends %q", specs)
	}
	return specs
}

// inline makes a store do everything on the caller's goroutine.
func inline(spec, dir string, o *statelab.Options) (statelab.Store, error) {
	settings := *o
	settings.Maintenance = statelab.MaintenanceInline
	return backends.Open(spec, dir, &settings)
}

// put writes a durable file into an FS in memory.
func put(t testing.TB, fsys vfs.FS, name, data string) {
	t.Helper()
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(data), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, fsys vfs.FS, name string) string {
	t.Helper()
	data, err := vfs.ReadFile(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// definition parses a pipeline whose sides are left.csv and right.csv with the
// columns id, at (microseconds) and n.
func definition(t testing.TB, join, state string) *pipeline.Definition {
	t.Helper()
	side := "{file: %s.csv, key: id, time: at, time_format: unix_us, max_disorder: 20us}"
	right := "\nright: " + fmt.Sprintf(side, "right")
	if strings.Contains(join, "dedup") || strings.Contains(join, "session") {
		right = "" // kinds of one input
	}
	text := "left: " + fmt.Sprintf(side, "left") + right +
		"\njoin: " + join + "\nstate: " + state + "\noutput: {file: out.jsonl}\n"
	def, err := pipeline.Parse("p.yaml", []byte(text), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func run(fsys vfs.FS, def *pipeline.Definition) (pipeline.Summary, error) {
	return pipeline.Run(context.Background(), def, pipeline.Options{FS: fsys, OpenStore: inline, TempDir: "temp"})
}

// line is a row of an input.
type line struct {
	id, n string
	at    int64
}

// randomLines returns the rows of one side, roughly in order of time, and as csv.
func randomLines(r *rand.Rand, n int) ([]line, string) {
	ids := []string{"", "a", "hot", "hot", "hot", `quo"te`, "com,ma", "new\nline", "b", "c"}
	lines := make([]line, n)
	var csv strings.Builder
	csv.WriteString("id,at,n\n")
	for i := range lines {
		at := int64(10*i) - int64(r.IntN(25))
		if r.IntN(15) == 0 {
			at -= int64(r.IntN(40))
		}
		l := line{ids[r.IntN(len(ids))], fmt.Sprint("n", i), at}
		lines[i] = l
		fmt.Fprintf(&csv, "\"%s\",%d,%s\n", strings.ReplaceAll(l.id, `"`, `""`), l.at, l.n)
	}
	return lines, csv.String()
}

// oracle prints what a left outer or inner join of the lines is, by definition.
func oracle(spec join.Spec, lefts, rights []line) string {
	lefts, rights = onTime(lefts, 20), onTime(rights, 20)
	lower, upper := spec.Lower.Microseconds(), spec.Upper.Microseconds()
	slices.SortStableFunc(lefts, func(a, b line) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return strings.Compare(a.id, b.id)
	})
	slices.SortStableFunc(rights, func(a, b line) int { return int(a.at - b.at) })
	quote := strings.NewReplacer(`"`, `\"`, "\n", `\n`)
	object := func(l line) string {
		return fmt.Sprintf(`{"id":"%s","at":"%d","n":"%s"}`, quote.Replace(l.id), l.at, l.n)
	}
	var out strings.Builder
	for _, l := range lefts {
		var found []string
		for _, r := range rights {
			if d := r.at - l.at; r.id == l.id && d >= lower && d <= upper {
				found = append(found, object(r))
			}
		}
		head := fmt.Sprintf(`{"key":["%s"],"time":%d,`, quote.Replace(l.id), l.at)
		if spec.Kind == join.Inner {
			for _, r := range found {
				fmt.Fprintf(&out, `%s"left":%s,"right":%s}`+"\n", head, object(l), r)
			}
			continue
		}
		fmt.Fprintf(&out, `%s"label":%d,"left":%s,"right":[%s]}`+"\n", head, min(len(found), 1), object(l), strings.Join(found, ","))
	}
	return out.String()
}

// onTime returns the lines that are not late.
func onTime(lines []line, disorder int64) []line {
	var kept []line
	watermark := statelab.MinWatermark
	for _, l := range lines {
		if l.at >= watermark {
			kept = append(kept, l)
			watermark = max(watermark, l.at-disorder)
		}
	}
	return kept
}

// names lists the files and directories at the top of an FS in memory.
func names(t testing.TB, fsys vfs.FS) []string {
	t.Helper()
	list, err := fsys.List(".")
	if err != nil {
		t.Fatal(err)
	}
	return list
}
