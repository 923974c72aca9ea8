package btree

import "bytes"

// rows are copies of the records of a short range, as a probe of a join reads
// it: an iterator over them holds no snapshot, so that the writer need not keep
// the pages as they were.
type rows struct {
	data []byte
	at   []row
	on   int // the one to stand on
}

// A row says where in data a record's key and value are.
type row struct{ key, value, end int }

// A range of more than so many records, or bytes, is not copied but gone through
// in a snapshot: copying what is not read would cost more than it saves.
const (
	mostRows     = 32
	mostRowBytes = 16 << 10
)

func (r *rows) reset() {
	if r.data == nil {
		r.data = []byte{} // so that an empty key is one
	}
	r.data, r.at = r.data[:0], r.at[:0]
}

// add copies a record and says whether it fits.
func (r *rows) add(key, value []byte) bool {
	if len(r.at) == mostRows || len(r.data)+len(key)+len(value) > mostRowBytes {
		return false
	}
	start := len(r.data)
	r.data = append(append(r.data, key...), value...)
	r.at = append(r.at, row{start, start + len(key), len(r.data)})
	return true
}

func (r *rows) key() []byte {
	at := r.at[r.on]
	return r.data[at.key:at.value:at.value]
}

func (r *rows) value() []byte {
	at := r.at[r.on]
	return r.data[at.value:at.end:at.end]
}

// search returns the first row whose key is not below key. There are so few
// that they are tried one by one.
func (r *rows) search(key []byte) int {
	for i, at := range r.at {
		if bytes.Compare(r.data[at.key:at.value], key) >= 0 {
			return i
		}
	}
	return len(r.at)
}

// stand stands on row i, and returns where that is.
func (r *rows) stand(i int) int {
	switch {
	case i < 0:
		return before
	case i >= len(r.at):
		return after
	}
	r.on = i
	return on
}
