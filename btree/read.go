package btree

import "github.com/statelab/statelab"

// find returns the leaf of a position where key belongs, pinned, and the first
// record in it that is not below key, and whether it is key's. If path is not
// nil the way is written there, by level.
func (g *pager) find(pos position, key []byte, path *[maxHeight]step) (leaf node, at int, exact bool, err error) {
	r := pos.root
	for level := pos.height - 1; ; level-- {
		n, err := g.get(r, level)
		if err != nil {
			return node{}, 0, false, err
		}
		if level == 0 {
			if at, exact, err = g.search(&n, 0, key); err != nil {
				return node{}, 0, false, err
			}
			if path != nil {
				path[0] = step{r, at, at == n.count()}
			}
			return n, at, exact, nil
		}
		if at, err = g.childFor(&n, key); err != nil {
			return node{}, 0, false, err
		}
		if path != nil {
			path[level] = step{r, at, at == n.count()-1}
		}
		r = n.child(at)
		n.release()
	}
}

// appendRecord appends what is alive of a key's record to dst, and says whether
// there is anything: what the main tree has, and behind that what the write
// buffer has, unless it covers. The caller is within the gate.
func (s *Store) appendRecord(dst, key []byte) (out []byte, found bool, err error) {
	var leaf node
	at, buffered := 0, false
	if b := &s.buffer; b.shown.height > 0 {
		if leaf, at, buffered, err = b.find(b.shown.position, key, nil); err != nil {
			return dst, false, err
		}
	}
	out = dst
	if !buffered || !leaf.record(at).covers {
		if out, found, err = s.tree.appendOwn(dst, key); err != nil {
			return dst, false, err
		}
	}
	if !buffered {
		return out, found, nil
	}
	out, more, err := s.buffer.appendValue(out, &leaf, at, s.buffer.shown.watermark)
	if err != nil {
		return dst, false, err
	}
	return out, found || more, nil
}

// appendOwn is appendRecord of what the tree itself has.
func (t *tree) appendOwn(dst, key []byte) ([]byte, bool, error) {
	leaf, at, exact, err := t.find(t.shown.position, key, nil)
	if err != nil || !exact {
		leaf.release()
		return dst, false, err
	}
	return t.appendValue(dst, &leaf, at, t.shown.watermark)
}

// childFor returns the cell of an inner page whose subtree is key's. On error
// n is released.
func (g *pager) childFor(n *node, key []byte) (int, error) {
	at, exact, err := g.search(n, 1, key)
	if err != nil || exact {
		return at, err
	}
	return at - 1, nil
}

// appendValue appends the live elements of record at of a leaf to dst and says
// whether there are any. It releases the leaf. On error dst is as it was, but
// for bytes beyond its end.
func (g *pager) appendValue(dst []byte, leaf *node, at int, watermark int64) ([]byte, bool, error) {
	r := leaf.record(at)
	if r.spilled {
		s := getSpill(r.body)
		leaf.release()
		if statelab.Expired(s.dieAt, watermark) {
			return dst, false, nil
		}
		return g.appendSpilled(dst, s.stream, watermark)
	}
	found := false
	for body := r.body; len(body) > 0; {
		element, expireAt, rest := nextElement(body)
		if !statelab.Expired(expireAt, watermark) {
			dst = append(dst, element...)
			found = true
		}
		body = rest
	}
	leaf.release()
	return dst, found, nil
}

// appendSpilled is appendValue for a body in a stream.
func (g *pager) appendSpilled(dst []byte, s stream, watermark int64) ([]byte, bool, error) {
	n, found := len(dst), false
	r := streamReader{pager: g, stream: s}
	defer r.close()
	for r.more() {
		size, expireAt, err := r.elementHeader()
		if err != nil {
			return dst[:n], false, err
		}
		if statelab.Expired(expireAt, watermark) {
			r.advance(size)
			continue
		}
		found = true
		if dst, err = r.appendNext(dst, size); err != nil {
			return dst[:n], false, err
		}
	}
	return dst, found, nil
}

// measure returns what a spilled body would be without its dead elements.
func (g *pager) measure(s stream, watermark int64) (length, payload, dieAt int64, err error) {
	dieAt = statelab.MinWatermark
	r := streamReader{pager: g, stream: s}
	defer r.close()
	for r.more() {
		start := r.offset
		n, expireAt, err := r.elementHeader()
		if err != nil {
			return 0, 0, 0, err
		}
		r.advance(n)
		if !statelab.Expired(expireAt, watermark) {
			length += r.offset - start
			payload += int64(n)
			dieAt = max(dieAt, expireAt)
		}
	}
	return length, payload, dieAt, nil
}

// eachLive calls yield with the live elements of a spilled body and their
// headers, in pieces.
func (g *pager) eachLive(s stream, watermark int64, yield func([]byte) error) error {
	r := streamReader{pager: g, stream: s}
	defer r.close()
	for r.more() {
		n, expireAt, err := r.elementHeader()
		if err != nil {
			return err
		}
		if statelab.Expired(expireAt, watermark) {
			r.advance(n)
			continue
		}
		var head [maxElementHeader]byte
		if err := yield(appendElementHeader(head[:0], n, expireAt)); err != nil {
			return err
		}
		for n > 0 {
			chunk, err := r.chunk()
			if err != nil {
				return err
			}
			chunk = chunk[:min(n, len(chunk))]
			if err := yield(chunk); err != nil {
				return err
			}
			r.advance(len(chunk))
			n -= len(chunk)
		}
	}
	return nil
}
