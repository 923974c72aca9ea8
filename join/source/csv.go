package source

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/statelab/statelab/join/row"
)

// csvReader reads comma-separated values as RFC 4180 has them. With columns
// named by the config the file has no header, and fields beyond them are
// ignored; with a header every row has as many fields as it.
type csvReader struct {
	r       *csv.Reader
	names   []string
	header  bool
	record  []string
	line    int // where the current row begins
	failure bool
	text    []byte
}

// openCSV returns the reader even if reading the header fails, to say where.
func openCSV(in *input, columns []string) (reader, error) {
	if err := in.skipMark(); err != nil {
		return nil, err
	}
	r := &csvReader{r: csv.NewReader(in.stream), names: columns}
	r.r.ReuseRecord = true
	r.r.FieldsPerRecord = -1
	if len(columns) == 0 {
		header, err := r.r.Read()
		if err == io.EOF {
			return nil, errors.New("holds no header")
		}
		if err != nil {
			return r, r.explain(err)
		}
		r.names, r.header = cloneAll(header), true
	}
	if name, ok := duplicate(r.names); ok {
		return nil, fmt.Errorf("two columns are named %q", name)
	}
	return r, nil
}

func cloneAll(names []string) []string {
	clones := make([]string, len(names))
	for i, name := range names {
		clones[i] = strings.Clone(name)
	}
	return clones
}

func duplicate(names []string) (string, bool) {
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return name, true
		}
		seen[name] = true
	}
	return "", false
}

func (r *csvReader) bind(name string) (int, error) { return findColumn(r.names, name) }

// findColumn returns the index of a column, or an error that names those there are.
func findColumn(names []string, name string) (int, error) {
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("no column %q; there are %s", name, strings.Join(names, ", "))
}

func (r *csvReader) timeFormat(_ int, given TimeFormat) (TimeFormat, error) {
	if given == "" {
		return "", errors.New("a csv file needs a time_format")
	}
	return given, nil
}

func (r *csvReader) schema() *row.Schema { return row.Table(r.names) }

func (r *csvReader) read() error {
	record, err := r.r.Read()
	if err == io.EOF {
		return err
	}
	r.record = record
	if err != nil {
		r.record = nil
		return r.explain(err)
	}
	r.line, _ = r.r.FieldPos(0)
	switch n := len(r.names); {
	case r.header && len(record) != n:
		return badRow(fmt.Errorf("%d fields, but the header has %d", len(record), n))
	case len(record) < n:
		return badRow(fmt.Errorf("%d fields, but %d columns are named", len(record), n))
	}
	return nil
}

// explain takes the position out of an error of package csv, and puts it where
// where finds it.
func (r *csvReader) explain(err error) error {
	r.failure = true
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return decompressError(err)
	}
	r.line, r.failure = parse.Line, false
	if errors.Is(parse.Err, csv.ErrQuote) || errors.Is(parse.Err, csv.ErrBareQuote) {
		return badRow(fmt.Errorf("column %d: %w", parse.Column, parse.Err))
	}
	return badRow(parse.Err)
}

func (r *csvReader) skip(n uint64) (skipped uint64, err error) {
	for ; skipped < n; skipped++ {
		var bad *rowError
		if err := r.read(); err != nil && !errors.As(err, &bad) {
			return skipped, err
		}
	}
	return n, nil
}

func (r *csvReader) appendRaw(dst []byte) []byte {
	if r.record == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i, field := range r.record {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = row.AppendQuoted(dst, field)
	}
	return append(dst, ']')
}

func (r *csvReader) field(i int) ([]byte, bool, error) {
	r.text = append(r.text[:0], r.record[i]...)
	return r.text, false, nil
}

func (r *csvReader) appendRow(dst []byte) ([]byte, error) {
	for _, field := range r.record[:len(r.names)] {
		dst = row.AppendString(dst, field)
	}
	return dst, nil
}

func (r *csvReader) where() string { return lineText(r.line, r.failure) }

// lineText names a line; after says that it is the last one that could be read.
func lineText(line int, after bool) string {
	switch {
	case after && line == 0:
		return ""
	case after:
		return fmt.Sprintf("after line %d", line)
	}
	return fmt.Sprintf("line %d", line)
}

func (r *csvReader) close() error { return nil }
