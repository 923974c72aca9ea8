package btree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func testCodec(t testing.TB, compression statelab.Compression) *leafCodec {
	t.Helper()
	l, err := newLeafCodec(&Options{PageSize: MinPageSize, Options: statelab.Options{Compression: compression, Memory: 1 << 20}})
	mustDo(t, err)
	t.Cleanup(l.Close)
	return l
}

// exampleLeaf is a leaf of 20 records "k00" to "k19" with an element of 100 bytes each.
func exampleLeaf(t testing.TB) page {
	p, scratch := make(page, MinPageSize), make(page, MinPageSize)
	p.start(ref{}, kindLeaf, 0)
	for i := range 20 {
		body := append(appendElementHeader(nil, 100, statelab.NoExpiry), bytes.Repeat([]byte("stateful!!"), 10)...)
		r := record{keyField: keyField{key: fmt.Appendf(nil, "k%02d", i)}, body: body}
		p.insertRecord(i, r.appendCell(nil), scratch)
	}
	mustDo(t, p.validate())
	return p
}

// TestCompressedFormatIsAsDocumented holds the table in compress.go and the example in
// docs/BTREE.md to what is written.
func TestCompressedFormatIsAsDocumented(t *testing.T) {
	plain, unit := exampleLeaf(t), MinPageSize/pageUnits
	for kind, compression := range map[byte]statelab.Compression{0x41: statelab.CompressionS2, 0x81: statelab.CompressionZstd} {
		l := testCodec(t, compression)
		if units := l.encode(plain, unit); units != 1 || len(l.staged) != unit {
			t.Fatalf("%s: a leaf that repeats itself has %d units, %d bytes", compression, units, len(l.staged))
		}
		r := ref{id: 24, birth: 3, units: 1}
		sealCompressed(page(l.staged), r)
		head := fmt.Sprintf("% x", l.staged[4:24])
		if want := fmt.Sprintf("18 00 00 00 03 00 00 00 00 00 00 01 %02x 00 14 00 7c 07 00 00", kind); head != want {
			t.Errorf("%s: the header begins with %s, want %s", compression, head, want)
		}
		got := make(page, MinPageSize)
		if damage := l.decode(got, unit, copy(got, l.staged)); damage != "" {
			t.Fatalf("%s: %s", compression, damage)
		}
		want := page(bytes.Clone(plain))
		want.setRef(r)
		clear(want[want.slotsEnd():want.low()])
		if !bytes.Equal(got[4:], want[4:]) {
			t.Errorf("%s: the leaf comes back as another", compression)
		}
	}
}

func TestDamagedCompressedLeavesAreRefused(t *testing.T) {
	l, unit := testCodec(t, statelab.CompressionS2), MinPageSize/pageUnits
	l.encode(exampleLeaf(t), unit)
	sealCompressed(page(l.staged), ref{id: 24, birth: 3, units: 1})
	for _, c := range []struct {
		what string
		read int
		harm func(p page)
		want string
	}{
		{"a flipped bit", unit, func(p page) { p[60] ^= 1 }, "a wrong checksum"},
		{"fewer bytes than there should be", 60, func(page) {}, "compressed bytes in 1 units"},
		{"more bytes than its extent has", MinPageSize, func(p page) { p.setU16(slottedHeader, unit) }, "compressed bytes in 1 units"},
		{"two compressions", unit, func(p page) { p[kindAt] |= compressedMask; resum(p) }, "two compressions"},
		{"an inner page", unit, func(p page) { p[kindAt]++; resum(p) }, "of kind 2"},
		{"too many slots", unit, func(p page) { p.setCount(700); resum(p) }, "700 compressed cells"},
		{"cells beyond the page", unit, func(p page) { p.setLow(MinPageSize + 1); resum(p) }, "from offset 4097"},
		{"another length", unit, func(p page) { p.setCount(19); resum(p) }, "length of a block compressed with s2"},
	} {
		p := make(page, MinPageSize)
		copy(p, l.staged)
		c.harm(p)
		if damage := l.decode(p, unit, c.read); !strings.Contains(damage, c.want) {
			t.Errorf("%s: %q, want %q", c.what, damage, c.want)
		}
	}
}

// resum gives a stored form that was changed its checksum.
func resum(p page) { binary.LittleEndian.PutUint32(p, p.compressedSum()) }

// FuzzCompressedLeaf decodes whatever claims to be a compressed leaf and has its checksum.
func FuzzCompressedLeaf(f *testing.F) {
	unit := MinPageSize / pageUnits
	codecs := [2]*leafCodec{testCodec(f, statelab.CompressionS2), testCodec(f, statelab.CompressionZstd)}
	for _, l := range codecs {
		l.encode(exampleLeaf(f), unit)
		sealCompressed(page(l.staged), ref{id: 24, birth: 3, units: 1})
		f.Add(bytes.Clone(l.staged), uint16(unit))
	}
	f.Fuzz(func(t *testing.T, b []byte, read uint16) {
		p := make(page, MinPageSize)
		copy(p, b)
		n := min(int(read), len(p))
		if p.compressedSize() <= len(p) {
			resum(p)
		}
		if codecs[0].decode(p, unit, n) == "" && p.validate() == nil {
			useLeaf(t, p)
		}
	})
}

// TestCompressionIsFixed opens stores with another compression than they were made with.
func TestCompressionIsFixed(t *testing.T) {
	all := []statelab.Compression{statelab.CompressionNone, statelab.CompressionS2, statelab.CompressionZstd}
	for _, made := range all {
		fs := vfs.NewMem()
		s := mustOpen(t, fs, Options{Options: statelab.Options{Compression: made}})
		mustPut(t, s, "k", "v", statelab.NoExpiry)
		mustDo(t, s.Close())
		for _, other := range all {
			o := Options{Options: statelab.Options{FS: fs, Compression: other}}
			s, err := Open("/s", &o)
			if other != made && !errors.Is(err, statelab.ErrMismatch) {
				t.Errorf("made with %s, opened with %s: %v", made, other, err)
			}
			if err == nil {
				mustDo(t, s.Close())
			}
			if other == made {
				mustDo(t, err)
			}
		}
	}
}

// TestCompressedLeavesTakeFewerUnits writes values of which half is noise, by merges and by
// a bulk load, and compares with what they take as they are.
func TestCompressedLeavesTakeFewerUnits(t *testing.T) {
	var disk, written [3]int64
	for i, compression := range []statelab.Compression{statelab.CompressionNone, statelab.CompressionS2, statelab.CompressionZstd} {
		rng := rand.New(rand.NewPCG(4, 4))
		fs := vfs.NewMem()
		o := Options{Options: statelab.Options{Compression: compression, Memory: 512 << 10}}
		s := mustOpen(t, fs, o)
		values := map[string]string{}
		for n := range 4000 {
			noise := make([]byte, 100)
			for j := range noise {
				noise[j] = byte(rng.Uint32())
			}
			key := fmt.Sprintf("key %05d", n*7919%4000)
			values[key] = strings.Repeat("state ", 20) + string(noise)
			mustPut(t, s, key, values[key], statelab.NoExpiry)
		}
		mustDo(t, s.Sync())
		mustDo(t, s.Check())
		st := s.Stats()
		disk[i], written[i] = st.Disk, st.Written.Page
		if pages := st.Written.Page / MinPageSize; st.PageWrites == 0 || st.PageWrites*3 > pages*2 {
			t.Errorf("%s: what would be %d pages was written in %d calls", compression, pages, st.PageWrites)
		}
		var shape strings.Builder
		mustDo(t, s.Dump(&shape))
		if inUnits := strings.Contains(shape.String(), "in units of 512 bytes: "); inUnits != (i > 0) {
			t.Errorf("%s: dump says %s", compression, &shape)
		}
		if i > 0 && (st.PlainBytes == 0 || st.CompressedBytes*10 > st.PlainBytes*7) {
			t.Errorf("%s: %d bytes of leaves took %d", compression, st.PlainBytes, st.CompressedBytes)
		}
		mustDo(t, s.Checkpoint("/copy"))
		mustDo(t, s.Close())
		for _, dir := range []string{"/s", "/copy"} {
			o.FS, o.Compression = fs, statelab.CompressionDefault
			again, err := Open(dir, &o)
			mustDo(t, err)
			mustDo(t, again.(*Store).Check())
			for key, value := range values {
				mustGet(t, again.(*Store), key, value)
			}
			mustDo(t, again.Close())
		}
	}
	for i := 1; i < 3; i++ {
		if disk[i]*10 > disk[0]*7 || written[i]*10 > written[0]*7 {
			t.Errorf("files %d, written %d", disk, written)
		}
	}
}
