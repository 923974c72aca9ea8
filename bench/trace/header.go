package trace

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/statelab/statelab"
)

// magic begins every trace. Its first byte is no text, and its line ends show
// a transfer that changed them.
const magic = "\x89sltrc\r\n"

// version is the format's.
const version = 1

const (
	headerFixed = 16      // bytes of a header before its provenance
	maxHeader   = 1 << 20 // bytes of provenance
)

// ErrNotTrace is found in the error of reading what is no trace, or one of
// another version.
var ErrNotTrace = errors.New("not a trace that can be read")

// A Header says where the operations of a trace come from. All of it is
// provenance, but for Prefix, which a replay needs.
type Header struct {
	Source   string             `json:"source"`             // "record", or the format that was imported
	Input    string             `json:"input,omitempty"`    // the imported file's name
	Workload string             `json:"workload,omitempty"` // that was recorded
	Backend  string             `json:"backend,omitempty"`  // the spec of the store that answered
	Seed     uint64             `json:"seed"`               // of the workload
	Knobs    map[string]float64 `json:"knobs,omitempty"`    // of the workload, or of the import
	Prefix   string             `json:"prefix,omitempty"`   // name of the store's key prefix (statelab.Prefix)
	Commit   string             `json:"commit,omitempty"`   // of the program that wrote the trace
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(parts ...[]byte) uint32 {
	var sum uint32
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}

// appendHeader appends the header's encoding.
func appendHeader(dst []byte, h *Header) ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("the header takes %d bytes, over %d", len(text), maxHeader)
	}
	from := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(text)))
	dst = append(dst, text...)
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[from:])), nil
}

// readHeader reads a header and returns how many bytes it took. name is the
// file's, for errors.
func readHeader(name string, r io.Reader) (h Header, size int64, err error) {
	var fixed [headerFixed]byte
	if n, err := io.ReadFull(r, fixed[:]); err != nil {
		if !bytes.HasPrefix([]byte(magic), fixed[:min(n, len(magic))]) || n == 0 {
			return h, 0, notTrace(name, "it does not begin as a trace does")
		}
		return h, 0, readFault(name, 0, "header", err)
	}
	if string(fixed[:len(magic)]) != magic {
		return h, 0, notTrace(name, "it does not begin as a trace does")
	}
	if v := binary.LittleEndian.Uint32(fixed[8:]); v != version {
		return h, 0, notTrace(name, fmt.Sprintf("its format version is %d; this program reads %d", v, version))
	}
	n := binary.LittleEndian.Uint32(fixed[12:])
	if n > maxHeader {
		return h, 0, damage(name, 12, "the header claims %d bytes of provenance", n)
	}
	rest := make([]byte, n+4)
	if _, err := io.ReadFull(r, rest); err != nil {
		return h, 0, readFault(name, headerFixed, "header", err)
	}
	text := rest[:n]
	if binary.LittleEndian.Uint32(rest[n:]) != checksum(fixed[:], text) {
		return h, 0, damage(name, 0, "the header does not match its checksum")
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, 0, damage(name, headerFixed, "the provenance is not what it should be: %v", err)
	}
	return h, headerFixed + int64(n) + 4, nil
}

func notTrace(name, reason string) error {
	return fmt.Errorf("%s: %w: %s", name, ErrNotTrace, reason)
}

// damage returns a *statelab.CorruptError.
func damage(name string, offset int64, format string, args ...any) error {
	return &statelab.CorruptError{File: name, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// readFault tells the file's end from other failures of reading.
func readFault(name string, offset int64, what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damage(name, offset, "the trace is cut short in a %s that begins here", what)
	}
	return fmt.Errorf("read %s of %s at offset %d: %w", what, name, offset, err)
}
