package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join/row"
)

// jsonlReader reads one JSON object a line. Its columns are the members at the
// top; of members that share a name the last one counts. Invalid UTF-8 in a
// string stands for U+FFFD.
type jsonlReader struct {
	in      *bufio.Reader
	names   []string
	raw     [][]byte // by name, the member's value in object; nil if it has none
	long    []byte   // a line that outgrew in's buffer
	object  []byte
	line    int
	failure bool
}

func openJSONL(in *input) (reader, error) {
	if err := in.skipMark(); err != nil {
		return nil, err
	}
	return &jsonlReader{in: in.stream}, nil
}

func (r *jsonlReader) bind(name string) (int, error) {
	i := slices.Index(r.names, name)
	if i < 0 {
		i = len(r.names)
		r.names, r.raw = append(r.names, name), append(r.raw, nil)
	}
	return i, nil
}

func (r *jsonlReader) timeFormat(_ int, given TimeFormat) (TimeFormat, error) {
	if given == "" {
		return "", errors.New("a JSON lines file needs a time_format")
	}
	return given, nil
}

func (r *jsonlReader) schema() *row.Schema { return row.Objects() }

func (r *jsonlReader) read() error {
	line, err := r.readLine()
	if err != nil {
		return err
	}
	r.object = line
	if !json.Valid(line) {
		var any json.RawMessage
		return badRow(fmt.Errorf("not JSON: %w", json.Unmarshal(line, &any)))
	}
	if line[0] != '{' {
		return badRow(errors.New("not a JSON object"))
	}
	r.findMembers()
	return nil
}

// readLine returns the next line that is not blank, trimmed.
func (r *jsonlReader) readLine() ([]byte, error) {
	for {
		r.long = r.long[:0]
		part, err := r.in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			r.long = append(r.long, part...)
			if len(r.long) > statelab.MaxRecordSize {
				r.line++
				return nil, fmt.Errorf("longer than %d bytes", statelab.MaxRecordSize)
			}
			part, err = r.in.ReadSlice('\n')
		}
		if len(r.long) > 0 {
			r.long = append(r.long, part...)
			part = r.long
		}
		if err != nil && err != io.EOF {
			r.failure = true
			return nil, decompressError(err)
		}
		if len(part) > 0 {
			r.line++
		}
		if line := bytes.Trim(part, " \t\r\n"); len(line) > 0 {
			return line, nil
		}
		if err == io.EOF {
			return nil, io.EOF
		}
	}
}

// findMembers finds the values of the bound columns in the object, which is valid.
func (r *jsonlReader) findMembers() {
	clear(r.raw)
	b := skipSpace(r.object[1:])
	for b[0] != '}' {
		nameLen := valueLen(b)
		name := b[:nameLen]
		b = skipSpace(skipSpace(b[nameLen:])[1:]) // the colon
		n := valueLen(b)
		for i := range r.names {
			if nameIs(name, r.names[i]) {
				r.raw[i] = b[:n]
			}
		}
		b = skipSpace(b[n:])
		if b[0] == ',' {
			b = skipSpace(b[1:])
		}
	}
}

// nameIs compares a quoted name.
func nameIs(quoted []byte, name string) bool {
	inner := quoted[1 : len(quoted)-1]
	if isPlain(inner) {
		return string(inner) == name
	}
	var s string
	return json.Unmarshal(quoted, &s) == nil && s == name
}

// isPlain says whether the inside of a JSON string stands for itself.
func isPlain(inner []byte) bool { return bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) }

func skipSpace(b []byte) []byte {
	i := 0
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n' {
		i++
	}
	return b[i:]
}

// valueLen returns the length of the value that b begins with, in valid JSON
// that goes on after it.
func valueLen(b []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
}

func (r *jsonlReader) skip(n uint64) (skipped uint64, err error) {
	for ; skipped < n; skipped++ {
		if _, err := r.readLine(); err != nil {
			return skipped, err
		}
	}
	return n, nil
}

func (r *jsonlReader) field(i int) ([]byte, bool, error) {
	raw := r.raw[i]
	if raw == nil {
		return nil, false, errMissing
	}
	switch raw[0] {
	case 'n':
		return nil, true, nil
	case '{':
		return nil, false, errors.New("an object has no text to compare")
	case '[':
		return nil, false, errors.New("an array has no text to compare")
	case '"':
		inner := raw[1 : len(raw)-1]
		if isPlain(inner) {
			return inner, false, nil
		}
		var s string
		err := json.Unmarshal(raw, &s)
		return []byte(s), false, err
	}
	return raw, false, nil
}

func (r *jsonlReader) appendRow(dst []byte) ([]byte, error) {
	return row.AppendCompact(dst, r.object), nil
}

func (r *jsonlReader) appendRaw(dst []byte) []byte {
	if json.Valid(r.object) {
		return row.AppendCompact(dst, r.object)
	}
	return row.AppendQuoted(dst, r.object)
}

func (r *jsonlReader) where() string { return lineText(r.line, r.failure) }

func (r *jsonlReader) close() error { return nil }
