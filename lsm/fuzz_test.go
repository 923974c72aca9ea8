package lsm

import (
	"bytes"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/codec"
)

func FuzzBlock(f *testing.F) {
	var b blockBuilder
	for _, key := range []string{"", "a", "ab", "abc", "abd", "b", "ba", "bb", "bc", "c", "ca"} {
		b.add([]byte(key), []byte(key+key))
	}
	f.Add(b.finish(), []byte("ab"))
	f.Add([]byte{0, 0, 0, 0, 2, 0, 0, 0}, []byte{})
	f.Add([]byte{0, 1, 'a', 1, 1, 'b', 'v', 0, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0}, []byte("ab"))
	f.Fuzz(func(t *testing.T, block, key []byte) {
		var c blockCursor
		c.open(block)
		n := 0
		for ok := c.first(); ok; ok = c.moveNext() {
			if n++; n > len(block) {
				t.Fatal("more entries than bytes")
			}
		}
		n = 0
		for ok := c.last(); ok; ok = c.movePrev() {
			if n++; n > len(block) {
				t.Fatal("more entries than bytes, backwards")
			}
		}
		if c.seekGE(key) && bytes.Compare(c.key(), key) < 0 {
			t.Fatalf("SeekGE(%x) stands on %x", key, c.key())
		}
		c.movePrev()
		c.moveNext()
	})
}

func FuzzRecord(f *testing.F) {
	inFile := &blob{blockFile: blockFile{number: 7}}
	blobs := blobUses{{blob: inFile, number: 7}}
	to := reference{7, blockHandle{9, 200}, 300}
	f.Add(appendRecord(nil, true, []element{{expireAt: 5, data: []byte("vw")}, {expireAt: statelab.NoExpiry}}))
	f.Add(appendRecord(nil, true, []element{{expireAt: 5, data: to.append(nil), blob: inFile}, {expireAt: 3, data: []byte("vw")}}))
	f.Add([]byte{kindMerge})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := readRecord(data, blobs)
		var elements []element
		for e, ok := r.next(); ok; e, ok = r.next() {
			elements = append(elements, e)
		}
		if r.damage != "" {
			return
		}
		again := appendRecord(nil, r.base, elements)
		var one, two fold
		if one.addRecord(data, blobs) != "" || two.addRecord(again, blobs) != "" || !bytes.Equal(one.appendValue(nil, 3), two.appendValue(nil, 3)) {
			t.Fatalf("%x reads as something else than %x", data, again)
		}
	})
}

func FuzzTableEnd(f *testing.F) {
	f.Add(footer{index: blockHandle{100, 20}, properties: blockHandle{10, 20}, keyFilter: blockHandle{30, 1}}.append(nil), int64(1000))
	p := properties{tableMeta: tableMeta{records: 2, first: []byte("a"), last: []byte("b")}, prefixName: "p"}
	f.Add(p.append(nil), int64(64))
	f.Add([]byte("00"), int64(-26))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		if foot, damage := decodeFooter(data, size); damage == "" && !bytes.Equal(foot.append(nil), data) {
			t.Fatalf("footer %x is written as %x", data, foot.append(nil))
		}
		if p, damage := decodeProperties(data); damage == "" {
			if again, damage := decodeProperties(p.append(nil)); damage != "" || !again.equal(&p.tableMeta) {
				t.Fatalf("properties %x do not survive writing: %s", data, damage)
			}
		}
		if h, ok := decodeHandle(data); ok && h.within(size) && int64(h.offset)+int64(h.length) > size {
			t.Fatalf("handle %+v is not within %d bytes", h, size)
		}
	})
}

// FuzzStoredBlock decompresses whatever claims to be compressed.
func FuzzStoredBlock(f *testing.F) {
	c, err := newCodec(statelab.CompressionZstd)
	if err != nil {
		f.Fatal(err)
	}
	defer c.Close()
	plain := bytes.Repeat([]byte("state"), 100)
	_, stored := c.Encode(nil, plain)
	f.Add(byte(codec.Zstd), stored, uint16(len(plain)))
	f.Add(byte(codec.Raw), plain, uint16(len(plain)))
	f.Add(byte(codec.S2), []byte{5, 16, 'a', 'b', 'c', 'd', 'e'}, uint16(5))
	f.Fuzz(func(t *testing.T, how byte, payload []byte, length uint16) {
		c.Decode(make([]byte, length), how, payload)
		b, damage := splitBlock(payload, uint64(length))
		if damage == "" && len(b.payload) != len(payload)-blockTrailerSize {
			t.Fatal("payload of another length")
		}
	})
}

func FuzzFilter(f *testing.F) {
	f.Add(appendFilter(nil, []uint64{1, 2, 3}, 10), uint64(2))
	f.Add([]byte{1}, uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, hash uint64) {
		if filterDamage(data) == "" {
			filterMayHold(data, hash)
		}
	})
}

func FuzzManifest(f *testing.F) {
	one := &state{nextFile: 9, watermark: 5, runs: []runState{{id: 3, tables: []tableState{
		{number: 4, size: 100, tableMeta: tableMeta{
			records: 1, elements: 1, maxExpiry: 9, first: []byte("a"), last: []byte("a"), blobs: blobUses{{number: 5, values: 1, bytes: 7}},
		}},
	}}}}
	full := appendEdit(nil, one, nil)
	blobs := &state{nextFile: 9, watermark: 5, runs: one.runs, blobs: []blobState{
		{number: 5, size: 200, blobMeta: blobMeta{values: 1, bytes: 7, minExpiry: 9, maxExpiry: 9, octiles: octiles{9, 9, 9, 9, 9, 9, 9}}},
	}}
	f.Add(appendEdit(nil, blobs, nil), appendEdit(nil, blobs, map[uint64]bool{3: true, 5: true}))
	f.Add(full, appendEdit(nil, one, map[uint64]bool{3: true}))
	f.Add(full, []byte{9, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		s, damage := applyEdit(&state{}, first)
		if damage != "" {
			return
		}
		if again, damage := applyEdit(&state{}, appendEdit(nil, s, nil)); damage != "" || again.nextFile != s.nextFile || len(again.runs) != len(s.runs) || len(again.blobs) != len(s.blobs) {
			t.Fatalf("state does not survive writing: %s", damage)
		}
		applyEdit(s, second)
		decodeManifest(second)
		decodeCurrent(second)
	})
}
