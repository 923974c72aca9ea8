package sink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/vfs"
)

// writeRanked writes records with lines that name their rank, and returns the part's state.
func writeRanked(t *testing.T, fsys vfs.FS, name string, ranks []Rank) []byte {
	t.Helper()
	p, err := Create(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ranks {
		buf := p.Buffer()
		begin := len(buf)
		buf = append(AppendRank(buf, &ranks[i]), rankText(&ranks[i])...)
		if err := CloseRank(buf, begin); err != nil {
			t.Fatal(err)
		}
		if err := p.Extend(buf); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	state := p.AppendState(nil)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return state
}

func rankText(r *Rank) string {
	return fmt.Sprintf("%d %d %q %d %d\n", r.Arrival, r.FiredAt, r.Key, r.Time, r.Seq)
}

func randomRanks(r *rand.Rand, n int) []Rank {
	few := []int64{math.MinInt64, -1, 0, 1, math.MaxInt64}
	ranks := make([]Rank, n)
	for i := range ranks {
		ranks[i] = Rank{
			Arrival: uint64(r.IntN(3)), FiredAt: few[r.IntN(5)], Key: []byte([]string{"", "a", "a\x00", "\xff"}[r.IntN(4)]),
			Time: few[r.IntN(5)], Seq: uint64(r.IntN(3)),
		}
	}
	slices.SortFunc(ranks, func(a, b Rank) int { return a.compare(&b) })
	return ranks
}

func TestMergeIsInTheOrderOfRanks(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		fsys := vfs.NewMem()
		var all []Rank
		var readers []*RankedReader
		for i := range r.IntN(6) {
			ranks := randomRanks(r, r.IntN(300))
			all = append(all, ranks...)
			name := fmt.Sprint("p", i)
			reader, err := OpenRanked(fsys, name, writeRanked(t, fsys, name, ranks))
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			readers = append(readers, reader)
		}
		slices.SortFunc(all, func(a, b Rank) int { return a.compare(&b) })
		var want strings.Builder
		for i := range all {
			want.WriteString(rankText(&all[i]))
		}
		var got bytes.Buffer
		out := Stream(&got)
		if err := Merge(Lines{out}, readers); err != nil {
			t.Fatal(err)
		}
		if err := out.Flush(); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got.String(), want.String())
		}
	}
}

// TestADamagedPartIsNotMerged flips each byte, and cuts the part at each length.
func TestADamagedPartIsNotMerged(t *testing.T) {
	ranks := randomRanks(rand.New(rand.NewPCG(1, 2)), 3)
	sound := vfs.NewMem()
	state := writeRanked(t, sound, "p", ranks)
	size := binary.LittleEndian.Uint64(state)
	for at := range int64(size) {
		for _, cut := range []bool{false, true} {
			fsys := sound.Kill()
			damage(t, fsys, "p.part", at, cut)
			reader, err := OpenRanked(fsys, "p", state)
			if err != nil {
				t.Fatal(err)
			}
			if err := Merge(Lines{Stream(io.Discard)}, []*RankedReader{reader}); !errors.Is(err, ErrNotResumable) {
				t.Errorf("byte %d, cut %v: %v", at, cut, err)
			}
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func damage(t *testing.T, fsys vfs.FS, name string, at int64, cut bool) {
	t.Helper()
	f, err := fsys.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if cut {
		err = f.Truncate(at)
	} else if _, err = f.ReadAt(b[:], at); err == nil {
		b[0] ^= 0x81
		_, err = f.WriteAt(b[:], at)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func FuzzRankedReader(f *testing.F) {
	r := Rank{FiredAt: 9, Key: []byte("a"), Time: 5, Seq: 7}
	record := append(AppendRank(nil, &r), "x\n"...)
	if err := CloseRank(record, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(record)
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := vfs.NewMem()
		p, err := Create(fsys, "p")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.Extend(append(p.Buffer(), data...)), p.Sync(), p.Close()); err != nil {
			t.Fatal(err)
		}
		reader, err := OpenRanked(fsys, "p", p.AppendState(nil))
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		var again []byte
		for err = reader.next(); err == nil; err = reader.next() {
			begin := len(again)
			again = append(AppendRank(again, &reader.rank), reader.lines()...)
			if err := CloseRank(again, begin); err != nil {
				t.Fatal(err)
			}
		}
		if errors.Is(err, io.EOF) && !bytes.Equal(again, data) {
			t.Errorf("%x is read as %x", data, again)
		}
	})
}
