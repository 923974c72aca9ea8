package source

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/statelab/statelab/join/row"
)

// parquetReader reads flat parquet files, one row group after the other.
// Columns of the types that row knows are read as they are stored: dates,
// timestamps and times of day are integers in the column's unit.
type parquetReader struct {
	file    *parquet.File
	names   []string
	columns []parquetColumn

	group   int // the next row group to open
	rows    parquet.Rows
	buf     []parquet.Row
	current parquet.Row
	at, n   int // buf[at:n] is read and not yet passed on
	row     int64
	text    []byte
}

type parquetColumn struct {
	kind     parquet.Kind
	unsigned bool
	unit     TimeFormat // of a timestamp
}

// parquetBatch is how many rows are decoded at a time.
const parquetBatch = 128

func openParquet(in *input) (_ reader, err error) {
	if in.file == nil {
		return nil, errors.New("parquet cannot be read from standard input")
	}
	if in.compressed() {
		return nil, errors.New("parquet is compressed within; the file as a whole must not be")
	}
	defer recovered(&err)
	file, err := parquet.OpenFile(in, in.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("not a whole parquet file: %w", err)
	}
	r := &parquetReader{file: file, buf: make([]parquet.Row, parquetBatch)}
	for _, c := range file.Root().Columns() {
		column, err := describeColumn(c)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name(), err)
		}
		r.names = append(r.names, c.Name())
		r.columns = append(r.columns, column)
	}
	return r, nil
}

// recovered turns a panic of the parquet library, which damaged files can
// bring about, into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged: %v", p)
	}
}

func describeColumn(c *parquet.Column) (parquetColumn, error) {
	if !c.Leaf() || c.Repeated() {
		return parquetColumn{}, errors.New("nested and repeated columns are not supported")
	}
	t := c.Type()
	column := parquetColumn{kind: t.Kind()}
	switch column.kind {
	case parquet.Boolean, parquet.Int32, parquet.Int64, parquet.Float, parquet.Double, parquet.ByteArray:
	default:
		return column, fmt.Errorf("the type %s is not supported", t)
	}
	logical := t.LogicalType()
	if logical == nil {
		return column, nil
	}
	switch l := logical.Value.(type) {
	case *format.DecimalType:
		return column, fmt.Errorf("the type %s is not supported", t)
	case *format.IntType:
		column.unsigned = !l.IsSigned
	case *format.TimestampType:
		switch l.Unit.Value.(type) {
		case *format.MilliSeconds:
			column.unit = UnixMS
		case *format.MicroSeconds:
			column.unit = UnixUS
		case *format.NanoSeconds:
			column.unit = UnixNS
		}
	}
	return column, nil
}

func (r *parquetReader) bind(name string) (int, error) { return findColumn(r.names, name) }

// timeFormat is a timestamp column's own unit; another one given is a mistake.
func (r *parquetReader) timeFormat(i int, given TimeFormat) (TimeFormat, error) {
	unit := r.columns[i].unit
	switch {
	case unit == "" && given == "":
		return "", fmt.Errorf("column %s is not a timestamp, so it needs a time_format", r.names[i])
	case unit == "":
		return given, nil
	case given == "" || given == unit:
		return unit, nil
	}
	return "", fmt.Errorf("column %s is a timestamp in the format %s, not %s", r.names[i], unit, given)
}

func (r *parquetReader) schema() *row.Schema {
	columns := make([]row.Column, len(r.names))
	for i, name := range r.names {
		columns[i] = row.Column{Name: name, Type: r.columns[i].rowType()}
	}
	return row.Typed(columns)
}

// rowType is the type of the column in rows.
func (c parquetColumn) rowType() row.Type {
	switch c.kind {
	case parquet.ByteArray:
		return row.String
	case parquet.Boolean:
		return row.Bool
	case parquet.Float:
		return row.Float
	case parquet.Double:
		return row.Double
	}
	switch {
	case c.unsigned:
		return row.Uint
	case c.unit == UnixMS:
		return row.Millis
	case c.unit == UnixUS:
		return row.Micros
	case c.unit == UnixNS:
		return row.Nanos
	}
	return row.Int
}

func (r *parquetReader) read() (err error) {
	defer recovered(&err)
	for r.at == r.n {
		if r.rows == nil {
			groups := r.file.RowGroups()
			if r.group == len(groups) {
				return io.EOF
			}
			r.rows = groups[r.group].Rows()
			r.group++
		}
		n, err := r.rows.ReadRows(r.buf)
		r.at, r.n = 0, n
		if err == io.EOF && n == 0 {
			if err := r.closeRows(); err != nil {
				return err
			}
		} else if err != nil && err != io.EOF {
			r.n = 0
			return err
		}
	}
	r.current = r.buf[r.at]
	r.at++
	r.row++
	if len(r.current) != len(r.columns) {
		return fmt.Errorf("%d values for %d columns", len(r.current), len(r.columns))
	}
	return nil
}

// skip seeks within row groups; it is called before the first read.
func (r *parquetReader) skip(n uint64) (skipped uint64, err error) {
	defer recovered(&err)
	groups := r.file.RowGroups()
	left := int64(n)
	for r.group < len(groups) && left >= groups[r.group].NumRows() {
		left -= groups[r.group].NumRows()
		r.group++
	}
	r.row += int64(n) - left
	if left == 0 {
		return n, nil
	}
	if r.group == len(groups) {
		return n - uint64(left), io.EOF
	}
	r.row += left
	r.rows = groups[r.group].Rows()
	r.group++
	return n, r.rows.SeekToRow(left)
}

func (r *parquetReader) field(i int) ([]byte, bool, error) {
	v := r.current[i]
	if v.IsNull() {
		return nil, true, nil
	}
	r.text = r.text[:0]
	switch c := r.columns[i]; c.kind {
	case parquet.ByteArray:
		return v.ByteArray(), false, nil
	case parquet.Boolean:
		r.text = strconv.AppendBool(r.text, v.Boolean())
	case parquet.Float:
		r.text = row.AppendFloatText(r.text, float64(v.Float()), 32)
	case parquet.Double:
		r.text = row.AppendFloatText(r.text, v.Double(), 64)
	default:
		signed, unsigned := c.integer(v)
		if c.unsigned {
			r.text = strconv.AppendUint(r.text, unsigned, 10)
		} else {
			r.text = strconv.AppendInt(r.text, signed, 10)
		}
	}
	return r.text, false, nil
}

// integer returns a value both ways; the column says which one holds.
func (c parquetColumn) integer(v parquet.Value) (int64, uint64) {
	if c.kind == parquet.Int32 {
		return int64(v.Int32()), uint64(v.Uint32())
	}
	return v.Int64(), v.Uint64()
}

func (r *parquetReader) appendRow(dst []byte) ([]byte, error) {
	for i, v := range r.current {
		if v.IsNull() {
			dst = row.AppendNull(dst)
			continue
		}
		switch c := r.columns[i]; c.kind {
		case parquet.ByteArray:
			dst = row.AppendString(dst, v.ByteArray())
		case parquet.Boolean:
			dst = row.AppendBool(dst, v.Boolean())
		case parquet.Float:
			dst = row.AppendFloat(dst, v.Float())
		case parquet.Double:
			dst = row.AppendDouble(dst, v.Double())
		default:
			signed, unsigned := c.integer(v)
			if c.unsigned {
				dst = row.AppendUint(dst, unsigned)
			} else {
				dst = row.AppendInt(dst, signed)
			}
		}
	}
	return dst, nil
}

func (r *parquetReader) appendRaw(dst []byte) []byte {
	value, err := r.appendRow(nil)
	if err == nil {
		dst, err = r.schema().AppendJSON(dst, value)
	}
	if err != nil { // of what appendRow makes there is none
		return append(dst, "null"...)
	}
	return dst
}

func (r *parquetReader) where() string {
	if r.row == 0 {
		return ""
	}
	return fmt.Sprintf("row %d", r.row)
}

func (r *parquetReader) closeRows() error {
	rows := r.rows
	r.rows = nil
	if rows == nil {
		return nil
	}
	return rows.Close()
}

func (r *parquetReader) close() error { return r.closeRows() }
