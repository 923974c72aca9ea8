package storedir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

var id = Identity{Engine: "lsm", Version: 1, Prefix: "join-key", Settings: map[string]string{"page_size": "4096"}}

func TestOpenMakesThenMatches(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	var m meter.Meter
	d, err := Open(vfs.OS, dir, id, &m)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Fresh {
		t.Fatal("a new directory is not Fresh")
	}
	if _, err := Open(vfs.OS, dir, id, &m); !errors.Is(err, statelab.ErrLocked) {
		t.Fatalf("second Open: %v, want ErrLocked", err)
	}
	if err := d.WriteIdentity(id); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, err = Open(vfs.OS, dir, id, &m)
	if err != nil {
		t.Fatal(err)
	}
	if d.Fresh || d.Found.Settings["page_size"] != "4096" {
		t.Fatalf("found %+v", d.Found)
	}
	d.Close()

	for _, other := range []Identity{
		{Engine: "btree", Version: 1, Prefix: "join-key"},
		{Engine: "lsm", Version: 2, Prefix: "join-key"},
		{Engine: "lsm", Version: 1, Prefix: "other"},
	} {
		if _, err := Open(vfs.OS, dir, other, &m); !errors.Is(err, statelab.ErrMismatch) {
			t.Errorf("Open as %+v: %v, want ErrMismatch", other, err)
		}
	}
}

func TestOpenRefusesStrangersFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(vfs.OS, dir, id, new(meter.Meter)); !errors.Is(err, statelab.ErrMismatch) {
		t.Fatalf("Open: %v, want ErrMismatch", err)
	}
}

func TestReadFindsEveryFlippedByteAndCut(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, IdentityName)
	good := id.encode()
	var corrupt *statelab.CorruptError
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x10
		os.WriteFile(name, bad, 0o644)
		if _, err := Read(vfs.OS, dir); !errors.As(err, &corrupt) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		os.WriteFile(name, good[:i], 0o644)
		if _, err := Read(vfs.OS, dir); !errors.As(err, &corrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

// TestSecondAttemptMakesTheNameDurable kills the first attempt between making
// the directory and syncing its name.
func TestSecondAttemptMakesTheNameDurable(t *testing.T) {
	mem := vfs.NewMem()
	if err := mem.MkdirAll("s"); err != nil {
		t.Fatal(err)
	}
	var m meter.Meter
	d, err := Open(mem, "s", id, &m)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.WriteIdentity(id); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(mem.PowerCutStrict(), "s"); err != nil {
		t.Fatal(err)
	}
}

// makeStore makes a store in "s" with one file of an engine's, and stops short of
// the identity if told so.
func makeStore(t *testing.T, mem *vfs.Mem, cutShort bool) {
	t.Helper()
	var m meter.Meter
	d, err := Open(mem, "s", id, &m)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Fresh {
		t.Fatal("the directory is not Fresh")
	}
	if err := writeSynced(mem, "s/000001.log", []byte("log"), &m, meter.Log); err != nil {
		t.Fatal(err)
	}
	if err := mem.SyncDir("s"); err != nil {
		t.Fatal(err)
	}
	if !cutShort {
		if err := d.WriteIdentity(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestALostIdentityIsDamage(t *testing.T) {
	mem := vfs.NewMem()
	makeStore(t, mem, false)
	if err := mem.Remove("s/STORE"); err != nil {
		t.Fatal(err)
	}
	var corrupt *statelab.CorruptError
	if _, err := Open(mem, "s", id, new(meter.Meter)); !errors.As(err, &corrupt) {
		t.Fatalf("Open: %v, want a CorruptError", err)
	}
	if _, err := Open(mem, "s", id, new(meter.Meter)); errors.Is(err, statelab.ErrLocked) {
		t.Fatal("an Open that failed has kept the lock")
	}
}

func TestAnAttemptCutShortIsTakenUpAgain(t *testing.T) {
	for seed := range int64(20) {
		mem := vfs.NewMem()
		makeStore(t, mem, true)
		left := mem.PowerCut(seed)
		makeStore(t, left, false)
		d, err := Open(left, "s", id, new(meter.Meter))
		if err != nil || d.Fresh {
			t.Fatalf("Open: %+v, %v", d, err)
		}
		d.Close()
		if ok, err := vfs.Exists(left, "s/NEW"); ok || err != nil {
			t.Fatalf("NEW stands beside STORE: %v, %v", ok, err)
		}
	}
}

// TestAStoreWhoseMakerWasKilledStays kills the maker at each of its steps, and
// cuts the power once the next process has opened the store.
func TestAStoreWhoseMakerWasKilledStays(t *testing.T) {
	for n := range 20 {
		mem := vfs.NewMem()
		var killed *vfs.Mem
		d, err := Open(vfs.NewTrace(mem, func(vfs.TraceOp) {
			if n--; n == -1 {
				killed = mem.Kill()
			}
		}), "s", id, new(meter.Meter))
		if err == nil {
			err = d.WriteIdentity(id)
		}
		if err != nil {
			t.Fatal(err)
		}
		if killed == nil {
			return
		}
		d, err = Open(killed, "s", id, new(meter.Meter))
		if err == nil && d.Fresh {
			err = d.WriteIdentity(id)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(killed.PowerCutStrict(), "s"); err != nil {
			t.Fatalf("after the second process had opened the store and the power failed: %v", err)
		}
	}
	t.Fatal("the maker took more steps than were tried")
}
