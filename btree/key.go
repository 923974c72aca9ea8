package btree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

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

// A keyField is the key of a cell. It aliases the page.
type keyField struct {
	lead []byte // the page's prefix, which the cell leaves out
	key  []byte // the rest of the field, as the cell has it
	long bool
}

// size returns the length of the whole field.
func (f keyField) size() int { return len(f.lead) + len(f.key) }

// appendTo appends the whole field to dst.
func (f keyField) appendTo(dst []byte) []byte { return append(append(dst, f.lead...), f.key...) }

// truncatable returns what of key a prefix may take: all, but of a long one some
// bytes of its head must stay, as a slot's head goes by them.
func (f keyField) truncatable() []byte {
	if f.long {
		return f.key[:len(f.key)-longKeyTail-headSize]
	}
	return f.key
}

// clone returns a copy of the whole field.
func (f keyField) clone() keyField { return keyField{key: f.appendTo(nil), long: f.long} }

// compare compares a key that is not long with another.
func (f keyField) compare(key []byte) int {
	n := min(len(f.lead), len(key))
	if c := bytes.Compare(f.lead, key[:n]); c != 0 {
		return c
	}
	return bytes.Compare(f.key, key[n:])
}

// comparable returns what key has of the key itself: all but the tail of a long one.
func (f keyField) comparable() []byte {
	if f.long {
		return f.key[:len(f.key)-longKeyTail]
	}
	return f.key
}

// keyLimit is the length of the longest key that is not long, and of the field of a long one.
func keyLimit(pageSize int) int { return (pageSize - slottedHeader) / 8 }

// rest returns the stream of a long field.
func (f keyField) rest() stream {
	h := len(f.key) - longKeyTail
	total := int64(binary.LittleEndian.Uint32(f.key[h:]))
	return stream{getRef(f.key[h+4:]), total - int64(len(f.lead)+h)}
}

// validate checks a field, and the head in its slot, as far as can be done
// without its page's neighbours.
func (f keyField) validate(head uint32, pageSize int) error {
	if !f.long && f.size() <= keyLimit(pageSize) && headOf(f.key) == head { // as nearly always
		return nil
	}
	return f.fault(head, pageSize)
}

// fault says what is wrong with a field or the head in its slot.
func (f keyField) fault(head uint32, pageSize int) error {
	limit := keyLimit(pageSize)
	switch {
	case !f.long && f.size() > limit:
		return errors.New("its key is too long to be whole")
	case f.long && (f.size() != limit || len(f.key) < longKeyTail+headSize):
		return errors.New("its long key's field has a wrong length")
	}
	if want := headOf(f.comparable()); head != want {
		return fmt.Errorf("B1: its head is %08x, not %08x", head, want)
	}
	if !f.long {
		return nil
	}
	total := binary.LittleEndian.Uint32(f.key[len(f.key)-longKeyTail:])
	if total > statelab.MaxKeySize || int(total) <= limit || !f.rest().valid(pageSize) {
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
func (g *pager) appendKey(dst []byte, f keyField) ([]byte, error) {
	if !f.long {
		return f.appendTo(dst), nil
	}
	n := len(dst)
	dst = append(append(dst, f.lead...), f.comparable()...)
	dst, err := g.appendStream(dst, f.rest())
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
	if prefix := n.prefix(); len(prefix) > 0 {
		switch c := bytes.Compare(key[:min(len(key), len(prefix))], prefix); {
		case c < 0:
			return first, false, nil
		case c > 0:
			return n.count(), false, nil
		}
		key = key[len(prefix):]
	}
	head := headOf(key)
	lo := n.seekHead(first, head)
	if lo == n.count() || n.head(lo) != head {
		return lo, false, nil
	}
	hi := lo + 1
	if hi < n.count() && n.head(hi) == head {
		if hi = n.count(); head < math.MaxUint32 {
			hi = n.seekHead(lo, head+1)
		}
	}
	return g.searchAmong(n, lo, hi, key)
}

// searchAmong is search among the cells from lo up to hi, whose heads are that
// of key, which is without the page's prefix.
func (g *pager) searchAmong(n *node, lo, hi int, key []byte) (at int, exact bool, err error) {
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		var c int
		if f := n.field(mid); !f.long {
			c = bytes.Compare(key, f.key)
		} else if c, err = g.compareLong(n, key, f); err != nil {
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

// compareLong compares key with a long field of n, both without the prefix.
func (g *pager) compareLong(n *node, key []byte, f keyField) (int, error) {
	head, rest := f.comparable(), f.rest()
	c, tie := compareHead(key, head)
	if !tie {
		return c, nil
	}
	key = key[len(head):]
	r, level := n.ref(), n.level()
	n.release()
	c, err := g.compareRest(key, rest)
	if err != nil {
		return 0, err
	}
	*n, err = g.get(r, level)
	return c, err
}

// newKeyField returns the field for a key, made in the given buffer, with a
// stream for what is beyond the head.
func (t *tree) newKeyField(buf, key []byte) (keyField, error) {
	limit := keyLimit(t.pageSize)
	if len(key) <= limit {
		return keyField{key: append(buf, key...)}, nil
	}
	h := limit - longKeyTail
	w := streamWriter{tree: t}
	if err := w.write(key[h:]); err != nil {
		w.close()
		return keyField{}, err
	}
	rest := w.close()
	buf = append(buf, key[:h]...)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(key)))
	buf = binary.LittleEndian.AppendUint32(buf, rest.top.id)
	return keyField{key: binary.LittleEndian.AppendUint64(buf, rest.top.birth), long: true}, nil
}

// freeKeyField frees what a field owns.
func (t *tree) freeKeyField(f keyField) error {
	if !f.long {
		return nil
	}
	return t.freeStream(f.rest())
}
