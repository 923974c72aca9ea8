package lsm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// joinPrefix is where the join key ends in the keys of these tests.
var joinPrefix = statelab.Prefix{Name: "eight", Len: func(key []byte) int { return min(8, len(key)) }}

// recordKey is the key of one of the records of a join key.
func recordKey(joinKey, i int) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(joinKey)*0x9e3779b97f4a7c15), byte(i))
}

// openInline opens a store, in memory if o names no file system, that is checked
// and closed when the test ends.
func openInline(t testing.TB, o Options) *Store {
	t.Helper()
	if o.FS == nil {
		o.FS = vfs.NewMem()
	}
	o.Maintenance = statelab.MaintenanceInline
	s, err := Open("/store", &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// filled returns a store of join keys with a few records each, in tables and
// in a memtable.
func filled(t testing.TB, o Options, joinKeys int) *Store {
	t.Helper()
	o.Prefix = joinPrefix
	s := openInline(t, o)
	var b statelab.Batch
	for i := range joinKeys {
		for j := range 4 {
			b.Append(recordKey(i, j), []byte("a value of some thirty-two bytes")[:20+i%13], int64(joinKeys+i))
		}
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
		b.Reset()
	}
	return s
}

// sourcesOf opens an iterator on a range and says how many layers and tables it
// has to look into.
func sourcesOf(t *testing.T, s *Store, r statelab.Range) (layers, tables int) {
	t.Helper()
	it, err := s.Iter(r)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for _, src := range it.(*iterator).iteration.merge.sources {
		layers++
		switch c := src.(type) {
		case *runCursor:
			tables += len(c.tables)
		case *tableCursor:
			tables++
		}
	}
	return layers, tables
}

func TestProbesOpenOnlyTablesThatMayHoldTheirPrefix(t *testing.T) {
	o := inline(statelab.DurabilityCheckpoint)
	o.Prefix, o.Memory = joinPrefix, 1<<20 // a memtable holds what comes between two Syncs
	s := open(t, vfs.NewMem(), o)
	defer shut(t, s)
	// Three tables with the same bounds, each with join keys of its own.
	for i := range 3 {
		for j := range 100 {
			put(t, s, fmt.Sprintf("join%04d-%d", 3*j+i, j), "v", statelab.NoExpiry)
		}
		put(t, s, "aaaaaaaa", "first", statelab.NoExpiry)
		put(t, s, "zzzzzzzz", "last", statelab.NoExpiry)
		syncNow(t, s)
	}
	if n := len(s.view.Load().version.runs); n != 3 {
		t.Fatalf("%d runs", n)
	}
	opened := 0
	for j := range 300 {
		r := statelab.PrefixRange(fmt.Appendf(nil, "join%04d", j))
		_, tables := sourcesOf(t, s, r)
		opened += tables
		r.Lower = append(r.Lower, '-') // a part of the prefix's range, up to its end
		if _, again := sourcesOf(t, s, r); again != tables {
			t.Errorf("from %s %d tables, from its prefix %d", r.Lower, again, tables)
		}
	}
	if opened < 300 || opened > 320 {
		t.Errorf("300 probes open %d tables, want one each and a few in vain", opened)
	}
	for name, r := range map[string]statelab.Range{
		"a prefix cut short":    statelab.PrefixRange([]byte("join00")),
		"another upper bound":   {Lower: []byte("join0001"), Upper: []byte("join0002a")},
		"a range of two":        {Lower: []byte("join0001"), Upper: []byte("join0003")},
		"everything":            {},
		"from the start":        {Upper: []byte("join0002")},
		"from a prefix onwards": {Lower: []byte("join0001")},
	} {
		if _, tables := sourcesOf(t, s, r); tables != 3 {
			t.Errorf("%s opens %d tables, want all 3", name, tables)
		}
	}
	it, err := s.Iter(statelab.PrefixRange([]byte("join00")))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for it.Next() {
		n++
	}
	if it.Close(); n != 100 {
		t.Errorf("the range of a prefix cut short has %d records, want 100", n)
	}
}

func TestIteratorsPassByDeadTablesThatHideNothing(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityInterval))
	defer shut(t, s)
	var b statelab.Batch
	flushBatch := func() {
		t.Helper()
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
		b.Reset()
		s.flushMu.Lock()
		defer s.flushMu.Unlock()
		if err := s.flushAll(); err != nil {
			t.Fatal(err)
		}
	}
	b.Append([]byte("k"), []byte("old"), 50)
	flushBatch()
	b.Put([]byte("k"), []byte("base"), 5)
	flushBatch()
	b.Append([]byte("k"), []byte("merge"), 5)
	flushBatch()
	if err := s.Advance(5); err != nil {
		t.Fatal(err)
	}
	if _, tables := sourcesOf(t, s, statelab.Range{}); tables != 2 {
		t.Errorf("%d tables are opened, want the base and what it hides", tables)
	}
	read := s.Stats().Filter.Probes
	if _, err := s.Get(nil, []byte("k")); !errors.Is(err, statelab.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if asked := s.Stats().Filter.Probes - read; asked != 1 {
		t.Errorf("Get asks %d filters, want the base's alone", asked)
	}
}

func TestElementsComeOldestFirstFromAllLayers(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	var b statelab.Batch
	apply := func() {
		t.Helper()
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
		b.Reset()
	}
	key := []byte("k")
	b.Append(key, []byte("hidden"), statelab.NoExpiry)
	apply()
	syncNow(t, s)
	b.Put(key, []byte("one"), 10)
	b.Append(key, []byte("two"), 20)
	apply()
	syncNow(t, s)
	b.Append(key, nil, statelab.NoExpiry)
	apply()
	syncNow(t, s)
	b.Append(key, []byte("four"), 7)
	b.Append(key, []byte("five"), 30)
	apply()
	if err := s.Advance(7); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := statelab.Elements(s, key, func(e []byte, expireAt int64) bool {
		got = append(got, fmt.Sprintf("%s@%d", e, expireAt))
		return len(got) < 4
	})
	want := fmt.Sprintf("[one@10 two@20 @%d five@30]", int64(statelab.NoExpiry))
	if fmt.Sprint(got) != want || err != nil {
		t.Errorf("elements %v, %v; want %s", got, err, want)
	}
	if err := statelab.Elements(s, []byte("none"), nil); !errors.Is(err, statelab.ErrNotFound) {
		t.Errorf("elements of nothing: %v", err)
	}
}

// What may be in a record is bounded by its live bytes, which are counted only
// where the bound could be passed.
func TestRecordLimitCountsLiveBytesOfAllLayers(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	const part, limit = 6000, 25600
	s.recordLimit = limit
	element := make([]byte, part)
	var b statelab.Batch
	add := func(n int, expireAt int64) error {
		b.Reset()
		b.Append([]byte("k"), element[:n], expireAt)
		return s.Apply(&b)
	}
	for i := range 4 {
		if err := add(part, int64(10+i)); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			syncNow(t, s)
		}
	}
	rest := limit - 4*part
	if err := add(rest+1, statelab.NoExpiry); !errors.Is(err, statelab.ErrTooLarge) {
		t.Errorf("one byte more than the limit: %v", err)
	}
	if err := add(rest, statelab.NoExpiry); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
	if err := add(1, statelab.NoExpiry); !errors.Is(err, statelab.ErrTooLarge) {
		t.Errorf("another byte: %v", err)
	}
	if err := add(1, statelab.MinWatermark+1); !errors.Is(err, statelab.ErrTooLarge) {
		t.Errorf("another byte that lives for now: %v", err)
	}
	if err := s.Advance(10); err != nil {
		t.Fatal(err)
	}
	if err := add(part, statelab.NoExpiry); err != nil {
		t.Errorf("in the place of what has died: %v", err)
	}
	if err := add(1000, 10); err != nil {
		t.Errorf("what is dead at once takes no place: %v", err)
	}
	syncNow(t, s)
	value, err := s.Get(nil, []byte("k"))
	if err != nil || len(value) != limit {
		t.Errorf("%d bytes, %v", len(value), err)
	}
}

func TestIteratorsCloseTwiceWithoutHarm(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	put(t, s, "a", "1", statelab.NoExpiry)
	first, err := s.Iter(statelab.Range{})
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	second, err := s.Iter(statelab.Range{}) // works with what first gave back
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	first.Close()
	if first.Next() || first.Key() != nil {
		t.Error("a closed iterator moves")
	}
	if !second.Next() || string(second.Key()) != "a" {
		t.Error("closing one iterator again closed another")
	}
}

// An iterator whose snapshot is taken away leaves its user the bytes it holds.
func TestBytesOutliveTheirSnapshot(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	put(t, s, "a", "first", statelab.NoExpiry)
	old, err := s.Iter(statelab.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	old.First()
	key, value := old.Key(), old.Value()
	for i := range 200 {
		put(t, s, fmt.Sprint("b", i), strings.Repeat("x", 500), statelab.NoExpiry)
		it, err := s.Iter(statelab.Range{})
		if err != nil {
			t.Fatal(err)
		}
		it.Last()
		defer it.Close()
	}
	if !errors.Is(old.Err(), statelab.ErrSnapshotTooOld) {
		t.Fatalf("the snapshot is still there: %v", old.Err())
	}
	if string(key) != "a" || string(value) != "first" || !bytes.Equal(old.Key(), key) {
		t.Errorf("the iterator's bytes became %q = %q", key, value)
	}
	if old.Next() || old.Key() != nil || old.Value() != nil {
		t.Errorf("it moves on to %q", old.Key())
	}
	if pinned := s.Stats().Pinned; pinned > s.budget.pinned {
		t.Errorf("%d bytes are pinned, more than %d", pinned, s.budget.pinned)
	}
}

func TestDumpDrawsTheLayers(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	for i, key := range []string{"apple", "date", "fig", "kiwi", "plum"} {
		put(t, s, key, "1", int64(10+i))
	}
	syncNow(t, s)
	if err := s.Advance(10); err != nil {
		t.Fatal(err)
	}
	del(t, s, "plum")
	put(t, s, "a key that is too long to be shown whole", "3", 20)
	syncNow(t, s)
	put(t, s, "pear", "4", 20)
	var b strings.Builder
	if err := statelab.Dump(&b, s); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != wantDump {
		t.Errorf("the dump is\n%s\nwant\n%s", got, wantDump)
	}
}

const wantDump = `lsm store /store
watermark 10, in the tables 10
memtable: 1 key, 456B
level     bytes   written     moved      dead     never  expiring 10 to 20
    0      629B      629B        0B       38B        0B  | ▂ ▁▂ ▂        █|
run 5, level 0: 2 records, 324B
└─ 000004.tbl  324B  2 records  1 tombstone  expiring 20  "a key that is too long t"... to "plum"
run 3, level 0: 5 records, 305B
└─ 000002.tbl  305B  5 records  expiring 10 to 14  "apple" to "plum"
`
