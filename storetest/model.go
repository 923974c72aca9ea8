package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/statelab/statelab"
)

// A model is what a store should hold, in the plainest form: for each key its
// live elements. Elements that are dead are dropped at once, since the
// watermark never falls. Slices of elements are never changed once they are in
// a map, so that clone copies the map alone.
type model struct {
	records   map[string][]element
	watermark int64
	bytes     int // of live elements and their keys

	sums [2]uint64 // as state returned them last, for a model that changes no more
}

type element struct {
	value    string
	expireAt int64
}

func newModel() *model {
	return &model{records: map[string][]element{}, watermark: statelab.MinWatermark}
}

func (m *model) clone() *model {
	return &model{records: maps.Clone(m.records), watermark: m.watermark, bytes: m.bytes}
}

func (m *model) apply(ops []statelab.Op) {
	for _, op := range ops {
		var next []element
		if op.Kind == statelab.OpAppend {
			next = slices.Clip(m.records[string(op.Key)])
		}
		if op.Kind != statelab.OpDelete && !statelab.Expired(op.ExpireAt, m.watermark) {
			next = append(next, element{string(op.Value), op.ExpireAt})
		}
		m.set(string(op.Key), next)
	}
}

func (m *model) set(key string, next []element) {
	m.bytes += sizeOf(key, next) - sizeOf(key, m.records[key])
	if len(next) == 0 {
		delete(m.records, key)
		return
	}
	m.records[key] = next
}

func sizeOf(key string, elements []element) (n int) {
	for _, e := range elements {
		n += len(key) + len(e.value)
	}
	return n
}

func (m *model) advance(watermark int64) {
	if watermark <= m.watermark {
		return
	}
	m.watermark = watermark
	for key, elements := range m.records {
		dead := func(e element) bool { return statelab.Expired(e.expireAt, watermark) }
		if slices.ContainsFunc(elements, dead) {
			m.set(key, slices.DeleteFunc(slices.Clone(elements), dead))
		}
	}
}

func (m *model) deleteRange(r statelab.Range) {
	for key := range m.records {
		if r.Contains([]byte(key)) {
			m.set(key, nil)
		}
	}
}

func (m *model) value(key string) (string, bool) {
	elements, ok := m.records[key]
	return join(elements), ok
}

func join(elements []element) string {
	if len(elements) == 1 {
		return elements[0].value
	}
	var b strings.Builder
	for _, e := range elements {
		b.WriteString(e.value)
	}
	return b.String()
}

// keys returns the keys of live records in the range, in order.
func (m *model) keys(r statelab.Range) []string {
	var keys []string
	for key := range m.records {
		if r.Contains([]byte(key)) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// A state is what can be seen of a store from outside: its watermark and all
// records, their elements told apart if the store can do that. Two states are
// equal if their sums are.
type state struct {
	sum   uint64
	model *model
}

var stateSeed = maphash.MakeSeed()

// A stateSum adds up a state, record by record in the order of keys.
type stateSum struct{ h maphash.Hash }

func newStateSum(watermark int64) *stateSum {
	s := new(stateSum)
	s.h.SetSeed(stateSeed)
	s.number(watermark)
	return s
}

func (s *stateSum) number(n int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	s.h.Write(b[:])
}

func (s *stateSum) bytes(b string) {
	s.number(int64(len(b)))
	s.h.WriteString(b)
}

func (s *stateSum) record(key string, elements []element, apart bool) {
	s.bytes(key)
	if !apart {
		s.bytes(join(elements))
		return
	}
	for _, e := range elements {
		s.bytes(e.value)
		s.number(e.expireAt)
	}
	s.number(-1)
}

// state returns the model's, with elements told apart or not. The model must
// not change afterwards.
func (m *model) state(apart bool) state {
	sum := &m.sums[0]
	if apart {
		sum = &m.sums[1]
	}
	if *sum == 0 {
		*sum = m.sum(apart)
	}
	return state{*sum, m}
}

func (m *model) sum(apart bool) uint64 {
	s := newStateSum(m.watermark)
	for _, key := range m.keys(statelab.Range{}) {
		s.record(key, m.records[key], apart)
	}
	return s.h.Sum64()
}

// stateOf reads all that a store holds, forwards, backwards and by Get, and
// returns its state; or what is inconsistent in it. It reads again if the
// iterator has become too old, which maintenance in the background may do to
// it, but not for ever.
func stateOf(s statelab.Store, apart bool) (state, error) {
	const most = 10
	for n := 0; ; n++ {
		st, err := readState(s, apart)
		if n == most || !errors.Is(err, statelab.ErrSnapshotTooOld) {
			return st, err
		}
	}
}

func readState(s statelab.Store, apart bool) (state, error) {
	m := newModel()
	m.watermark = s.Stats().Watermark
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		return state{}, fmt.Errorf("Iter: %w", err)
	}
	defer it.Close()
	var keys []string
	for ok := it.First(); ok; ok = it.Next() {
		key := string(it.Key())
		if len(keys) > 0 && key <= keys[len(keys)-1] {
			return state{}, fmt.Errorf("an iterator stands on %s after %s", quote(key), quote(keys[len(keys)-1]))
		}
		keys = append(keys, key)
		m.records[key] = []element{{string(it.Value()), statelab.NoExpiry}}
	}
	if err := it.Err(); err != nil {
		return state{}, fmt.Errorf("reading forwards: %w", err)
	}
	i := len(keys)
	for ok := it.Last(); ok; ok = it.Prev() {
		i--
		if i < 0 || string(it.Key()) != keys[i] || string(it.Value()) != m.records[keys[i]][0].value {
			return state{}, fmt.Errorf("backwards an iterator reads %s: %s, which is not what it reads forwards", quote(it.Key()), quote(it.Value()))
		}
	}
	if err := it.Err(); err != nil {
		return state{}, fmt.Errorf("reading backwards: %w", err)
	}
	if i != 0 {
		return state{}, fmt.Errorf("backwards an iterator misses %d records", i)
	}
	for _, key := range keys {
		if err := m.readBack(s, key, apart); err != nil {
			return state{}, err
		}
	}
	return m.state(apart), nil
}

// readBack compares the record with Get, and tells its elements apart.
func (m *model) readBack(s statelab.Store, key string, apart bool) error {
	value, err := s.Get(nil, []byte(key))
	if err != nil {
		return fmt.Errorf("Get(%s), which an iterator found: %w", quote(key), err)
	}
	if string(value) != m.records[key][0].value {
		return fmt.Errorf("Get(%s) gives %s and an iterator %s", quote(key), quote(value), quote(m.records[key][0].value))
	}
	if !apart {
		return nil
	}
	var elements []element
	err = statelab.Elements(s, []byte(key), func(e []byte, expireAt int64) bool {
		elements = append(elements, element{string(e), expireAt})
		return true
	})
	if err != nil {
		return fmt.Errorf("Elements(%s), which an iterator found: %w", quote(key), err)
	}
	if join(elements) != string(value) {
		return fmt.Errorf("Elements(%s) makes %s and Get %s", quote(key), quote(join(elements)), quote(value))
	}
	m.records[key] = elements
	return nil
}

// tellsApart says whether the store can tell elements apart.
func tellsApart(s statelab.Store) bool {
	err := statelab.Elements(s, nil, func([]byte, int64) bool { return false })
	return !errors.Is(err, statelab.ErrUnsupported)
}

// difference says how the states differ: in the watermark and, of the records
// that differ, in the first few.
func (got state) difference(want *model) string {
	const most = 8
	var b strings.Builder
	if got.model.watermark != want.watermark {
		fmt.Fprintf(&b, "\n\t\tthe watermark is %s, want %s", timeText(got.model.watermark), timeText(want.watermark))
	}
	keys := got.model.keys(statelab.Range{})
	for _, key := range want.keys(statelab.Range{}) {
		if _, ok := got.model.records[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	n := 0
	for _, key := range keys {
		g, w := got.model.records[key], want.records[key]
		if slices.Equal(g, w) || join(g) == join(w) && len(g) > 0 && len(w) > 0 {
			continue
		}
		if n++; n <= most {
			fmt.Fprintf(&b, "\n\t\t%s is %s, want %s", quote(key), elementText(g), elementText(w))
		}
	}
	fmt.Fprintf(&b, "\n\t\t%d of %d records differ", n, len(want.records))
	return b.String()
}

func elementText(elements []element) string {
	if len(elements) == 0 {
		return "absent"
	}
	parts := make([]string, len(elements))
	for i, e := range elements {
		parts[i] = quote(e.value) + "@" + timeText(e.expireAt)
	}
	return strings.Join(parts, " ")
}
