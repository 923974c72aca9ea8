package backends

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/catalog"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/spec"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/vfs"
)

func TestListIsSortedAndComplete(t *testing.T) {
	names := []string{}
	for _, b := range List() {
		names = append(names, b.Name)
		if b.Doc == "" || strings.Contains(b.Doc, "\n") {
			t.Errorf("%s is described by %q", b.Name, b.Doc)
		}
		seen := map[string]bool{}
		for _, p := range b.Params {
			unbounded := b.MemoryResident && p.Name == "memory"
			if !isSentence(p.Doc) || (p.Default == "") != unbounded || len(p.Values) == 0 || seen[p.Name] {
				t.Errorf("%s: parameter %+v lacks something or is there twice", b.Name, p)
			}
			seen[p.Name] = true
			if unbounded {
				continue
			}
			if err := Validate(b.Name + "?" + p.Name + "=" + p.Default); err != nil {
				t.Errorf("%s: the default of %s is refused: %v", b.Name, p.Name, err)
			}
		}
		for _, p := range catalog.Shared() {
			if !seen[p.Name] {
				t.Errorf("%s lacks the shared parameter %s", b.Name, p.Name)
			}
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(names)) < len(List()) {
		t.Errorf("the backends are not sorted, or one is there twice: %q", names)
	}
}

func isSentence(s string) bool {
	return strings.HasSuffix(s, ".") && !strings.Contains(s, "\n") && strings.ToUpper(s[:1]) == s[:1]
}

func TestMemoryResidentSpecsAreTold(t *testing.T) {
	for text, want := range map[string]bool{
		"skiplist":                       true,
		"skiplist?index=huandu":          true,
		"btree":                          false,
		"btree?index=paged":              false,
		"btree?memory=1MiB&index=memory": true,
		"nosuch":                         false,
		"?":                              false,
	} {
		if got := MemoryResident(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, b := range List() {
		if b.ResidentWith == "" {
			continue
		}
		if err := Validate(b.Name + "?" + b.ResidentWith); err != nil {
			t.Errorf("%s does not take %s: %v", b.Name, b.ResidentWith, err)
		}
	}
}

func TestBadSpecsAreRefusedInOneLine(t *testing.T) {
	for text, part := range map[string]string{
		"":              `backend spec "": "" is not a backend's name`,
		"nosuch":        `backend spec "nosuch": unknown backend nosuch; one of `,
		"nosuch?memory": `backend spec "nosuch?memory": parameter "memory" has no value; write memory=VALUE`,
	} {
		s, err := Open(text, t.TempDir(), nil)
		var bad *SpecError
		if s != nil || !errors.As(err, &bad) || bad.Spec != text || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), part) {
			t.Errorf("Open(%q) = %v, %v, want an error with %s", text, s, err, part)
		}
		if again := Validate(text); again == nil || again.Error() != err.Error() {
			t.Errorf("Validate(%q) = %v, and Open said %v", text, again, err)
		}
	}
}

// Each variant, opened by its spec, is found again from its files alone.
func TestOpenExistingFindsWhatOpenMade(t *testing.T) {
	for _, text := range variants() {
		t.Run(text, func(t *testing.T) {
			fsys := vfs.NewMem()
			first := statelab.Prefix{Name: "byte", Len: func(key []byte) int { return min(1, len(key)) }}
			s, err := Open(text, "dir", &statelab.Options{FS: fsys, Prefix: first})
			if err != nil {
				t.Fatal(err)
			}
			var batch statelab.Batch
			batch.Put([]byte("k"), []byte("v"), statelab.NoExpiry)
			if err := errors.Join(s.Apply(&batch), s.Sync(), s.Close()); err != nil {
				t.Fatal(err)
			}
			other := statelab.Prefix{Name: "other", Len: first.Len}
			s, found, err := OpenExisting("dir", &statelab.Options{FS: fsys}, other, first)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			engine, _, _ := strings.Cut(text, "?")
			if found.Engine != engine || found.Prefix != "byte" || !strings.HasPrefix(found.String(), engine+", format version ") {
				t.Fatalf("found %+v: %s", found, found)
			}
			if v, err := s.Get(nil, []byte("k")); err != nil || string(v) != "v" {
				t.Fatalf("Get returned %q, %v", v, err)
			}
			if err := statelab.Check(s); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// variants returns a spec for each backend and for each value of its parameters
// that take one of a few.
func variants() []string {
	var all []string
	for _, b := range List() {
		all = append(all, b.Name)
		for _, p := range b.Params {
			for _, v := range p.Values {
				if len(p.Values) > 1 && p.Name != "compression" { // not all engines have all compressions
					all = append(all, b.Name+"?"+p.Name+"="+v)
				}
			}
		}
	}
	return all
}

func TestOpenExistingRefusesWhatIsNoStore(t *testing.T) {
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll("empty"); err != nil {
		t.Fatal(err)
	}
	f, err := fsys.Create("file")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"none", "empty", "file"} {
		if _, _, err := OpenExisting(dir, &statelab.Options{FS: fsys}); !errors.Is(err, ErrNotStore) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if names, err := fsys.List("empty"); err != nil || len(names) > 0 {
		t.Errorf("the empty directory now holds %q, %v", names, err)
	}
}

func TestOpenExistingRefusesAnUnknownEngine(t *testing.T) {
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll("dir"); err != nil {
		t.Fatal(err)
	}
	if err := storedir.Write(fsys, "dir", storedir.Identity{Engine: "hash", Version: 1}, new(meter.Meter), meter.Meta); err != nil {
		t.Fatal(err)
	}
	_, found, err := OpenExisting("dir", &statelab.Options{FS: fsys})
	if !errors.Is(err, statelab.ErrMismatch) || !strings.Contains(err.Error(), "unknown backend hash; one of ") || found.Engine != "hash" {
		t.Fatalf("found %+v, error %v", found, err)
	}
}

func TestExistingPrintsItsSettingsInOrder(t *testing.T) {
	e := Existing{Engine: "lsm", Version: 2, Prefix: "p", Settings: map[string]string{"b": "2", "a": "1"}}
	if got, want := e.String(), "lsm, format version 2, prefix p, a=1, b=2"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func FuzzValidate(f *testing.F) {
	for _, s := range []string{"lsm", "btree?memory=1MiB", "skiplist?durability=always&x=%20", "?", "a?b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := Validate(text)
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("Validate(%q) answers in more than one line: %v", text, err)
		}
		if _, _, perr := spec.Parse(text); perr != nil && err == nil {
			t.Fatalf("Validate(%q) accepts what cannot be read: %v", text, perr)
		}
	})
}
