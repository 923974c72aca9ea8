// Package extsort sorts records that may not fit into memory.
//
//	Add ─▶ chunks ─(full)─▶ sort ─▶ run 0, run 1, ... ─(too many)─▶ one longer run
//	                                    └────────┴─── merge ─▶ Iterator
//
// A record is a key and a value. Records come out in the bytewise order of
// their keys, and those of one key in the order in which they were added.
//
// As long as all fit into memory, nothing is written. What does not fit is
// written in sorted runs, files that belong to the Sorter and go with it: they are
// never synced, since a crash means to begin anew.
//
// # Run files
//
//	SIZE  FIELD
//	4     length of the key, k, little-endian
//	4     length of the value, v, likewise
//	k     key
//	v     value
//	      ... and the next record
//
// So the record of key "a" and value "xy" is 01000000 02000000 61 7879. A run's
// xxh64 is kept in memory and compared when its end has been read.
package extsort

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/statelab/statelab/vfs"
)

// Options say where and with how much memory to sort.
type Options struct {
	FS     vfs.FS
	Dir    string // of the runs; it must exist once something is written
	Name   string // what the names of runs begin with
	Memory int64  // bytes to collect records in; half of that again serves to merge runs
}

const (
	// chunkSize is the unit in which memory is taken, unless Memory is less.
	chunkSize = 1 << 20
	// entrySize is what a record in memory costs beside itself.
	entrySize = 16
	// bufferLeast and bufferMost bound what is read or written at once.
	bufferLeast = 16 << 10
	bufferMost  = 256 << 10
	// maxFanIn bounds the runs that are merged at once: each is an open file.
	maxFanIn = 256

	headSize = 8 // of a record, before its key
)

// ErrTooLarge says that a key or value is longer than a run can hold.
var ErrTooLarge = errors.New("record is larger than 4 GiB")

// A Sorter collects records, until Sort.
type Sorter struct {
	opts    Options
	entries []entry
	chunks  [][]byte
	used    int // chunks in use; the last of them is being filled
	bytes   int64
	levels  [][]*run // by how often their records were merged
	made    int      // runs, for their names
	spilled int64
	buf     []byte // for writing
}

// An entry is a record in memory: the first eight bytes of its key, which decide most
// comparisons, and where it lies.
type entry struct {
	prefix uint64
	ref    uint64 // chunk<<32 | offset
}

// New returns a Sorter, which is to be closed.
func New(opts Options) *Sorter { return &Sorter{opts: opts} }

// Spilled returns how many bytes of runs have been written.
func (s *Sorter) Spilled() int64 { return s.spilled }

// Held returns how many bytes of memory records take.
func (s *Sorter) Held() int64 { return s.bytes + int64(len(s.entries))*entrySize }

// Add adds a record. It copies key and value.
func (s *Sorter) Add(key, value []byte) error {
	if len(key) > math.MaxUint32 || len(value) > math.MaxUint32 {
		return ErrTooLarge
	}
	size := headSize + len(key) + len(value)
	if len(s.entries) > 0 && s.Held()+int64(size)+entrySize > s.opts.Memory {
		if err := s.spill(); err != nil {
			return err
		}
	}
	c := s.chunkFor(size)
	chunk := s.chunks[c]
	s.entries = append(s.entries, entry{prefixOf(key), uint64(c)<<32 | uint64(len(chunk))})
	s.chunks[c] = appendRecord(chunk, key, value)
	s.bytes += int64(size)
	return nil
}

func appendRecord(dst, key, value []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(key)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(value)))
	return append(append(dst, key...), value...)
}

// chunkFor returns the chunk that has room for so many bytes.
func (s *Sorter) chunkFor(size int) int {
	if s.used > 0 {
		if c := s.chunks[s.used-1]; cap(c)-len(c) >= size {
			return s.used - 1
		}
	}
	usual := int(min(chunkSize, max(s.opts.Memory/4, headSize)))
	if s.used == len(s.chunks) {
		s.chunks = append(s.chunks, nil)
	}
	if cap(s.chunks[s.used]) < size {
		s.chunks[s.used] = make([]byte, 0, max(size, usual))
	}
	s.used++
	return s.used - 1
}

func prefixOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// record returns where the entry's record begins and goes on.
func (s *Sorter) record(e entry) (key, value []byte) {
	b := s.chunks[e.ref>>32][uint32(e.ref):]
	k, v := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	b = b[headSize:]
	return b[:k:k], b[k : uint64(k)+uint64(v)]
}

// sortEntries puts the records in memory in order. Refs grow from record to
// record, so that they keep those of one key in order.
func (s *Sorter) sortEntries() {
	slices.SortFunc(s.entries, func(a, b entry) int {
		if a.prefix != b.prefix {
			if a.prefix < b.prefix {
				return -1
			}
			return 1
		}
		ka, _ := s.record(a)
		kb, _ := s.record(b)
		if c := bytes.Compare(ka, kb); c != 0 {
			return c
		}
		if a.ref < b.ref {
			return -1
		}
		return 1
	})
}

// forget empties the memory. Chunks are kept, unless they are larger than usual.
func (s *Sorter) forget() {
	for i := range s.chunks[:s.used] {
		s.chunks[i] = s.chunks[i][:0]
		if cap(s.chunks[i]) > chunkSize {
			s.chunks[i] = nil
		}
	}
	s.entries, s.used, s.bytes = s.entries[:0], 0, 0
}

// spill writes what is in memory as a run, and merges runs when there are too many.
func (s *Sorter) spill() error {
	s.sortEntries()
	w, err := s.createRun()
	if err != nil {
		return err
	}
	for _, e := range s.entries {
		key, value := s.record(e)
		if err := w.add(key, value); err != nil {
			return errors.Join(err, w.abandon())
		}
	}
	r, err := w.finish()
	if err != nil {
		return err
	}
	s.forget()
	return s.addRun(0, r)
}

// addRun adds a run to a level. Full levels become a run of the next one.
func (s *Sorter) addRun(level int, r *run) error {
	if level == len(s.levels) {
		s.levels = append(s.levels, nil)
	}
	s.levels[level] = append(s.levels[level], r)
	if len(s.levels[level]) < s.fanIn() {
		return nil
	}
	merged, err := s.mergeRuns(s.levels[level])
	if err != nil {
		return err
	}
	s.levels[level] = nil
	return s.addRun(level+1, merged)
}

// fanIn is how many runs are merged at once.
func (s *Sorter) fanIn() int { return int(min(max(s.opts.Memory/2/bufferLeast, 2), maxFanIn)) }

// mergeRuns makes one run of several, which it removes.
func (s *Sorter) mergeRuns(runs []*run) (*run, error) {
	it, err := s.openMerge(runs)
	if err != nil {
		return nil, err
	}
	w, err := s.createRun()
	if err != nil {
		return nil, errors.Join(err, it.Close())
	}
	for err == nil && it.Next() {
		err = w.add(it.Key(), it.Value())
	}
	if err == nil {
		err = it.Err()
	}
	if err != nil {
		return nil, errors.Join(err, it.Close(), w.abandon())
	}
	merged, err := w.finish()
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	for _, r := range runs {
		if rerr := s.opts.FS.Remove(r.name); err == nil {
			err = rerr
		}
	}
	return merged, err
}

// Sort returns all records in order. The Sorter takes no more of them; it must not
// be closed before the Iterator.
func (s *Sorter) Sort() (*Iterator, error) {
	if len(s.levels) == 0 {
		s.sortEntries()
		return &Iterator{sorter: s}, nil
	}
	if len(s.entries) > 0 {
		if err := s.spill(); err != nil {
			return nil, err
		}
	}
	s.entries, s.chunks = nil, nil
	// The oldest records are in the runs that were merged most often.
	var all []*run
	for _, level := range slices.Backward(s.levels) {
		all = append(all, level...)
	}
	for len(all) > s.fanIn() {
		from := len(all) - s.fanIn()
		merged, err := s.mergeRuns(all[from:])
		if err != nil {
			return nil, err
		}
		all = append(all[:from], merged)
		s.levels = [][]*run{all}
	}
	s.levels = [][]*run{all}
	return s.openMerge(all)
}

// Close removes the runs.
func (s *Sorter) Close() error {
	var first error
	for _, level := range s.levels {
		for _, r := range level {
			if err := s.opts.FS.Remove(r.name); first == nil {
				first = err
			}
		}
	}
	s.levels, s.entries, s.chunks = nil, nil, nil
	return first
}

func (s *Sorter) runName() string {
	s.made++
	return filepath.Join(s.opts.Dir, fmt.Sprintf("%s-%06d.run", s.opts.Name, s.made))
}
