package row

import (
	"encoding/binary"
	"math"
)

// A Field is one field of a table's row. Which member holds, Type says.
type Field struct {
	Null   bool
	Type   Type // String, Bool, Int, Uint, Float or Double
	Bytes  []byte
	Bool   bool
	Int    int64
	Uint   uint64
	Double float64 // of a Float, too
}

// CutField takes the first field off a row. It returns false if the row is damaged.
func CutField(row []byte) (f Field, rest []byte, ok bool) {
	head, n := binary.Uvarint(row)
	if n <= 0 {
		return f, nil, false
	}
	row = row[n:]
	switch head {
	case headNull:
		f.Null = true
	case headFalse, headTrue:
		f.Type, f.Bool = Bool, head == headTrue
	case headInt:
		f.Type = Int
		f.Int, n = binary.Varint(row)
		return f, row[max(n, 0):], n > 0
	case headUint:
		f.Type = Uint
		f.Uint, n = binary.Uvarint(row)
		return f, row[max(n, 0):], n > 0
	case headFloat:
		if len(row) < 4 {
			return f, nil, false
		}
		f.Type, f.Double = Float, float64(math.Float32frombits(binary.LittleEndian.Uint32(row)))
		row = row[4:]
	case headDouble:
		if len(row) < 8 {
			return f, nil, false
		}
		f.Type, f.Double = Double, math.Float64frombits(binary.LittleEndian.Uint64(row))
		row = row[8:]
	default:
		size := head - headString
		if size > uint64(len(row)) {
			return f, nil, false
		}
		f.Bytes, row = row[:size:size], row[size:]
	}
	return f, row, true
}
