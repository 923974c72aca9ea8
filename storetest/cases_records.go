package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/statelab/statelab"
)

const never = statelab.NoExpiry

func recordCases() []testCase {
	return []testCase{
		{"K1", "Get appends to dst", settled, getAppends},
		{"K1", "the bytes belong to the caller", settled, getGivesAway},
		{"K2", "a missing key", settled, getMissing},
		{"K3", "order and all bytes", settled, keyOrder},
		{"K4", "limits of one operation", 0, operationLimits},
		{"K4", "growth by Append", needsTime, recordGrowth},
		{"K5", "Put replaces", settled, putReplaces},
		{"K6", "Append adds at the end", settled, appendAdds},
		{"K6", "elements apart", settled, elementsApart},
		{"K7", "Delete", settled, deleteRemoves},
		{"K7", "DeleteRange", settled, deleteRangeRemoves},
		{"K8", "each element at its own time", settled, elementExpiry},
		{"K8", "extreme times", settled, extremeExpiry},
		{"K8", "dead on arrival", settled, deadOnArrival},
		{"K9", "what is shadowed stays gone", settled, shadowing},
		{"K10", "order within a batch", settled, batchOrder},
		{"K10", "all at once", 0, batchAtomic},
		{"K11", "the caller's memory is the caller's", 0, applyCopies},
		{"K12", "visible to all later calls", 0, visibleOnReturn},
		{"K13", "MultiGet", settled, multiGet},
		{"K13", "MultiGet of many keys", settled, multiGetMany},
	}
}

func getAppends(l *lab) {
	s := l.open()
	s.put("k", "value", never)
	s.put("empty", "", never)
	for _, tc := range []struct{ dst, key, want string }{
		{"", "k", "value"}, {"dst:", "k", "dst:value"}, {"dst:", "empty", "dst:"},
	} {
		for _, room := range []int{0, 1, 100} {
			dst := append(make([]byte, 0, len(tc.dst)+room), tc.dst...)
			got, err := s.Get(dst, []byte(tc.key))
			if err != nil || string(got) != tc.want {
				l.fail("Get(%q with room for %d more, %q) = %q, %v, want %q", tc.dst, room, tc.key, got, err, tc.want)
			}
			if string(dst) != tc.dst {
				l.fail("Get changed the bytes of dst from %q to %q", tc.dst, dst)
			}
		}
	}
}

func getGivesAway(l *lab) {
	s := l.open()
	s.put("k", "value", never)
	got, err := s.Get(nil, []byte("k"))
	if err != nil {
		l.fail("Get: %v", err)
	}
	for i := range got {
		got[i] = '!'
	}
	s.want("k", "value")
	held, _ := s.Get(nil, []byte("k"))
	s.put("k", "other", never)
	if string(held) != "value" {
		l.fail("a value that Get returned changed to %q when the record was replaced", held)
	}
}

func getMissing(l *lab) {
	s := l.open()
	s.put("b", "value", 10)
	s.put("d", "value", never)
	s.put("gone", "value", never)
	s.del("gone")
	s.advance(10)
	for _, key := range []string{"", "a", "b", "b\x00", "c", "d\x00", "e", "gone", "\xff"} {
		dst := append(make([]byte, 0, 64), "dst"...)
		got, err := s.Get(dst, []byte(key))
		if !errors.Is(err, statelab.ErrNotFound) {
			l.fail("Get(%q): error %v, want ErrNotFound", key, err)
		}
		if string(got) != "dst" {
			l.fail("Get(%q) returned %q with ErrNotFound, want dst as it was: %q", key, got, "dst")
		}
	}
	if got, _ := s.Get(nil, []byte("a")); len(got) != 0 {
		l.fail("Get(nil, %q) returned %q with ErrNotFound", "a", got)
	}
}

func keyOrder(l *lab) {
	keys := []string{"", "\x00", "\x00\x00", "\x00\xff", "\x01", "A", "AB", "a", "a\x00", "a\x00b", "ab", "b", "\x7f", "\x80",
		"\xc3\xa9", "\xfe", "\xff", "\xff\x00", "\xff\xff", strings.Repeat("\xff", 300), strings.Repeat("k", l.cfg.maxKey())}
	slices.Sort(keys)
	s := l.open()
	var ops []statelab.Op
	var pairs []string
	for i, key := range keys {
		value := fmt.Sprint("v", i)
		if i%3 == 0 {
			value = "" // an empty element is an element
		}
		pairs = append(pairs, key, value)
		ops = append(ops, putOp(key, value, never))
	}
	for i := range ops {
		j := (i * 8) % len(ops) // 8 and 21 have no common factor: each once, out of order
		s.apply(ops[j])
	}
	s.wantAll(pairs...)
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	s.put("all bytes", string(all[:]), never)
	s.want("all bytes", string(all[:]))
}

// operationLimits tries keys and elements at and over their limits; a batch
// that holds one too large has no effect.
func operationLimits(l *lab) {
	s := l.open()
	s.put("old", "value", never)
	long := strings.Repeat("k", l.cfg.maxKey())
	s.put(long, "at the limit", never)
	s.want(long, "at the limit")
	huge := make([]byte, statelab.MaxRecordSize+1)
	for _, tc := range []struct {
		name string
		op   statelab.Op
	}{
		{"a Put of a long key", putOp(long+"k", "v", never)},
		{"an Append to a long key", addElement(long+"k", "v", never)},
		{"a Delete of a long key", delOp(long + "k")},
		{"a Put of a long value", statelab.Op{Kind: statelab.OpPut, Key: []byte("huge"), Value: huge, ExpireAt: never}},
		{"an Append of a long value", statelab.Op{Kind: statelab.OpAppend, Key: []byte("huge"), Value: huge, ExpireAt: never}},
	} {
		err := s.try(putOp("before", "v", never), delOp("old"), tc.op, putOp("after", "v", never))
		if !errors.Is(err, statelab.ErrTooLarge) {
			l.fail("a batch with %s: error %v, want ErrTooLarge", tc.name, err)
		}
		s.wantAll(long, "at the limit", "old", "value")
	}
	s.put("old", "new", never) // the store goes on
	s.wantAll(long, "at the limit", "old", "new")
}

// recordGrowth takes a record over MaxRecordSize by appending. What counts is
// what is alive when the operation takes its turn.
func recordGrowth(l *lab) {
	const big, small = 200 << 20, 56 << 20 // together just within the limit
	zeros := make([]byte, big+1)
	app := func(n int, expireAt int64) statelab.Op {
		return statelab.Op{Kind: statelab.OpAppend, Key: []byte("k"), Value: zeros[:n], ExpireAt: expireAt}
	}
	o := l.options()
	o.Memory = 0
	s := l.openWith(o)
	wantSize := func(size int) {
		l.Helper()
		if got, err := s.Get(nil, []byte("k")); err != nil || len(got) != size {
			l.fail("Get returns %d bytes and %v, want %d bytes", len(got), err, size)
		}
	}
	refuse := func(what string, ops ...statelab.Op) {
		l.Helper()
		if err := s.try(ops...); !errors.Is(err, statelab.ErrTooLarge) {
			l.fail("%s: error %v, want ErrTooLarge", what, err)
		}
	}
	s.apply(app(big, 10))
	refuse("200 MiB, and 56 MiB and a byte more", app(small+1, never))
	refuse("the same amid others", putOp("a", "v", never), app(small+1, never), putOp("z", "v", never))
	refuse("the same in two steps of one batch", app(small, never), app(1, never))
	wantSize(big)
	s.wantNone("a")
	s.wantNone("z")
	s.advance(10)
	s.apply(app(small, never)) // dead elements do not count
	wantSize(small)
	refuse("56 MiB, and 200 MiB and a byte more", app(big+1, never))
	s.apply(app(big, never), putOp("k", "small", never), app(small+1, never)) // a Put begins the count again
	wantSize(len("small") + small + 1)
	s.del("k")
	s.wantAll()
}

func putReplaces(l *lab) {
	s := l.open()
	s.put("k", "one", never)
	s.put("k", "two", never)
	s.want("k", "two")
	s.add("k", "+", never)
	s.add("k", "++", never)
	s.put("k", "three", never)
	s.want("k", "three")
	s.put("k", "", never)
	s.wantAll("k", "")
}

func appendAdds(l *lab) {
	s := l.open()
	s.add("new", "a", never)
	s.put("k", "1", never)
	s.add("k", "2", 50)
	s.add("k", "", never)
	s.apply(addElement("k", "3", never), addElement("k", "4", 50), addElement("new", "b", never))
	s.add("k", "5", never)
	s.wantAll("k", "12345", "new", "ab")
	s.del("k")
	s.add("k", "6", never)
	s.wantAll("k", "6", "new", "ab")
	long := strings.Repeat("0123456789abcdef", 1024)
	want := ""
	for i := range 5 { // elements of several pages
		s.add("long", long[i:], never)
		want += long[i:]
	}
	s.wantAll("k", "6", "long", want, "new", "ab")
}

func elementsApart(l *lab) {
	s := l.open()
	s.put("k", "one", 30)
	s.add("k", "", never)
	s.add("k", "two", 10)
	s.add("k", "three", 20)
	if _, err := elementsText(s, "k"); errors.Is(err, statelab.ErrUnsupported) {
		l.Skip("the store cannot tell elements apart")
	}
	check := func(key, want string) {
		l.Helper()
		if got, err := elementsText(s, key); err != nil || got != want {
			l.fail("Elements(%q) gives %s and %v, want %s", key, got, err, want)
		}
	}
	check("k", `"one"@30 ""@never "two"@10 "three"@20 `)
	s.advance(10)
	check("k", `"one"@30 ""@never "three"@20 `)
	s.advance(20)
	check("k", `"one"@30 ""@never `)
	s.put("short", "x", 21)
	s.advance(21)
	for _, key := range []string{"short", "absent"} {
		if _, err := elementsText(s, key); !errors.Is(err, statelab.ErrNotFound) {
			l.fail("Elements(%q): error %v, want ErrNotFound", key, err)
		}
	}
	n := 0
	err := statelab.Elements(s.Store, []byte("k"), func([]byte, int64) bool { n++; return false })
	if err != nil || n != 1 {
		l.fail("Elements went on to %d elements after yield returned false, error %v", n, err)
	}
}

func elementsText(s *store, key string) (string, error) {
	var b strings.Builder
	err := statelab.Elements(s.Store, []byte(key), func(element []byte, expireAt int64) bool {
		fmt.Fprintf(&b, "%q@%s ", element, timeText(expireAt))
		return true
	})
	return b.String(), err
}

func deleteRemoves(l *lab) {
	s := l.open()
	s.del("absent")
	s.del("")
	s.put("a", "1", never)
	s.put("b", "2", never)
	s.put("b\x00", "3", never)
	s.add("b", "+", 50)
	s.del("b")
	s.wantAll("a", "1", "b\x00", "3")
	s.del("b")
	s.wantAll("a", "1", "b\x00", "3")
	s.put("b", "again", never)
	s.wantAll("a", "1", "b", "again", "b\x00", "3")
}

func deleteRangeRemoves(l *lab) {
	s := l.open()
	fill := func() {
		for _, key := range []string{"", "a", "b", "b\x00", "c", "\xff"} {
			s.put(key, key, never)
		}
	}
	for _, tc := range []struct {
		r    statelab.Range
		want []string
	}{
		{bounds("b", "c"), []string{"", "", "a", "a", "c", "c", "\xff", "\xff"}},
		{bounds("c", "b"), []string{"", "", "a", "a", "b", "b", "b\x00", "b\x00", "c", "c", "\xff", "\xff"}},
		{statelab.Range{Lower: []byte("b\x00")}, []string{"", "", "a", "a", "b", "b"}},
		{statelab.Range{Upper: []byte("b")}, []string{"b", "b", "b\x00", "b\x00", "c", "c", "\xff", "\xff"}},
		{statelab.Range{}, nil},
	} {
		fill()
		if err := statelab.DeleteRange(s.Store, tc.r); err != nil {
			l.fail("DeleteRange(%s): %v", rangeText(tc.r), err)
		}
		s.settled()
		s.wantAll(tc.want...)
	}
	s.put("b", "after", never)
	s.wantAll("b", "after")
}

func elementExpiry(l *lab) {
	s := l.open()
	s.put("five", "v", 5)
	s.put("k", "1", 5)
	s.add("k", "2", 7)
	s.add("k", "3", never)
	s.add("k", "4", 6)
	s.put("later", "v", 8)
	s.advance(4)
	s.wantAll("five", "v", "k", "1234", "later", "v")
	s.advance(5)
	s.wantAll("k", "234", "later", "v")
	s.advance(6)
	s.wantAll("k", "23", "later", "v")
	s.add("k", "5", 8)
	s.advance(7)
	s.wantAll("k", "35", "later", "v")
	s.advance(100)
	s.wantAll("k", "3")
}

func extremeExpiry(l *lab) {
	s := l.open()
	s.put("never", "v", never)
	s.put("last", "v", never-1)
	s.put("zero", "v", 0)
	s.put("minus", "v", -1)
	s.put("first", "v", statelab.MinWatermark+1)
	s.put("born dead", "v", statelab.MinWatermark)
	s.wantAll("first", "v", "last", "v", "minus", "v", "never", "v", "zero", "v")
	s.advance(statelab.MinWatermark + 1)
	s.wantAll("last", "v", "minus", "v", "never", "v", "zero", "v")
	s.advance(-1)
	s.wantAll("last", "v", "never", "v", "zero", "v")
	s.advance(0)
	s.wantAll("last", "v", "never", "v")
	s.advance(never - 2)
	s.wantAll("last", "v", "never", "v")
	s.advance(never - 1)
	s.wantAll("never", "v")
	s.advance(never)
	s.wantAll("never", "v")
	s.put("k", "v", never)
	s.put("dead", "v", never-1)
	s.wantAll("k", "v", "never", "v")
}

func deadOnArrival(l *lab) {
	s := l.open()
	s.advance(10)
	s.put("put", "v", 10)
	s.put("past", "v", -5)
	s.add("appended", "v", 9)
	s.put("live", "v", 11)
	s.add("mixed", "1", 10)
	s.add("mixed", "2", 11)
	s.wantAll("live", "v", "mixed", "2")
}

// shadowing covers older elements by Puts and Deletes that are dead, die first
// or are deleted; nothing of what they cover may come back.
func shadowing(l *lab) {
	s := l.open()
	s.advance(10)
	for _, key := range []string{"dead put", "short put", "deleted", "both", "appended"} {
		s.put(key, "old", never)
		s.add(key, "older", never)
	}
	s.put("dead put", "v", 10)
	s.put("short put", "v", 12)
	s.del("deleted")
	s.put("both", "v", 12)
	s.del("both")
	s.put("appended", "v", 12)
	s.add("appended", "+", 14)
	s.wantAll("appended", "v+", "short put", "v")
	s.advance(11)
	s.wantAll("appended", "v+", "short put", "v")
	s.advance(12)
	s.wantAll("appended", "+")
	s.add("dead put", "new", never)
	s.add("short put", "new", never)
	s.add("deleted", "new", never)
	s.wantAll("appended", "+", "dead put", "new", "deleted", "new", "short put", "new")
	s.advance(14)
	s.wantAll("dead put", "new", "deleted", "new", "short put", "new")
	s.apply(putOp("in one", "old", never), putOp("in one", "v", 10), addElement("in one", "+", 15))
	s.want("in one", "+")
	s.advance(15)
	s.wantNone("in one")
}

func batchOrder(l *lab) {
	s := l.open()
	s.apply(
		putOp("put put", "1", never), putOp("put put", "2", never),
		putOp("put append", "1", never), addElement("put append", "2", never),
		addElement("append put", "1", never), putOp("append put", "2", never),
		putOp("put delete", "1", never), delOp("put delete"),
		delOp("delete put"), putOp("delete put", "1", never),
		putOp("dead last", "1", never), putOp("dead last", "2", statelab.MinWatermark),
		delOp("delete append"), addElement("delete append", "1", never), addElement("delete append", "2", never),
	)
	s.wantAll("append put", "2", "delete append", "12", "delete put", "1", "put append", "12", "put put", "2")
	s.apply()
	s.apply(delOp("put put"), addElement("put put", "a", never), putOp("put put", "b", never), addElement("put put", "c", never))
	s.want("put put", "bc")
}

// batchAtomic reads beside a writer that keeps two records equal, through Get
// of one value written twice and through iterators.
func batchAtomic(l *lab) {
	const rounds = 200
	s := l.open()
	s.apply(putOp("a", "0", never), putOp("z", "0", never))
	beside(l, func() error {
		for i := 1; i <= rounds; i++ {
			value := fmt.Sprint(i)
			if err := s.try(putOp("a", "torn", never), delOp("z"), putOp("a", value, never), putOp("z", value, never)); err != nil {
				return fmt.Errorf("Apply: %w", err)
			}
		}
		return nil
	}, func() error {
		it, err := s.Iter(statelab.Range{})
		if err != nil {
			return err
		}
		defer it.Close()
		var seen []string
		for it.Next() {
			seen = append(seen, string(it.Key()), string(it.Value()))
		}
		if len(seen) != 4 || seen[1] != seen[3] || seen[1] == "torn" {
			return fmt.Errorf("an iterator saw half a batch: %q", seen)
		}
		got, err := s.Get(nil, []byte("a"))
		if err != nil || string(got) == "torn" {
			return fmt.Errorf("Get saw half a batch: %q, %v", got, err)
		}
		return nil
	})
}

func applyCopies(l *lab) {
	s := l.open()
	key, value := []byte("key"), []byte("value")
	var b statelab.Batch
	b.Put(key, value, never)
	copy(key, "yek")
	copy(value, "VALUE")
	b.Append(key, value, never)
	copy(key, "???")
	copy(value, "?????")
	if err := s.Apply(&b); err != nil {
		l.fail("Apply: %v", err)
	}
	scribble := b.Bytes()
	b.Reset()
	for i := range scribble[:cap(scribble)] {
		scribble[:cap(scribble)][i] = 0xee
	}
	s.wantAll("key", "value", "yek", "VALUE")
	b.Put([]byte("third"), bytes.Repeat([]byte{'3'}, 40), never)
	if err := s.Apply(&b); err != nil {
		l.fail("Apply of a reused batch: %v", err)
	}
	s.wantAll("key", "value", "third", strings.Repeat("3", 40), "yek", "VALUE")
}

func visibleOnReturn(l *lab) {
	s := l.open()
	for i := range 50 {
		key, value := fmt.Sprintf("k%02d", i), fmt.Sprint("v", i)
		s.put(key, value, never)
		got := make(chan string)
		go func() { // another goroutine, since visibility is not the writer's alone
			v, err := s.Get(nil, []byte(key))
			got <- fmt.Sprint(string(v), err)
		}()
		if g := <-got; g != value+"<nil>" {
			l.fail("Get(%q) after Apply returned gives %s, want %s", key, g, value)
		}
		it := s.iter(statelab.Range{Lower: []byte(key)})
		if !it.Next() || string(it.Value()) != value {
			l.fail("an iterator opened after Apply returned stands on %q, want %q", it.Value(), value)
		}
		it.Close()
	}
}

func multiGet(l *lab) {
	s := l.open()
	s.put("a", "1", never)
	s.put("b", "2", 5)
	s.put("c", "3", never)
	s.add("c", "4", never)
	s.put("d", "", never)
	s.advance(5)
	keys := []string{"c", "absent", "a", "b", "d", "", "a"}
	var raw [][]byte
	for _, k := range keys {
		raw = append(raw, []byte(k))
	}
	var got []string
	err := statelab.MultiGet(s.Store, raw, func(i int, value []byte) {
		got = append(got, keys[i], string(value))
	})
	if want := []string{"c", "34", "a", "1", "d", "", "a", "1"}; err != nil || !slices.Equal(got, want) {
		l.fail("MultiGet(%q) found %q and %v, want %q", keys, got, err, want)
	}
	if err := statelab.MultiGet(s.Store, nil, func(i int, _ []byte) { l.fail("MultiGet of no keys found the key %d", i) }); err != nil {
		l.fail("MultiGet of no keys: %v", err)
	}
}

// multiGetMany asks for more keys than a store looks up at a time, half of which
// are there, backwards.
func multiGetMany(l *lab) {
	const records = 300
	s := l.open()
	var keys [][]byte
	for i := range records {
		key := fmt.Sprintf("key %03d", i)
		s.put(key, "value of "+key, never)
		keys = append(keys, []byte(key), []byte(key+"?"))
	}
	slices.Reverse(keys)
	next := 1
	err := statelab.MultiGet(s.Store, keys, func(i int, value []byte) {
		if i != next || string(value) != "value of "+string(keys[i]) {
			l.fail("MultiGet found %q for key %d, %q; the next that is there is %d", value, i, keys[i], next)
		}
		next = i + 2
	})
	if err != nil || next != len(keys)+1 {
		l.fail("MultiGet of %d keys, half of which are there, ended before key %d: %v", len(keys), next, err)
	}
}

func bounds(lower, upper string) statelab.Range {
	return statelab.Range{Lower: []byte(lower), Upper: []byte(upper)}
}

// timeText prints an expiry or a watermark.
func timeText(at int64) string {
	switch at {
	case statelab.NoExpiry:
		return "never"
	case statelab.MinWatermark:
		return "start"
	}
	return fmt.Sprint(at)
}
