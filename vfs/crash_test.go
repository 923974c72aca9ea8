package vfs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// seeds is how many power cuts a test looks at. It is enough that whatever may
// happen happens under one of them.
const seeds = 300

// outcomes returns what look sees after power cuts under many seeds, and how often.
func outcomes(m *Mem, look func(*Mem) string) map[string]int {
	seen := map[string]int{}
	for seed := range int64(seeds) {
		seen[look(m.PowerCut(seed))]++
	}
	return seen
}

// wantOutcomes checks that exactly the states given occur.
func wantOutcomes(t *testing.T, seen map[string]int, states ...string) {
	t.Helper()
	for _, s := range states {
		if seen[s] == 0 {
			t.Errorf("no power cut left %q", s)
		}
	}
	for s, n := range seen {
		if !slices.Contains(states, s) {
			t.Errorf("%d power cuts left %q", n, s)
		}
	}
}

// holds returns a look at the files named, "-" standing for a missing one.
func holds(t *testing.T, names ...string) func(*Mem) string {
	return func(m *Mem) string {
		var all []string
		for _, name := range names {
			all = append(all, get(t, m, name))
		}
		return strings.Join(all, " ")
	}
}

func TestPowerCutKeepsWhatWasSynced(t *testing.T) {
	m := NewMem()
	must(t, m.MkdirAll("d"))
	must(t, m.SyncDir("."))
	putSynced(t, m, "d/f", "sure")
	must(t, m.SyncDir("d"))
	wantOutcomes(t, outcomes(m, holds(t, "d/f")), "sure")
	want(t, m.PowerCutStrict(), "d/f", "sure")
}

func TestPowerCutLosesAFileWhoseDirectoryWasNotSynced(t *testing.T) {
	m := NewMem()
	putSynced(t, m, "f", "data")
	wantOutcomes(t, outcomes(m, holds(t, "f")), "data", "-")
	want(t, m.PowerCutStrict(), "f", "-")

	m = NewMem()
	must(t, m.MkdirAll("d"))
	putSynced(t, m, "d/f", "data")
	must(t, m.SyncDir("d")) // but not what holds d
	wantOutcomes(t, outcomes(m, holds(t, "d/f")), "data", "-")
}

func TestPowerCutLosesBytesThatWereNotSynced(t *testing.T) {
	m := NewMem()
	put(t, m, "f", "ab")
	must(t, m.SyncDir("."))
	wantOutcomes(t, outcomes(m, holds(t, "f")), "", "ab", "a", "\x00b", "\x00\x00", "a\x00")
	want(t, m.PowerCutStrict(), "f", "")
}

func TestPowerCutTearsAndReordersWrites(t *testing.T) {
	m := NewMem()
	putSynced(t, m, "f", strings.Repeat(".", 6*sectorSize))
	must(t, m.SyncDir("."))
	f, err := m.OpenReadWrite("f")
	must(t, err)
	for i, c := range "abc" {
		_, err := f.WriteAt(bytes.Repeat([]byte(string(c)), 2*sectorSize), int64(2*i*sectorSize))
		must(t, err)
	}
	must(t, f.Close())
	var whole, reordered, torn, byteTorn, sectorTorn int
	for seed := range int64(seeds) {
		data := get(t, m.PowerCut(seed), "f")
		if len(data) != 6*sectorSize || strings.Trim(data, ".abc") != "" {
			t.Fatalf("seed %d: a power cut left %d bytes, some of which nobody wrote", seed, len(data))
		}
		a, b, c := strings.Count(data, "a"), strings.Count(data, "b"), strings.Count(data, "c")
		switch {
		case a+b+c == len(data):
			whole++
		case c == 2*sectorSize && a == 0:
			reordered++
		}
		for i, n := range []int{a, b, c} {
			switch part := data[2*i*sectorSize:][:2*sectorSize]; {
			case n == 0 || n == 2*sectorSize:
			case n%sectorSize != 0:
				byteTorn++
			case strings.HasPrefix(part, "."):
				sectorTorn++
			default:
				torn++
			}
		}
	}
	if whole == 0 || reordered == 0 || torn == 0 || byteTorn == 0 || sectorTorn == 0 {
		t.Fatalf("whole %d, reordered %d, torn at a sector %d and %d, torn at a byte %d times; want all",
			whole, reordered, torn, sectorTorn, byteTorn)
	}
}

func TestPowerCutTreatsLengthsLikeBytes(t *testing.T) {
	m := NewMem()
	putSynced(t, m, "f", "abcd")
	must(t, m.SyncDir("."))
	f, err := m.OpenReadWrite("f")
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(2))
	must(t, f.Truncate(6))
	wantOutcomes(t, outcomes(m, holds(t, "f")), "abcd", "ab", "abcd\x00\x00", "ab\x00\x00\x00\x00")
	must(t, f.Sync())
	wantOutcomes(t, outcomes(m, holds(t, "f")), "ab\x00\x00\x00\x00")
	put(t, m, "f", "") // Create empties it, not durably
	wantOutcomes(t, outcomes(m, holds(t, "f")), "ab\x00\x00\x00\x00", "")
}

func TestPowerCutRenamesAtomically(t *testing.T) {
	m := NewMem()
	putSynced(t, m, "new", "2")
	putSynced(t, m, "f", "1")
	must(t, m.SyncDir("."))
	must(t, m.Rename("new", "f"))
	wantOutcomes(t, outcomes(m, holds(t, "f", "new")), "1 2", "2 -")
	must(t, m.SyncDir("."))
	wantOutcomes(t, outcomes(m, holds(t, "f", "new")), "2 -")
}

// A file renamed before its bytes are synced is the classical empty file.
func TestPowerCutKeepsARenameWithoutItsBytes(t *testing.T) {
	m := NewMem()
	putSynced(t, m, "f", "1")
	must(t, m.SyncDir("."))
	put(t, m, "f.tmp", "2")
	must(t, m.Rename("f.tmp", "f"))
	must(t, m.SyncDir("."))
	wantOutcomes(t, outcomes(m, holds(t, "f")), "2", "", "\x00")
}

func TestPowerCutDecidesNamesOneByOne(t *testing.T) {
	m := NewMem()
	putSynced(t, m, "a", "a")
	putSynced(t, m, "b", "b")
	must(t, m.SyncDir("."))
	must(t, m.Remove("a"))
	must(t, m.Remove("b"))
	wantOutcomes(t, outcomes(m, holds(t, "a", "b")), "a b", "- b", "a -", "- -")
}

func TestPowerCutNeverLosesAFileThatMoves(t *testing.T) {
	m := NewMem()
	for _, dir := range []string{"x", "y"} {
		must(t, m.MkdirAll(dir))
	}
	putSynced(t, m, "x/f", "1")
	must(t, m.SyncDir("."))
	must(t, m.SyncDir("x"))
	must(t, m.Link("x/f", "x/g"))
	must(t, m.Remove("x/f"))
	wantOutcomes(t, outcomes(m, holds(t, "x/f", "x/g")), "1 -", "1 1", "- 1")
	must(t, m.SyncDir("x"))
	putSynced(t, m, "y/g", "0")
	must(t, m.Rename("x/g", "y/g"))
	wantOutcomes(t, outcomes(m, holds(t, "x/g", "y/g")), "1 -", "1 0", "- 1")
	must(t, m.SyncDir("x"))
	wantOutcomes(t, outcomes(m, holds(t, "x/g", "y/g")), "- 1")
}

func TestSyncDirIsOfOneDirectory(t *testing.T) {
	m := NewMem()
	must(t, m.MkdirAll("x"))
	must(t, m.MkdirAll("y"))
	must(t, m.SyncDir("."))
	putSynced(t, m, "x/f", "1")
	putSynced(t, m, "y/f", "1")
	must(t, m.SyncDir("x"))
	wantOutcomes(t, outcomes(m, holds(t, "x/f", "y/f")), "1 1", "1 -")
}

func TestPowerCutIsDecidedByTheSeed(t *testing.T) {
	m := NewMem()
	must(t, m.MkdirAll("d"))
	for i := range 20 {
		put(t, m, fmt.Sprintf("d/%d", i), strings.Repeat("x", 100*i))
	}
	for seed := range int64(20) {
		if a, b := tree(t, m.PowerCut(seed), "."), tree(t, m.PowerCut(seed), "."); a != b {
			t.Fatalf("seed %d left\n%s\nand then\n%s", seed, a, b)
		}
	}
}

// tree returns all names below dir and what the files hold.
func tree(t *testing.T, m *Mem, dir string) string {
	t.Helper()
	names, err := m.List(dir)
	must(t, err)
	var b strings.Builder
	for _, name := range names {
		path := dir + "/" + name
		info, err := m.Stat(path)
		must(t, err)
		if info.IsDir {
			fmt.Fprintf(&b, "%s\n%s", path, tree(t, m, path))
		} else {
			fmt.Fprintf(&b, "%s %q\n", path, get(t, m, path))
		}
	}
	return b.String()
}

func TestKillKeepsEverythingAndMakesNothingDurable(t *testing.T) {
	m := NewMem()
	putSynced(t, m, "f", "1")
	must(t, m.SyncDir("."))
	put(t, m, "f", "2")
	put(t, m, "g", "3")
	k := m.Kill()
	want(t, k, "f", "2")
	want(t, k, "g", "3")
	want(t, k.PowerCutStrict(), "f", "1")
	want(t, k.PowerCutStrict(), "g", "-")
	wantOutcomes(t, outcomes(k, holds(t, "g")), "-", "", "3", "\x00")
}

func TestCrashesFreeLocks(t *testing.T) {
	m := NewMem()
	lock, err := m.Lock("LOCK")
	must(t, err)
	for what, c := range map[string]*Mem{"kill": m.Kill(), "power cut": m.PowerCut(1), "strict power cut": m.PowerCutStrict()} {
		l, err := c.Lock("LOCK")
		if err != nil {
			t.Fatalf("M6: after a %s: %v", what, err)
		}
		must(t, l.Close())
	}
	_, err = m.Lock("LOCK")
	wantIs(t, err, ErrLocked)
	must(t, lock.Close())
}

// Copies share pages with the original; none may see what another writes.
func TestCopiesAreIndependent(t *testing.T) {
	m := NewMem()
	big := strings.Repeat("0", 3*pageSize)
	putSynced(t, m, "f", big)
	must(t, m.SyncDir("."))
	copies := []*Mem{m, m.Kill(), m.PowerCut(1), m.PowerCutStrict()}
	copies = append(copies, copies[1].PowerCutStrict())
	for i, c := range copies {
		f, err := c.OpenReadWrite("f")
		must(t, err)
		_, err = f.WriteAt([]byte{byte('1' + i)}, pageSize+5)
		must(t, err)
		must(t, f.Truncate(int64(3*pageSize-i)))
		must(t, f.Close())
		must(t, c.Rename("f", fmt.Sprint(i)))
	}
	for i, c := range copies {
		got := get(t, c, fmt.Sprint(i))
		model := []byte(big)[:3*pageSize-i]
		model[pageSize+5] = byte('1' + i)
		if got != string(model) {
			t.Fatalf("copy %d does not hold what was written to it", i)
		}
		want(t, c, "f", "-")
		want(t, c.PowerCutStrict(), "f", big)
	}
}

// A random history over a file, against the plain model of bytes.
func TestContentAgainstModel(t *testing.T) {
	d := dice(1, 1)
	var c content
	var model []byte
	type pair struct {
		c     content
		model []byte
	}
	var old []pair
	for range 3000 {
		switch d.IntN(8) {
		case 0:
			size := d.IntN(5 * pageSize)
			c.truncate(int64(size))
			model = append(slices.Clone(model), make([]byte, 5*pageSize)...)[:size]
		case 1:
			old = append(old, pair{c.share(), slices.Clone(model)})
		default:
			off, b := d.IntN(4*pageSize), bytes.Repeat([]byte{byte(d.IntN(255) + 1)}, d.IntN(2*pageSize))
			c.writeAt(b, int64(off))
			if len(b) > 0 && off+len(b) > len(model) {
				model = append(model, make([]byte, off+len(b)-len(model))...)
			}
			if len(b) > 0 {
				copy(model[off:], b)
			}
		}
	}
	for i, p := range append(old, pair{c, model}) {
		got := make([]byte, p.c.size)
		if n, err := p.c.readAt(got, 0); n != len(got) || err != nil || !bytes.Equal(got, p.model) {
			t.Fatalf("copy %d of %d bytes differs from the model of %d bytes", i, len(got), len(p.model))
		}
	}
}
