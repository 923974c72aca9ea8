package bench

import (
	"sync/atomic"

	"github.com/statelab/statelab"
)

// Noop is the name of a store that keeps nothing. What a run over it costs is
// what the harness itself costs.
const Noop = "noop"

// noopStore answers at once: nothing is ever found. It makes no mistake that a
// caller could mistake for an answer, but it is not a Store in the sense of the
// contract, and no result is ever made of it.
type noopStore struct{ ops atomic.Int64 }

func (s *noopStore) Get(dst, _ []byte) ([]byte, error) { return dst, statelab.ErrNotFound }

func (s *noopStore) Apply(b *statelab.Batch) error {
	s.ops.Add(int64(b.Len()))
	return b.Err()
}

func (s *noopStore) Iter(statelab.Range) (statelab.Iterator, error) { return noopIterator{}, nil }
func (s *noopStore) Advance(int64) error                            { return nil }
func (s *noopStore) Sync() error                                    { return nil }
func (s *noopStore) Checkpoint(string) error                        { return statelab.ErrUnsupported }
func (s *noopStore) Stats() statelab.Stats                          { return statelab.Stats{Engine: Noop, Ops: s.ops.Load()} }
func (s *noopStore) Close() error                                   { return nil }

// noopIterator stands on no record.
type noopIterator struct{}

func (noopIterator) First() bool          { return false }
func (noopIterator) Last() bool           { return false }
func (noopIterator) SeekGE(_ []byte) bool { return false }
func (noopIterator) SeekLT(_ []byte) bool { return false }
func (noopIterator) Next() bool           { return false }
func (noopIterator) Prev() bool           { return false }
func (noopIterator) Key() []byte          { return nil }
func (noopIterator) Value() []byte        { return nil }
func (noopIterator) Err() error           { return nil }
func (noopIterator) Close() error         { return nil }
