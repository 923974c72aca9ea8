package kv

import (
	"fmt"

	"github.com/statelab/statelab"
)

// Get implements statelab.Store.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	record, err := s.lookUp(dst, key)
	if err != nil {
		return dst, err
	}
	value, live, err := appendLive(dst, record[len(dst):], s.watermark)
	switch {
	case err != nil:
		return dst, fmt.Errorf("get %x: %w", key, err)
	case !live:
		return dst, statelab.ErrNotFound
	}
	return value, nil
}

// lookUp appends the record of key to dst. The caller holds gate.
func (s *Store) lookUp(dst, key []byte) ([]byte, error) {
	if s.closed {
		return nil, statelab.ErrClosed
	}
	if len(key) > statelab.MaxKeySize || s.cfg.MaxKey > 0 && len(key)+1 > s.cfg.MaxKey {
		return nil, statelab.ErrNotFound
	}
	var short [64]byte
	record, found, err := s.db.Get(dst, append(append(short[:0], tagRecord), key...))
	switch {
	case err != nil:
		return nil, fmt.Errorf("get %x: %w", key, err)
	case !found:
		return nil, statelab.ErrNotFound
	}
	return record, nil
}

// Elements implements statelab.ElementStore.
func (s *Store) Elements(key []byte, yield func(element []byte, expireAt int64) bool) error {
	s.gate.RLock()
	record, err := s.lookUp(nil, key)
	watermark := s.watermark
	s.gate.RUnlock()
	if err != nil {
		return err
	}
	live := false
	for len(record) > 0 {
		element, expireAt, rest, err := NextElement(record)
		if err != nil {
			return fmt.Errorf("elements of %x: %w", key, err)
		}
		if !statelab.Expired(expireAt, watermark) {
			live = true
			if !yield(element, expireAt) {
				return nil
			}
		}
		record = rest
	}
	if !live {
		return statelab.ErrNotFound
	}
	return nil
}
