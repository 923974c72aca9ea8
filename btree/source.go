package btree

import (
	"bytes"

	"github.com/statelab/statelab"
)

// A source yields the records of a write buffer, or of a snapshot of one, in the
// order of their keys. Lent pages are not pinned, so that it can stand on one
// while it is read on; they must not change meanwhile.
type source struct {
	cursor cursor
	until  []byte // the first key that is not yielded; nil is none
	leaf   node
	at     int
	ok     bool // it stands on a record
	record record
	key    []byte // of the record, whole
}

// open stands on the first record from from on.
func (s *source) open(g *pager, pos position, from, until []byte) error {
	s.cursor.pager, s.cursor.pos = g, pos
	s.cursor.pos.watermark = statelab.MinWatermark // dead ones too: they may cover
	s.until, s.ok = until, false
	if pos.height == 0 {
		return nil
	}
	var err error
	if s.leaf, s.at, _, err = g.find(s.cursor.pos, from, &s.cursor.path); err != nil {
		return err
	}
	return s.settle()
}

// next goes to the next record.
func (s *source) next() error {
	s.at++
	return s.settle()
}

func (s *source) settle() error {
	for s.at == s.leaf.count() {
		leaf, err := s.cursor.nextLeaf(1, 1)
		if err != nil || leaf.page == nil {
			s.ok = false
			return err
		}
		s.leaf, s.at = leaf, 0
	}
	s.record = s.leaf.record(s.at)
	var err error
	if s.key, err = s.cursor.pager.appendKey(s.key[:0], s.record.keyField); err != nil {
		return err
	}
	s.ok = s.until == nil || bytes.Compare(s.key, s.until) < 0
	return nil
}

// before says whether it stands on a record below key, where nil is the end.
func (s *source) before(key []byte) bool { return s.ok && (key == nil || s.below(key)) }

// below says whether it stands on a record below key, which may be an empty one.
func (s *source) below(key []byte) bool { return s.ok && bytes.Compare(s.key, key) < 0 }
