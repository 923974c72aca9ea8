package lsm

import "encoding/binary"

// decoder takes apart what the binary package put together. After the first
// field that is not there it is bad, and returns zeros.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) fail() {
	d.rest, d.bad = nil, true
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count returns a uvarint that fits an int64.
func (d *decoder) count() int64 {
	v := d.uvarint()
	if int64(v) < 0 {
		d.fail()
		return 0
	}
	return int64(v)
}

func (d *decoder) fixed64() uint64 {
	if len(d.rest) < 8 {
		d.fail()
		return 0
	}
	v := binary.LittleEndian.Uint64(d.rest)
	d.rest = d.rest[8:]
	return v
}

// bytes returns a copy of a string of bytes that its length precedes.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := append([]byte{}, d.rest[:n]...)
	d.rest = d.rest[n:]
	return b
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func appendFixed64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }
