package wal

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"strings"
	"testing"
)

func TestDocumentedExampleIsWhatIsWritten(t *testing.T) {
	var s sealer
	b := encodeSegmentHeader(7, 100)
	h := frameHeader{payloadSum: 0, length: 2, lag: 0, kind: KindRecord}
	h.payloadSum = checksumOf("hi")
	b = appendHeader(b, h)
	s.seal(b[segmentHeaderSize:], 7, segmentHeaderSize)
	b = append(b, "hi"...)
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(dump(b)) {
		if !strings.Contains(string(doc), "//\t"+line) {
			t.Errorf("doc.go lacks the line\n//\t%s", line)
		}
	}
}

// dump is hex.Dump with offsets of two digits.
func dump(b []byte) string {
	var out strings.Builder
	for line := range strings.Lines(hex.Dump(b)) {
		out.WriteString(line[6:])
	}
	return out.String()
}

func TestSegmentNamesParse(t *testing.T) {
	for name, want := range map[string]uint64{
		"000001.log": 1, "1000000.log": 1000000, "000000.log": 0,
		"1.log": 0, "0000001.log": 0, "000001.tmp": 0, "00000x.log": 0, ".log": 0, "-00001.log": 0,
	} {
		got, ok := parseSegmentName(name)
		if got != want || ok && segmentName(got) != name {
			t.Errorf("parseSegmentName(%q) = %d, %v", name, got, ok)
		}
	}
}

func TestFrameHeaderBelongsToItsPlace(t *testing.T) {
	var s sealer
	b := appendHeader(nil, frameHeader{length: 5, lag: lagOf(1000, 40), kind: KindRecord})
	s.seal(b, 3, 1000)
	h, ok := s.decodeHeader(b, 3, 1000)
	if !ok || h.durable(1000) != 40 || h.length != 5 {
		t.Fatalf("decoded %+v, %v", h, ok)
	}
	if _, ok := s.decodeHeader(b, 4, 1000); ok {
		t.Error("W5: valid in another segment")
	}
	if _, ok := s.decodeHeader(b, 3, 1001); ok {
		t.Error("W5: valid at another offset")
	}
	far := frameHeader{lag: lagOf(5<<30, 0)}
	if far.durable(5<<30) != 0 {
		t.Error("a lag that does not fit is not unknown")
	}
}

func checksumOf(payload string) uint32 { return crc32.Checksum([]byte(payload), castagnoli) }

// sealed appends to a header's fields their checksum.
func sealed(fields []byte) []byte {
	return binary.LittleEndian.AppendUint32(fields, crc32.Checksum(fields, castagnoli))
}
