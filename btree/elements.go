package btree

import (
	"fmt"

	"github.com/statelab/statelab"
)

// Elements implements statelab.ElementStore. The elements are read at once and
// yielded after, so yield may call the store.
func (s *Store) Elements(key []byte, yield func(element []byte, expireAt int64) bool) error {
	body, watermark, err := s.readBody(key)
	if err != nil {
		return err
	}
	found := false
	for len(body) > 0 {
		var element []byte
		var expireAt int64
		element, expireAt, body = nextElement(body)
		if statelab.Expired(expireAt, watermark) {
			continue
		}
		found = true
		if !yield(element, expireAt) {
			return nil
		}
	}
	if !found {
		return statelab.ErrNotFound
	}
	return nil
}

// readBody returns the elements of key's record, dead ones too, and the watermark.
func (s *Store) readBody(key []byte) ([]byte, int64, error) {
	defer s.gate.leave(s.gate.enter())
	if s.closed {
		return nil, 0, statelab.ErrClosed
	}
	newer, covers, err := s.buffer.body(key)
	if err != nil {
		return nil, 0, fmt.Errorf("elements: %w", err)
	}
	if covers {
		return newer, s.tree.shown.watermark, nil
	}
	body, _, err := s.tree.body(key)
	if err != nil {
		return nil, 0, fmt.Errorf("elements: %w", err)
	}
	return append(body, newer...), s.tree.shown.watermark, nil
}

// body returns the elements that the tree has of a key, and whether they cover.
func (t *tree) body(key []byte) (body []byte, covers bool, err error) {
	if t.shown.height == 0 {
		return nil, false, nil
	}
	leaf, at, exact, err := t.find(t.shown.position, key, nil)
	if err != nil || !exact {
		leaf.release()
		return nil, false, err
	}
	r := leaf.record(at)
	covers = r.covers
	if !r.spilled {
		body = append(body, r.body...)
		leaf.release()
		return body, covers, nil
	}
	stream := getSpill(r.body).stream
	leaf.release()
	if body, err = t.appendStream(nil, stream); err != nil {
		return nil, false, err
	}
	if _, ok := validBody(body); !ok {
		return nil, false, t.corrupt(stream.top.id, "a spilled body is no sequence of elements")
	}
	return body, covers, nil
}
