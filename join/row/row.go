// Package row is how a source's rows lie in state, and how they are printed.
//
// A row of a table (csv, parquet) is its fields in the order of the columns,
// each a head and what the head calls for:
//
//	HEAD         THEN      FIELD
//	0            -         null
//	1, 2         -         false, true
//	3            varint    integer, zigzag
//	4            uvarint   unsigned integer
//	5            4         float, IEEE 754, little-endian
//	6            8         double, likewise
//	7 + n        n         string of n bytes
//
// Heads are uvarints, so a string of up to 120 bytes costs one byte more than
// itself. The row (true, 5, "ab") is 02 03 0a 09 61 62. Column names are not
// repeated in rows: a Schema has them.
//
// A row of a JSON lines file is the object itself, in JSON without white space.
//
// Either way a row is printed as one JSON object, whose members stand in the
// order of the columns or of the original object. Integers are printed as
// stored, so a parquet timestamp is a number in its column's unit. Floats are
// printed with as many digits as tell them apart, as package encoding/json does;
// those that JSON has no number for are the strings "NaN", "Infinity" and
// "-Infinity" (as in the JSON mapping of protocol buffers). Each byte that is not
// valid UTF-8 becomes \ufffd. Numbers of a JSON lines file keep their spelling.
package row

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
)

const (
	headNull = iota
	headFalse
	headTrue
	headInt
	headUint
	headFloat
	headDouble
	headString // plus the length
)

// AppendNull appends a null field.
func AppendNull(dst []byte) []byte { return append(dst, headNull) }

// AppendBool appends a boolean field.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, headTrue)
	}
	return append(dst, headFalse)
}

// AppendInt appends an integer field.
func AppendInt(dst []byte, v int64) []byte { return binary.AppendVarint(append(dst, headInt), v) }

// AppendUint appends an unsigned integer field.
func AppendUint(dst []byte, v uint64) []byte { return binary.AppendUvarint(append(dst, headUint), v) }

// AppendFloat appends a field of single precision.
func AppendFloat(dst []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, headFloat), math.Float32bits(v))
}

// AppendDouble appends a field of double precision.
func AppendDouble(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, headDouble), math.Float64bits(v))
}

// AppendString appends a string field.
func AppendString[S string | []byte](dst []byte, v S) []byte {
	return append(binary.AppendUvarint(dst, headString+uint64(len(v))), v...)
}

// A Schema prints rows.
type Schema struct {
	columns []Column
	members [][]byte // `"name":` of each column, quoted
	objects bool     // rows are JSON objects
}

// A Column is what is known of a field of a table's rows, any of which may be null.
type Column struct {
	Name string
	Type Type
}

// Type is what the fields of a column are.
type Type uint8

const (
	String Type = iota
	Bool
	Int
	Uint
	Float
	Double
	Millis // Int: milliseconds since 1970
	Micros // Int: microseconds
	Nanos  // Int: nanoseconds
)

// Table returns the schema of rows with these columns, all of them strings.
func Table(names []string) *Schema {
	columns := make([]Column, len(names))
	for i, name := range names {
		columns[i].Name = name
	}
	return Typed(columns)
}

// Typed returns the schema of rows with these columns.
func Typed(columns []Column) *Schema {
	s := &Schema{columns: columns}
	for _, c := range columns {
		s.members = append(s.members, append(AppendQuoted(nil, c.Name), ':'))
	}
	return s
}

// Columns returns those of a table, and false if rows are JSON objects.
func (s *Schema) Columns() ([]Column, bool) { return s.columns, !s.objects }

// Same says whether two schemas print rows alike.
func (s *Schema) Same(as *Schema) bool {
	return s.objects == as.objects && slices.Equal(s.columns, as.columns)
}

// Objects returns the schema of rows that are JSON objects.
func Objects() *Schema { return &Schema{objects: true} }

var errDamaged = errors.New("damaged row")

// AppendJSON appends a row as a JSON object.
func (s *Schema) AppendJSON(dst, row []byte) ([]byte, error) {
	if s.objects {
		return append(dst, row...), nil
	}
	for i, member := range s.members {
		open := byte(',')
		if i == 0 {
			open = '{'
		}
		dst = append(append(dst, open), member...)
		var ok bool
		if dst, row, ok = appendField(dst, row); !ok {
			return dst, errDamaged
		}
	}
	if len(row) > 0 {
		return dst, errDamaged
	}
	if len(s.members) == 0 {
		dst = append(dst, '{')
	}
	return append(dst, '}'), nil
}

// appendField appends the first field of row as JSON and returns the rest.
func appendField(dst, row []byte) (_, rest []byte, ok bool) {
	f, rest, ok := CutField(row)
	switch {
	case !ok:
		return dst, nil, false
	case f.Null:
		return append(dst, "null"...), rest, true
	}
	switch f.Type {
	case Bool:
		return strconv.AppendBool(dst, f.Bool), rest, true
	case Int:
		return strconv.AppendInt(dst, f.Int, 10), rest, true
	case Uint:
		return strconv.AppendUint(dst, f.Uint, 10), rest, true
	case Float:
		return appendJSONFloat(dst, f.Double, 32), rest, true
	case Double:
		return appendJSONFloat(dst, f.Double, 64), rest, true
	}
	return AppendQuoted(dst, f.Bytes), rest, true
}
