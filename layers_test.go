package statelab_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers is who may import whom. A line names packages of this module and,
// after the colon, what they may import besides the standard library: "." is
// package statelab, "x/..." is x and all below it, "$light" is the list below
// and "any" is everything that is not ours. Of the lines that name a package
// the last one counts; a package that no line names may import nothing. Tests
// are free.
const layers = `
vfs             : golang.org/x/sys/...
.               : vfs
internal/...    : . vfs internal/... $light
storetest/...   : . vfs internal/... storetest/...

# Engines do not know each other, but that the skip list is lsm's memtable.
skiplist/...    : . vfs internal/... $light skiplist/...
btree/...       : . vfs internal/... $light btree/...
lsm/...         : . vfs internal/... $light lsm/... skiplist
backends        : . vfs internal/... skiplist btree lsm

# Joins and benchmarks know engines only as a statelab.Store. What is heavy
# stands in packages below join, which join itself does not import.
join/...        : . vfs internal/... join/... any
join            : . vfs internal/... $light
bench/...       : . vfs internal/... join/... bench/... any

# Peers are stores: they know the contract, and not who measures them.
bench/peer/...  : . vfs internal/... bench/peer/... any
bench/peer/internal/peertest : . bench/peer/internal/kv storetest

cmd/...         : . vfs internal/... backends join/... bench/... any
`

// light is what every importer of the library has to live with.
var light = []string{
	"github.com/huandu/skiplist", "github.com/google/btree", "github.com/klauspost/compress/...",
	"golang.org/x/sys/...", "github.com/cespare/xxhash/...",
}

const module = "github.com/statelab/statelab"

func TestImportsObeyTheLayers(t *testing.T) {
	imports, err := importsBelow(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(imports["."]) == 0 || len(imports["vfs"]) == 0 {
		t.Fatalf("no imports found in %v", slices.Sorted(maps.Keys(imports)))
	}
	for _, v := range violations(parseLayers(layers), imports) {
		t.Error(v)
	}
}

// The policy would be worth nothing if it let these through.
func TestTheLayersForbid(t *testing.T) {
	rules := parseLayers(layers)
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{".", module + "/vfs", true},
		{".", module + "/internal/latch", false},
		{".", "github.com/huandu/skiplist", false},
		{"vfs", module, false},
		{"lsm", module + "/skiplist", true},
		{"lsm", module + "/btree", false},
		{"lsm", "github.com/klauspost/compress/zstd", true},
		{"lsm", "github.com/klauspost/compressed", false},
		{"lsm", "github.com/goccy/go-yaml", false},
		{"lsm", module + "/lsm/internal/table", true},
		{"btree", module + "/skiplist", false},
		{"skiplist", module + "/backends", false},
		{"internal/wal", module + "/lsm", false},
		{"storetest", module + "/lsm", false},
		{"join", module + "/lsm", false},
		{"join", module + "/backends", false},
		{"join", module + "/join/source", false},
		{"join/source", module + "/join", true},
		{"join", "github.com/parquet-go/parquet-go", false},
		{"join/source", "github.com/parquet-go/parquet-go", true},
		{"join/source", module + "/btree", false},
		{"bench", module + "/backends", false},
		{"bench", module + "/join", true},
		{"bench/peer/pebble", "github.com/cockroachdb/pebble", true},
		{"bench/peer/pebble", module + "/lsm", false},
		{"bench/peer/pebble", module + "/bench", false},
		{"bench/peer/pebble", module + "/bench/peer/internal/kv", true},
		{"bench/peer/internal/kv", module + "/storetest", false},
		{"bench/peer/internal/peertest", module + "/storetest", true},
		{"backends", module + "/bench/peer", false},
		{"backends", module + "/lsm", true},
		{"backends", module + "/join", false},
		{"cmd/statelab", module + "/backends", true},
		{"cmd/statelab", module + "/lsm", false},
		{"cmd/statelab", "github.com/goccy/go-yaml", true},
		{"unheard/of", module, false},
		{"unheard/of", "strings", true},
	} {
		found := violations(rules, map[string][]string{c.from: {c.to}})
		if allowed := len(found) == 0; allowed != c.allowed {
			t.Errorf("%s imports %s: allowed is %v, want %v", c.from, c.to, allowed, c.allowed)
		}
	}
}

// A rule lets the packages that match who import what matches may.
type rule struct {
	who string
	may []string
}

func parseLayers(text string) []rule {
	var rules []rule
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		who, may, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		r := rule{who: strings.TrimSpace(who)}
		for _, word := range strings.Fields(may) {
			if word == "$light" {
				r.may = append(r.may, light...)
			} else {
				r.may = append(r.may, word)
			}
		}
		rules = append(rules, r)
	}
	return rules
}

// violations returns what is wrong with imports, which are by directory.
func violations(rules []rule, imports map[string][]string) []string {
	var found []string
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		var may []string
		for _, r := range rules {
			if matches(r.who, from) {
				may = r.may
			}
		}
		for _, to := range imports[from] {
			if !allowed(may, to) {
				found = append(found, fmt.Sprintf("%s may not import %s", from, to))
			}
		}
	}
	return found
}

func allowed(may []string, to string) bool {
	first, _, _ := strings.Cut(to, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library
	}
	rest, ours := strings.CutPrefix(to, module)
	if !ours {
		return slices.ContainsFunc(may, func(m string) bool { return m == "any" || matches(m, to) })
	}
	to = path.Clean(strings.TrimPrefix(rest, "/"))
	return slices.ContainsFunc(may, func(m string) bool { return matches(m, to) })
}

func matches(pattern, pkg string) bool {
	below, isTree := strings.CutSuffix(pattern, "/...")
	return pkg == below || isTree && strings.HasPrefix(pkg, below+"/")
}

// importsBelow returns what the Go files of each directory below root import,
// whatever their build constraints, tests excepted.
func importsBelow(root string) (map[string][]string, error) {
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || strings.HasSuffix(base, "_test.go") {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		of, err := importsOf(name)
		imports[dir] = append(imports[dir], of...)
		return err
	})
	return imports, err
}

func importsOf(file string) ([]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var imports []string
	for _, spec := range parsed.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		imports = append(imports, to)
	}
	return imports, nil
}
