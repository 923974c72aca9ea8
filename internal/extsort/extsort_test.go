package extsort

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/vfs"
)

type pair struct{ key, value string }

// sorted adds pairs to a Sorter and returns what comes out.
func sorted(s *Sorter, in []pair) (out []pair, err error) {
	for _, p := range in {
		if err := s.Add([]byte(p.key), []byte(p.value)); err != nil {
			return nil, err
		}
	}
	it, err := s.Sort()
	if err != nil {
		return nil, err
	}
	for it.Next() {
		out = append(out, pair{string(it.Key()), string(it.Value())})
	}
	return out, errors.Join(it.Err(), it.Close())
}

func randomPairs(r *rand.Rand, n int) []pair {
	in := make([]pair, n)
	for i := range in {
		key := make([]byte, r.IntN(12))
		for j := range key {
			key[j] = byte(r.IntN(3)) * 127
		}
		in[i] = pair{string(key), strings.Repeat("v", r.IntN(30)) + fmt.Sprint(i)}
	}
	return in
}

// TestRecordsComeOutInOrder from memory that holds all, and from memory that
// holds so little that runs are merged several times.
func TestRecordsComeOutInOrder(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		in := randomPairs(r, r.IntN(1500))
		want := slices.Clone(in)
		slices.SortStableFunc(want, func(a, b pair) int { return strings.Compare(a.key, b.key) })
		fsys := vfs.NewMem()
		s := New(Options{FS: fsys, Dir: ".", Name: "r", Memory: int64([]int{1, 100, 2000, 100_000, 1 << 20}[seed%5])})
		out, err := sorted(s, in)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(out, want) {
			t.Fatalf("seed %d: %d records come out of %d, or in another order", seed, len(out), len(in))
		}
		if spilled := s.Spilled() > 0; len(in) > 20 && spilled != (s.opts.Memory < 20_000) && s.opts.Memory != 100_000 {
			t.Errorf("seed %d: %d bytes are spilled with memory for %d", seed, s.Spilled(), s.opts.Memory)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if names, err := fsys.List("."); err != nil || len(names) > 0 {
			t.Errorf("seed %d: %q are left, %v", seed, names, err)
		}
	}
}

func TestHeldStaysWithinMemory(t *testing.T) {
	const memory = 10_000
	s := New(Options{FS: vfs.NewMem(), Dir: ".", Name: "r", Memory: memory})
	for _, p := range randomPairs(rand.New(rand.NewPCG(1, 2)), 3000) {
		if err := s.Add([]byte(p.key), []byte(p.value)); err != nil {
			t.Fatal(err)
		}
		if s.Held() > memory {
			t.Fatalf("%d bytes are held, more than %d", s.Held(), memory)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFailuresOfTheDiskAreReturned(t *testing.T) {
	in := randomPairs(rand.New(rand.NewPCG(3, 4)), 400)
	for _, op := range []vfs.Op{vfs.OpCreate, vfs.OpWrite, vfs.OpOpen, vfs.OpRead, vfs.OpRemove} {
		struck := 0
		for n := int64(1); n < 40; n++ {
			fsys := vfs.NewMem()
			faulty := vfs.NewFaulty(fsys, vfs.Fault{Op: op, N: n})
			s := New(Options{FS: faulty, Dir: ".", Name: "r", Memory: 1000})
			_, err := sorted(s, in)
			err = errors.Join(err, s.Close())
			if faulty.Struck() == 0 {
				break
			}
			if struck++; err == nil {
				t.Errorf("%v %d failed, and nothing is said", op, n)
			}
		}
		if struck == 0 {
			t.Errorf("no %v failed", op)
		}
	}
}

// TestDamageOfARunIsNamed flips a bit, and cuts off the end.
func TestDamageOfARunIsNamed(t *testing.T) {
	in := randomPairs(rand.New(rand.NewPCG(5, 6)), 300)
	for at := range 200 {
		fsys := vfs.NewMem()
		s := New(Options{FS: fsys, Dir: ".", Name: "r", Memory: 1 << 20})
		for _, p := range in {
			if err := s.Add([]byte(p.key), []byte(p.value)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.spill(); err != nil {
			t.Fatal(err)
		}
		damage(t, fsys, s.levels[0][0].name, 31*at)
		if _, err := sorted(s, nil); !errors.Is(err, errDamaged) {
			t.Fatalf("byte %d is damaged: %v", 31*at, err)
		}
	}
}

func damage(t *testing.T, fsys vfs.FS, name string, at int) {
	t.Helper()
	f, err := fsys.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	if int64(at) >= size-1 {
		if err := f.Truncate(size - 1); err != nil {
			t.Fatal(err)
		}
		return
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], int64(at)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b[0] ^ 0x10}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// FuzzRun reads any bytes as a run.
func FuzzRun(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x02\x00\x00\x00axy"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := vfs.NewMem()
		file, err := fsys.Create("run")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteAt(data, 0); err != nil {
			t.Fatal(err)
		}
		r, err := openRun(fsys, &run{name: "run", size: int64(len(data))}, 0, bufferLeast)
		if err != nil {
			t.Fatal(err)
		}
		defer r.file.Close()
		var again []byte
		for err = r.next(); err == nil; err = r.next() {
			again = appendRecord(again, r.key, r.value)
		}
		if !errors.Is(err, errDamaged) || !bytes.HasPrefix(data, again) {
			t.Errorf("%q is read as %q, %v", data, again, err)
		}
	})
}
