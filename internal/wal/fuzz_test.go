package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
	"slices"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// reseal gives data valid checksums wherever its lengths allow, so that the
// fuzzer gets past them.
func reseal(data []byte) {
	if len(data) < segmentHeaderSize {
		return
	}
	copy(data, encodeSegmentHeader(1, 0))
	var s sealer
	for off := segmentHeaderSize; off+frameHeaderSize <= len(data); {
		b := data[off:]
		length := int64(binary.LittleEndian.Uint32(b[8:]))
		if frameHeaderSize+length <= int64(len(b)) {
			binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[frameHeaderSize:frameHeaderSize+length], castagnoli))
		}
		binary.LittleEndian.PutUint32(b, s.sum(1, int64(off), b[4:]))
		off += int(min(frameHeaderSize+length, int64(len(b))))
	}
}

// wholeSegment returns a segment with frames of every kind but void.
func wholeSegment(f *testing.F) []byte {
	mem := vfs.NewMem()
	l, err := Create(testOptions(mem, statelab.DurabilityCheckpoint), 1)
	for _, r := range []string{"one", "", "three"} {
		if err == nil {
			_, err = l.AppendPending([]byte(r))
		}
		if err == nil {
			_, err = l.Append([]byte(r))
		}
		if err == nil {
			err = l.Sync()
		}
	}
	if err == nil {
		err = l.Close()
	}
	var data []byte
	if err == nil {
		data, err = vfs.ReadFile(mem, filepath.Join(testDir, "000001.log"))
	}
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// FuzzOpen opens a log whose only segment is any bytes: that fails with the
// right error, or it opens, and from then on holds the same records.
func FuzzOpen(f *testing.F) {
	whole := wholeSegment(f)
	f.Add(whole, true)
	f.Add(whole, false)
	f.Add(whole[:len(whole)-3], true)
	f.Add(whole[:segmentHeaderSize], false)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		data = slices.Clone(data)
		if sealed {
			reseal(data)
		}
		fsys := vfs.NewMem()
		must(t, fsys.MkdirAll(testDir))
		file, err := fsys.Create(filepath.Join(testDir, "000001.log"))
		must(t, err)
		_, err = file.WriteAt(data, 0)
		must(t, err)
		must(t, file.Close())

		o := testOptions(fsys, statelab.DurabilityCheckpoint)
		verified := Verify(fsys, testDir, 1)
		l, first, err := reopen(o, 1)
		if (err == nil) != (verified == nil) {
			t.Fatalf("Verify says %v, Open says %v", verified, err)
		}
		var corrupt *statelab.CorruptError
		if errors.As(err, &corrupt) || errors.Is(err, statelab.ErrMismatch) {
			return
		}
		must(t, err)
		add(t, l, "more")
		must(t, l.Close())
		l, again, err := reopen(o, 1)
		must(t, err)
		wantRecords(t, again, append(first, "more"))
		must(t, l.Close())
	})
}

func FuzzDecodeDurable(f *testing.F) {
	f.Add(encodeDurable(Pos{3, 4096}))
	f.Add([]byte(durableMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, reason := decodeDurable(data); reason == "" && string(encodeDurable(p)) != string(data) {
			t.Fatalf("%x decodes to %v, which encodes differently", data, p)
		}
	})
}
