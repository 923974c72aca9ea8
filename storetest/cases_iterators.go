package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/statelab/statelab"
)

func iteratorCases() []testCase {
	return []testCase{
		{"I1", "later writes", 0, iterKeepsRecords},
		{"I1", "later time", 0, iterKeepsWatermark},
		{"I1", "flushes and merges", 0, iterSurvivesChurn},
		{"I2", "every move from everywhere", settled, iterMoves},
		{"I2", "nothing to stand on", settled, iterEmpty},
		{"I3", "seeks clamp", settled, iterClamps},
		{"I4", "bounds", settled, iterBounds},
		{"I5", "steps over the dead", settled, iterSkipsDead},
		{"I6", "bytes until the next move", 0, iterBytes},
		{"I7", "the store is closed", 0, iterAfterClose},
		{"I7", "Close of an iterator", 0, iterClose},
		{"I8", "right or too old", 0, iterTooOld},
		{"I8", "not too early", 0, iterNotTooEarly},
	}
}

func iterKeepsRecords(l *lab) {
	s := l.open()
	s.put("a", "1", never)
	s.put("b", "2", never)
	s.put("c", "3", 100)
	s.add("c", "4", never)
	open := s.iter(statelab.Range{})
	standing := s.iter(statelab.Range{})
	standing.Next()
	s.apply(delOp("a"), putOp("b", "changed", never), addElement("c", "5", never), putOp("d", "new", never), putOp("", "new", never))
	late := s.iter(statelab.Range{})
	s.put("b", "changed again", never)
	s.sync()
	s.del("c")
	wantScan(l, open, "a", "1", "b", "2", "c", "34")
	if got := string(standing.Key()) + string(standing.Value()); got != "a1" {
		l.fail("an iterator that stood on a: 1 stands on %q after later writes", got)
	}
	if !standing.Next() || string(standing.Key()) != "b" || string(standing.Value()) != "2" {
		l.fail("Next from a gives %q: %q, want b: 2", standing.Key(), standing.Value())
	}
	wantScan(l, late, "", "new", "b", "changed", "c", "345", "d", "new")
	s.wantAll("", "new", "b", "changed again", "d", "new")
}

func iterKeepsWatermark(l *lab) {
	s := l.open()
	s.put("a", "1", 5)
	s.put("b", "2", 6)
	s.add("b", "3", 5)
	s.put("c", "4", never)
	before := s.iter(statelab.Range{})
	s.advance(5)
	between := s.iter(statelab.Range{})
	s.advance(6)
	after := s.iter(statelab.Range{})
	s.sync()
	wantScan(l, before, "a", "1", "b", "23", "c", "4")
	wantScan(l, between, "b", "2", "c", "4")
	wantScan(l, after, "c", "4")
}

// iterSurvivesChurn writes several times the write buffer under open
// iterators, some of which are in the middle of their way.
func iterSurvivesChurn(l *lab) {
	o := l.options()
	o.Memory = 8 << 20
	s := l.openWith(o)
	const records, rounds = 64, 12
	value := func(round int) string { return fmt.Sprintf("%04d", round) + strings.Repeat("x", 500) }
	var pairs [rounds][]string
	var its [rounds]statelab.Iterator
	for round := range rounds {
		var ops []statelab.Op
		for i := range records {
			key := fmt.Sprintf("k%03d", i)
			ops = append(ops, putOp(key, value(round), int64(100*round+150)))
			pairs[round] = append(pairs[round], key, value(round))
		}
		s.apply(ops...)
		its[round] = s.iter(statelab.Range{})
		its[round].SeekGE([]byte("k032"))
		s.advance(int64(100 * round))
		if round%3 == 0 {
			s.sync()
		}
	}
	for round, it := range its {
		if !it.Next() || string(it.Key()) != "k033" || string(it.Value()) != value(round) {
			l.fail("the iterator of round %d goes on to %s: %s and %v", round, quote(it.Key()), quote(it.Value()), it.Err())
		}
		wantScan(l, it, pairs[round]...)
	}
}

// A move is one that iterMoves tries.
type move struct {
	name string
	do   func(statelab.Iterator) bool
}

func iterMoves(l *lab) {
	s := l.open()
	keys := []string{"b", "d", "f", "h"}
	for _, k := range []string{"a", "b", "d", "f", "h", "i"} {
		s.put(k, "v"+k, never)
	}
	s.put("e", "dead", statelab.MinWatermark)
	r := bounds("b", "i")
	seek := func(ge bool, key string) move {
		if ge {
			return move{"SeekGE(" + key + ")", func(it statelab.Iterator) bool { return it.SeekGE([]byte(key)) }}
		}
		return move{"SeekLT(" + key + ")", func(it statelab.Iterator) bool { return it.SeekLT([]byte(key)) }}
	}
	moves := []move{
		{"First", statelab.Iterator.First}, {"Last", statelab.Iterator.Last},
		{"Next", statelab.Iterator.Next}, {"Prev", statelab.Iterator.Prev},
	}
	for _, k := range []string{"", "b", "c", "d", "e", "h", "hh", "z"} {
		moves = append(moves, seek(true, k), seek(false, k))
	}
	for _, first := range moves { // all pairs of moves, and a step either way
		for _, second := range moves {
			for _, third := range moves[2:4] {
				it := s.iter(r)
				model := cursor{keys: keys}
				var way []string
				for _, m := range []move{first, second, third} {
					way = append(way, m.name)
					got, want := m.do(it), m.do(&model)
					if got != want || string(it.Key()) != string(model.Key()) {
						l.fail("in %s of %v, after %s: %v on %q and %v, want %v on %q", rangeText(r), keys,
							strings.Join(way, ", "), got, it.Key(), it.Err(), want, model.Key())
					}
					if want && string(it.Value()) != "v"+string(it.Key()) {
						l.fail("after %s the value of %q is %q", strings.Join(way, ", "), it.Key(), it.Value())
					}
				}
				it.Close()
			}
		}
	}
}

func iterEmpty(l *lab) {
	s := l.open()
	check := func(r statelab.Range) {
		l.Helper()
		it := s.iter(r)
		for i, ok := range []bool{it.Next(), it.Prev(), it.First(), it.Last(), it.Next(), it.SeekGE(nil), it.SeekLT([]byte("z")), it.Prev()} {
			if ok || it.Key() != nil || it.Value() != nil || it.Err() != nil {
				l.fail("move %d in the empty %s says %v, on %q, %v", i, rangeText(r), ok, it.Key(), it.Err())
			}
		}
		it.Close()
	}
	check(statelab.Range{})
	s.put("a", "v", never)
	s.put("dead", "v", statelab.MinWatermark)
	s.put("z", "v", never)
	check(bounds("b", "y"))
	check(bounds("z", "a"))
	check(bounds("a", "a"))
}

func iterClamps(l *lab) {
	s := l.open()
	for _, k := range []string{"a", "b", "c", "d", "e"} {
		s.put(k, k, never)
	}
	it := s.iter(bounds("b", "d")) // holds b and c
	for _, tc := range []struct {
		ge        bool
		key, want string
	}{
		{true, "", "b"}, {true, "a", "b"}, {true, "b", "b"}, {true, "bb", "c"}, {true, "c", "c"}, {true, "cc", ""}, {true, "d", ""}, {true, "z", ""},
		{false, "", ""}, {false, "a", ""}, {false, "b", ""}, {false, "bb", "b"}, {false, "c", "b"}, {false, "d", "c"}, {false, "e", "c"}, {false, "z", "c"},
	} {
		name, ok := "SeekLT", false
		if tc.ge {
			name, ok = "SeekGE", it.SeekGE([]byte(tc.key))
		} else {
			ok = it.SeekLT([]byte(tc.key))
		}
		if ok != (tc.want != "") || string(it.Key()) != tc.want {
			l.fail("%s(%q) in [b, d) says %v and stands on %q, want %q", name, tc.key, ok, it.Key(), tc.want)
		}
	}
	for ok := it.First(); ok; ok = it.Next() {
	}
	if !it.Prev() || string(it.Key()) != "c" {
		l.fail("back from the end of [b, d) it stands on %q, want c", it.Key())
	}
}

func iterBounds(l *lab) {
	s := l.open()
	keys := []string{"", "\x00", "a", "a\x00", "a\x00\x00", "aa", "b", "\xff", "\xff\xff"}
	for _, k := range keys {
		s.put(k, "v"+k, never)
	}
	ends := []*string{nil}
	for _, k := range append(keys, "A", "a\x01", "\xff\xff\xff") {
		ends = append(ends, &k)
	}
	for _, lower := range ends {
		for _, upper := range ends {
			var r statelab.Range
			if lower != nil {
				r.Lower = []byte(*lower)
			}
			if upper != nil {
				r.Upper = []byte(*upper)
			}
			var pairs []string
			for _, k := range keys {
				if (lower == nil || k >= *lower) && (upper == nil || k < *upper) {
					pairs = append(pairs, k, "v"+k)
				}
			}
			s.wantRange(r, pairs...)
		}
	}
	s.wantRange(statelab.PrefixRange([]byte("a")), "a", "va", "a\x00", "va\x00", "a\x00\x00", "va\x00\x00", "aa", "vaa")
	s.wantRange(statelab.PrefixRange([]byte("\xff")), "\xff", "v\xff", "\xff\xff", "v\xff\xff")
}

func iterSkipsDead(l *lab) {
	s := l.open()
	var pairs []string
	for i := range 200 {
		key := fmt.Sprintf("k%03d", i)
		switch i % 5 {
		case 0:
			s.put(key, "dies", 10)
		case 1:
			s.put(key, "old", never)
			s.put(key, "dead", statelab.MinWatermark)
		case 2:
			s.put(key, "old", never)
			s.del(key)
		case 3:
			s.add(key, "a", 10)
			s.add(key, "b", never)
			s.add(key, "c", 20)
			pairs = append(pairs, key, "bc")
		case 4:
			s.put(key, "", never)
			pairs = append(pairs, key, "")
		}
		if l.settle != nil && i == 40 {
			break // settling after each of hundreds of steps adds nothing
		}
	}
	s.advance(10)
	s.wantAll(pairs...)
	it := s.iter(statelab.Range{})
	if !it.SeekGE([]byte("k000")) || string(it.Key()) != "k003" {
		l.fail("SeekGE of a dead record stands on %q, want k003", it.Key())
	}
	if !it.SeekLT([]byte("k008")) || string(it.Key()) != "k004" {
		l.fail("SeekLT over dead records stands on %q, want k004", it.Key())
	}
	if !it.SeekLT([]byte("k004")) || string(it.Key()) != "k003" || it.Prev() {
		l.fail("dead records before the first live one are not stepped over: on %q", it.Key())
	}
}

func iterBytes(l *lab) {
	s := l.open()
	s.put("a", "one", never)
	s.put("b", "", never)
	s.put("c", strings.Repeat("three", 5000), never)
	it := s.iter(statelab.Range{})
	if it.Key() != nil || it.Value() != nil {
		l.fail("a fresh iterator has key %q and value %q, want nil", it.Key(), it.Value())
	}
	it.Next()
	key, value := it.Key(), it.Value()
	s.put("a", "changed", never)
	for i := range 100 { // a change of the store is not a move
		s.put(fmt.Sprint("n", i%7), strings.Repeat("n", i*10), never)
	}
	s.sync()
	if string(key) != "a" || string(value) != "one" {
		l.fail("key and value changed to %q: %q while the iterator did not move", key, value)
	}
	it.Next()
	if it.Value() == nil && it.Key() != nil {
		l.fail("the value of a record whose element is empty is nil, want empty")
	}
	it.Next()
	key, value = it.Key(), it.Value()
	other := s.iter(statelab.Range{})
	if !other.First() || string(other.Key()) != "a" || string(other.Value()) != "changed" {
		l.fail("another iterator begins at %s: %s", quote(other.Key()), quote(other.Value()))
	}
	if string(key) != "c" || string(value) != strings.Repeat("three", 5000) {
		l.fail("moves of another iterator changed key and value to %s: %s", quote(key), quote(value))
	}
	for it.Next() {
	}
	if it.Key() != nil || it.Value() != nil {
		l.fail("past the end the key is %q and the value %q, want nil", it.Key(), it.Value())
	}
}

func iterAfterClose(l *lab) {
	s := l.open()
	s.put("a", "1", never)
	s.put("b", "2", never)
	fresh, standing := s.iter(statelab.Range{}), s.iter(statelab.Range{})
	standing.First()
	key, value := standing.Key(), standing.Value()
	l.forget(s)
	if err := s.Store.Close(); err != nil {
		l.fail("Close with open iterators: %v", err)
	}
	if string(key) != "a" || string(value) != "1" {
		l.fail("closing the store changed bytes that an iterator had handed out to %q: %q", key, value)
	}
	for _, it := range []statelab.Iterator{fresh, standing} {
		for i, ok := range []bool{it.First(), it.Last(), it.Next(), it.Prev(), it.SeekGE([]byte("a")), it.SeekLT([]byte("z"))} {
			if ok || it.Key() != nil || it.Value() != nil {
				l.fail("move %d after the store was closed says %v and stands on %q", i, ok, it.Key())
			}
		}
		if !errors.Is(it.Err(), statelab.ErrClosed) {
			l.fail("Err after the store was closed is %v, want ErrClosed", it.Err())
		}
		for range 2 {
			if err := it.Close(); !errors.Is(err, statelab.ErrClosed) {
				l.fail("Close of an iterator after its store's returns %v, want Err's error: ErrClosed", err)
			}
		}
	}
}

func iterClose(l *lab) {
	s := l.open()
	s.put("a", "1", never)
	it := s.iter(statelab.Range{})
	it.First()
	for range 3 {
		if err := it.Close(); err != nil {
			l.fail("Close of an iterator: %v", err)
		}
	}
	if it.Next() || it.First() || it.Key() != nil || it.Value() != nil {
		l.fail("a closed iterator stands on %q", it.Key())
	}
	s.wantAll("a", "1")
}

// churnValue is a value of which a handful fill a small budget.
var churnValue = strings.Repeat("0123456789abcdef", 64)

// iterTooOld overwrites many times the budget under open iterators: each is
// right or too old, and the store works on, within its budget.
func iterTooOld(l *lab) {
	o := l.options()
	o.Memory = 1 << 20
	s := l.openWith(o)
	const records = 100 // of 1 KiB: a tenth of the budget
	var pairs []string
	write := func(round int) {
		for i := range records {
			s.put(fmt.Sprintf("k%03d", i), fmt.Sprintf("%06d", round)+churnValue, never)
		}
	}
	write(0)
	for i := range records {
		pairs = append(pairs, fmt.Sprintf("k%03d", i), "000000"+churnValue)
	}
	its := []statelab.Iterator{s.iter(statelab.Range{}), s.iter(statelab.Range{})}
	its[1].SeekGE([]byte("k050"))
	for round := 1; round <= 80; round++ {
		write(round)
		if round%20 == 10 {
			its = append(its, s.iter(statelab.Range{}))
			s.sync()
		}
		if st := s.Stats(); st.Memory > 2*o.Memory || l.cfg.MemoryResident && st.Memory > o.Memory {
			l.fail("with iterators open and %d rounds of overwriting done the store holds %d bytes, of a budget of %d", round, st.Memory, o.Memory)
		}
	}
	for i, it := range its[:2] {
		l.rightOrTooOld(it, fmt.Sprint("iterator ", i), pairs)
	}
	for _, it := range its {
		it.Close()
	}
	for i := range records {
		s.want(fmt.Sprintf("k%03d", i), "000080"+churnValue)
	}
}

// rightOrTooOld reads the iterator both ways; it may fail at any move with
// ErrSnapshotTooOld, and then for good.
func (l *lab) rightOrTooOld(it statelab.Iterator, name string, pairs []string) {
	l.Helper()
	got := 0
	for ok := it.First(); ok; ok = it.Next() {
		if got >= len(pairs) || string(it.Key()) != pairs[got] || string(it.Value()) != pairs[got+1] {
			l.fail("%s, under which the store was overwritten, reads %s: %s as its record %d", name, quote(it.Key()), quote(it.Value()), got/2)
		}
		got += 2
	}
	switch err := it.Err(); {
	case err == nil && got != len(pairs):
		l.fail("%s, under which the store was overwritten, reads %d records and no error, want %d", name, got/2, len(pairs)/2)
	case err == nil:
		wantScan(l, it, pairs...)
	case !errors.Is(err, statelab.ErrSnapshotTooOld):
		l.fail("%s, under which the store was overwritten, fails with %v, want ErrSnapshotTooOld", name, err)
	default:
		if it.First() || it.Last() || it.Key() != nil || !errors.Is(it.Err(), statelab.ErrSnapshotTooOld) {
			l.fail("%s works again after it was too old", name)
		}
		if cerr := it.Close(); !errors.Is(cerr, statelab.ErrSnapshotTooOld) {
			l.fail("Close of %s returns %v, want Err's error: ErrSnapshotTooOld", name, cerr)
		}
	}
}

// iterNotTooEarly overwrites less than a quarter of the budget.
func iterNotTooEarly(l *lab) {
	o := l.options()
	o.Memory = 16 << 20
	s := l.openWith(o)
	var pairs []string
	for i := range 100 {
		key := fmt.Sprintf("k%03d", i)
		s.put(key, churnValue, never)
		pairs = append(pairs, key, churnValue)
	}
	it := s.iter(statelab.Range{})
	for range 5 { // half a MiB, a thirtieth of the budget
		for i := range 100 {
			s.put(fmt.Sprintf("k%03d", i), "new"+churnValue, never)
		}
		s.sync()
	}
	wantScan(l, it, pairs...)
}

// A cursor is the model of an iterator: it moves over sorted keys as clause I2
// says. It stands on keys[at]; at is -1 before the start and len(keys) past the end.
type cursor struct {
	keys  []string
	at    int
	moved bool
}

func (c *cursor) First() bool { return c.to(0) }
func (c *cursor) Last() bool  { return c.to(len(c.keys) - 1) }

func (c *cursor) SeekGE(key []byte) bool {
	at, _ := slices.BinarySearch(c.keys, string(key))
	return c.to(at)
}

func (c *cursor) SeekLT(key []byte) bool {
	at, _ := slices.BinarySearch(c.keys, string(key))
	return c.to(at - 1)
}

func (c *cursor) Next() bool {
	if !c.moved {
		return c.First()
	}
	return c.to(min(c.at+1, len(c.keys)))
}

func (c *cursor) Prev() bool {
	if !c.moved {
		return c.Last()
	}
	return c.to(max(c.at-1, -1))
}

func (c *cursor) to(at int) bool {
	c.at, c.moved = at, true
	return at >= 0 && at < len(c.keys)
}

func (c *cursor) Key() []byte {
	if !c.moved || c.at < 0 || c.at >= len(c.keys) {
		return nil
	}
	return []byte(c.keys[c.at])
}

// Value, Err and Close make a cursor a statelab.Iterator; it knows keys only.
func (c *cursor) Value() []byte { return nil }
func (c *cursor) Err() error    { return nil }
func (c *cursor) Close() error  { return nil }
