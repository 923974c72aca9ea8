package trace

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// An InputError says what is wrong with a file that is imported, and where.
type InputError struct {
	File   string
	Line   int    // from 1; 0 if the fault is the file's as a whole
	Field  string // empty if it is the line's as a whole
	Reason string
}

func (e *InputError) Error() string {
	text := e.File
	if e.Line > 0 {
		text += ":" + strconv.Itoa(e.Line)
	}
	if e.Field != "" {
		text += ": " + e.Field
	}
	return text + ": " + e.Reason
}

// rows reads a file of comma-separated values, gzipped or not.
type rows struct {
	ctx    context.Context // ends the reading
	name   string
	csv    *csv.Reader
	fields []string
	line   int
}

func newRows(ctx context.Context, name string, r io.Reader) (*rows, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	t := &rows{ctx: ctx, name: name}
	var plain io.Reader = buffered
	if head, err := buffered.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		if plain, err = gzip.NewReader(buffered); err != nil {
			return nil, t.fault("", "it is not what gzip writes: %v", err)
		}
	}
	t.csv = csv.NewReader(plain)
	t.csv.FieldsPerRecord = -1 // next says it better
	t.csv.ReuseRecord = true
	return t, nil
}

// next reads a row of this many fields; false at the end.
func (t *rows) next(columns int) (bool, error) {
	if err := t.ctx.Err(); err != nil {
		return false, fmt.Errorf("read %s: %w", t.name, err)
	}
	fields, err := t.csv.Read()
	var syntax *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case errors.As(err, &syntax):
		t.line = syntax.Line
		return false, t.fault("", "%v", syntax.Err)
	case err != nil:
		t.line, _ = t.csv.FieldPos(0)
		return false, fmt.Errorf("read %s: %w", t.name, err)
	}
	t.line, _ = t.csv.FieldPos(0)
	if len(fields) != columns {
		return false, t.fault("", "%d fields instead of %d", len(fields), columns)
	}
	t.fields = fields
	return true, nil
}

// size is how many bytes the row takes in the file, but for quotes and the line's end.
func (t *rows) size() int {
	n := len(t.fields) - 1
	for _, f := range t.fields {
		n += len(f)
	}
	return n
}

// number parses a field that is a whole number from least on.
func (t *rows) number(column int, name string, least int64) (int64, error) {
	n, err := strconv.ParseInt(t.fields[column], 10, 64)
	if err != nil {
		return 0, t.fault(name, "%q is not a whole number", t.fields[column])
	}
	if n < least {
		return 0, t.fault(name, "%d is less than %d", n, least)
	}
	return n, nil
}

func (t *rows) fault(field, format string, args ...any) error {
	return &InputError{t.name, t.line, field, fmt.Sprintf(format, args...)}
}
