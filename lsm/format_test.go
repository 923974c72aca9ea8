package lsm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

// The examples in the format descriptions are what the code writes.
func TestWorkedExamples(t *testing.T) {
	var b blockBuilder
	b.add([]byte("ride1"), []byte("x"))
	b.add([]byte("ride27"), []byte("yz"))
	base := appendRecord(nil, true, []element{{expireAt: 5, data: []byte("vw")}})
	away := reference{file: 7, handle: blockHandle{9, 200}, length: 300}.append(nil)
	large := blobMeta{values: 1, bytes: 5000, minExpiry: 1000, maxExpiry: 1000, octiles: octiles{1000, 1000, 1000, 1000, 1000, 1000, 1000}}
	kept := &state{nextFile: 9, watermark: 5, runs: []runState{{id: 3}}}
	footer := footer{index: blockHandle{4096, 20}}.append(nil)
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"block", b.finish(), "00 05 72 69 64 65 31 78  04 02 32 37 79 7a  00 00 08 00  04 00 00 00"},
		{"record", base, "01 05 05 00 00 00 00 00 00 00 76 77"},
		{"record with a reference", appendRecord(nil, true, []element{{expireAt: 5, data: away, blob: new(blob)}}),
			"03 1b 05 00 00 00 00 00 00 00 07 09 c8 01 ac 02"},
		{"reference", reference{file: 7, handle: blockHandle{4096, 300}, length: 5000}.append(nil), "07 80 20 ac 02 88 27"},
		{"properties of a blob file", large.append(nil), "01 88 27 e8 03 00 00 00 00 00 00 e8 03" + strings.Repeat("00", 13)},
		{"footer of a blob file", appendBlobFooter(nil, blockHandle{4405, 26})[:16], "35 11 00 00 00 00 00 00 1a 00 00 00 01 00 00 00"},
		{"edit", appendEdit(nil, kept, map[uint64]bool{3: true}), "09 00 05 00 00 00 00 00 00 00 01 03 00 00"},
		{"footer", footer[:12], "00 10 00 00 00 00 00 00 14 00 00 00"},
		{"filter", appendFilter(nil, []uint64{hashKey([]byte("ride1"))}, 10), strings.Repeat("00", 2) + "02" + strings.Repeat("00", 5) + "04" +
			strings.Repeat("00", 21) + "08" + "0000" + "02" + strings.Repeat("00", 22) + "01" + "0000" + "04" + strings.Repeat("00", 4) + "06"},
		{"slot", encodeSlot(1)[:8], "01 00 00 00 00 00 00 00"},
	} {
		if want := strings.ReplaceAll(c.want, " ", ""); hex.EncodeToString(c.got) != want {
			t.Errorf("%s: %x, want %s", c.name, c.got, want)
		}
	}
	if got := string(encodeCurrent(12)); got != exampleCurrent {
		t.Errorf("CURRENT: %q, want %q", got, exampleCurrent)
	}
}

const exampleCurrent = "MANIFEST-000012 7e214209\n"

func TestSeparatorsSeparate(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"abcdef", "abzzzz", "abz"},
		{"abc", "abd", "abc"},
		{"abc", "abcd", "abc"},
		{"a", "b", "a"},
		{"azz", "b", "azz"},
		{"azz", "bzz", "b"},
		{"", "\x00", ""},
	} {
		got := appendSeparator(nil, []byte(c.a), []byte(c.b))
		if string(got) != c.want || string(got) < c.a || string(got) >= c.b {
			t.Errorf("between %q and %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestFilterHoldsItsKeysAndFewOthers(t *testing.T) {
	const keys = 10_000
	for _, bits := range []int{1, 5, 10, 20} {
		var hashes []uint64
		for i := range keys {
			hashes = append(hashes, hashKey(fmt.Appendf(nil, "key-%d", i)))
		}
		filter := appendFilter(nil, hashes, bits)
		if damage := filterDamage(filter); damage != "" {
			t.Fatal(damage)
		}
		for i, h := range hashes {
			if !filterMayHold(filter, h) {
				t.Fatalf("%d bits per key: key %d is denied", bits, i)
			}
		}
		passed := 0
		for i := range keys {
			if filterMayHold(filter, hashKey(fmt.Appendf(nil, "other-%d", i))) {
				passed++
			}
		}
		most := map[int]int{1: keys * 3 / 4, 5: keys / 6, 10: keys / 50, 20: keys / 500}[bits]
		if passed > most {
			t.Errorf("%d bits per key: %d of %d other keys pass, more than %d", bits, passed, keys, most)
		}
	}
	if empty := appendFilter(nil, nil, 10); filterMayHold(empty, 7) || filterDamage(empty) != "" {
		t.Error("a filter of no keys holds one")
	}
}

func TestManifestTellsTornFromDamaged(t *testing.T) {
	edits := [][]byte{
		appendEdit(nil, &state{nextFile: 2}, nil),
		appendEdit(nil, &state{nextFile: 3}, nil),
		appendEdit(nil, &state{nextFile: 4}, nil),
	}
	// build writes frames, of which slots count the first few.
	build := func(frames, counted int) []byte {
		data := make([]byte, framesOffset)
		copy(data, manifestHeader())
		for i := range counted {
			copy(data[slotOffset(uint64(i+1)):], encodeSlot(uint64(i+1)))
		}
		for i := range frames {
			data = appendFrame(data, uint64(i+1), edits[i])
		}
		return data
	}
	decode := func(data []byte) (nextFile uint64, counted bool, damage string) {
		s, counted, _, damage := decodeManifest(data)
		if damage != "" {
			return 0, false, damage
		}
		return s.nextFile, counted, ""
	}
	if next, counted, damage := decode(build(3, 3)); next != 4 || !counted || damage != "" {
		t.Errorf("whole manifest: %d, %v, %q", next, counted, damage)
	}
	if next, counted, damage := decode(build(3, 2)); next != 4 || counted || damage != "" {
		t.Errorf("last frame not counted: %d, %v, %q", next, counted, damage)
	}
	torn := build(3, 2)
	if next, counted, damage := decode(torn[:len(torn)-1]); next != 3 || !counted || damage != "" {
		t.Errorf("last frame torn and not counted: %d, %v, %q", next, counted, damage)
	}
	whole := build(3, 3)
	for i := framesOffset; i < len(whole); i++ {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 1
		if next, _, damage := decode(bad); damage == "" {
			t.Fatalf("byte %d flipped: opens as %d", i, next)
		}
		if next, _, damage := decode(whole[:i]); damage == "" {
			t.Fatalf("cut at %d: opens as %d", i, next)
		}
	}
	for _, slot := range []int64{slotOffset(2), slotOffset(3)} {
		bad := append([]byte(nil), whole...)
		bad[slot] ^= 1
		if next, _, damage := decode(bad); next != 4 || damage != "" {
			t.Errorf("slot at %d damaged: %d, %q", slot, next, damage)
		}
	}
}

func TestOptionsNameEveryFault(t *testing.T) {
	_, err := Open("never made", &Options{
		Options: statelab.Options{Memory: 1}, Compaction: 9, Segments: -1, Memtable: 9, Subcompactions: -1, BlockSize: 3, BloomBits: 99, CachePolicy: 9,
	})
	for _, word := range []string{"Memory", "Compaction", "Segments", "Memtable", "Subcompactions", "BlockSize", "BloomBits", "CachePolicy"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v does not name %s", err, word)
		}
	}
}

func TestAStoreKeepsSegmentsOfTheWindowUnlessToldOtherwise(t *testing.T) {
	joins := statelab.Options{Prefix: statelab.Prefix{Name: "p", Len: func([]byte) int { return 0 }}}
	for _, c := range []struct {
		given Options
		want  Compaction
		blobs int
	}{
		{Options{}, CompactionWindow, DefaultBlobThreshold},
		{Options{Options: joins}, CompactionWindow, BlobsOff},
		{Options{Options: joins, Compaction: CompactionLeveled}, CompactionLeveled, DefaultBlobThreshold},
		{Options{Compaction: CompactionWindow}, CompactionWindow, BlobsOff},
	} {
		if got, err := c.given.resolve(); err != nil || got.Compaction != c.want || got.BlobThreshold != c.blobs {
			t.Errorf("%s with prefix %q is %s with blobs from %d, %v, want %s and %d", c.given.Compaction, c.given.Prefix.Name, got.Compaction, got.BlobThreshold, err, c.want, c.blobs)
		}
	}
}

// corrupt says whether err is damage that was found.
func corrupt(err error) bool {
	var c *statelab.CorruptError
	return errors.As(err, &c)
}
