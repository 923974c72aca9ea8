package btree

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/statelab/statelab"
)

// Keys and separators of at most an eighth of a page stand whole in their
// cells. Of a longer one the field in the cell holds a head, which settles
// nearly every comparison, and says where the rest is:
//
//	OFFSET SIZE FIELD
//	0      h    head: the first h bytes, where h+16 is an eighth of the page less its header
//	h      4    length of the whole key
//	h+4    12   reference to the stream (stream.go) that holds the rest: id, birth
//
// Each long field owns its stream. When cells move from page to page the field
// moves with them, and the stream stays where it is.
const longKeyTail = 4 + refSize

// keyLimit is the length of the longest key that is not long, and of the field of a long one.
func keyLimit(pageSize int) int { return (pageSize - slottedHeader) / 8 }

// A longField is the field of a long key, taken apart.
type longField struct {
	head []byte
	rest stream
}

func getLongField(field []byte) longField {
	h := len(field) - longKeyTail
	total := int64(binary.LittleEndian.Uint32(field[h:]))
	return longField{field[:h], stream{getRef(field[h+4:]), total - int64(h)}}
}

func validateKeyField(field []byte, long bool, pageSize int) error {
	limit := keyLimit(pageSize)
	if !long {
		if len(field) > limit {
			return errors.New("its key is too long to be whole")
		}
		return nil
	}
	if len(field) != limit {
		return errors.New("its long key's field has a wrong length")
	}
	total := binary.LittleEndian.Uint32(field[limit-longKeyTail:])
	if total > statelab.MaxKeySize || int(total) <= limit || !getLongField(field).rest.valid(pageSize) {
		return errors.New("its long key is none")
	}
	return nil
}

// compareHead compares a key with a long field as far as its head goes. It is
// a tie when only the rest can tell.
func compareHead(key, head []byte) (c int, tie bool) {
	if len(key) > len(head) {
		c = bytes.Compare(key[:len(head)], head)
		return c, c == 0
	}
	// A key that is the head, or begins it, comes before all that go on.
	if c = bytes.Compare(key, head); c == 0 {
		c = -1
	}
	return c, false
}

// appendKey appends the whole key of a field to dst.
func (g *pager) appendKey(dst, field []byte, long bool) ([]byte, error) {
	if !long {
		return append(dst, field...), nil
	}
	f := getLongField(field)
	n := len(dst)
	dst = append(dst, f.head...)
	dst, err := g.appendStream(dst, f.rest)
	if err != nil {
		return dst[:n], err
	}
	return dst, nil
}

// compareRest compares a key, less the head it has in common with a long
// field, with the field's rest.
func (g *pager) compareRest(key []byte, rest stream) (int, error) {
	r := streamReader{pager: g, stream: rest}
	defer r.close()
	for {
		chunk, err := r.chunk()
		if err != nil {
			return 0, err
		}
		if len(chunk) == 0 || len(key) == 0 {
			return len(key) - len(chunk), nil
		}
		n := min(len(key), len(chunk))
		if c := bytes.Compare(key[:n], chunk[:n]); c != 0 {
			return c, nil
		}
		if n < len(chunk) {
			return -1, nil
		}
		key = key[n:]
		r.advance(n)
	}
}

// search returns the first cell from first on whose key is not below key, and
// whether it is key. It may have to give the pin on n up for a moment, to read
// the rest of a long key while holding none; on error n is released.
func (g *pager) search(n *node, first int, key []byte) (at int, exact bool, err error) {
	lo, hi := first, n.count()
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		field, long := n.keyField(mid)
		var c int
		if !long {
			c = bytes.Compare(key, field)
		} else if c, err = g.compareLong(n, key, field); err != nil {
			return 0, false, err
		}
		switch {
		case c == 0:
			return mid, true, nil
		case c < 0:
			hi = mid
		default:
			lo = mid + 1
		}
	}
	return lo, false, nil
}

// compareLong compares key with a long field of n.
func (g *pager) compareLong(n *node, key, field []byte) (int, error) {
	f := getLongField(field)
	c, tie := compareHead(key, f.head)
	if !tie {
		return c, nil
	}
	key = key[len(f.head):]
	r, level := n.ref(), n.level()
	n.release()
	c, err := g.compareRest(key, f.rest)
	if err != nil {
		return 0, err
	}
	*n, err = g.get(r, level)
	return c, err
}

// newKeyField returns the field for a key, made in the given buffer, with a
// stream for what is beyond the head.
func (t *tree) newKeyField(buf, key []byte) (field []byte, long bool, err error) {
	limit := keyLimit(t.pageSize)
	if len(key) <= limit {
		return append(buf, key...), false, nil
	}
	h := limit - longKeyTail
	w := streamWriter{tree: t}
	if err := w.write(key[h:]); err != nil {
		w.close()
		return nil, false, err
	}
	rest := w.close()
	buf = append(buf, key[:h]...)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(key)))
	buf = binary.LittleEndian.AppendUint32(buf, rest.top.id)
	return binary.LittleEndian.AppendUint64(buf, rest.top.birth), true, nil
}

// freeKeyField frees what a field owns.
func (t *tree) freeKeyField(field []byte, long bool) error {
	if !long {
		return nil
	}
	return t.freeStream(getLongField(field).rest)
}
