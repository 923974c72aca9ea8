package join

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestKeysAreLaidOutAsDocumented(t *testing.T) {
	event := appendEventTail(appendEventPrefix(nil, []byte("a\x00")), Left, 5, 7)
	timer := appendTimer(nil, 9, []byte("a\x00"), Left, 7)
	secondKey := appendEventTail(appendSidePrefix(nil, secondSide, []byte("a\x00")), secondSide, 5, 7)
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{event, "02 e513 61 00ff 0001 00 8000000000000005 0000000000000007"},
		{appendEventTail(appendIndexPrefix(nil, []byte("a\x00"), []byte("b")), Left, 5, 7), "04 e513 61 00ff 0001 62 0001 00 8000000000000005 0000000000000007"},
		{secondKey, "03 e513 61 00ff 0001 01 8000000000000005 0000000000000007"},
		{timer, "01 8000000000000009 61 00ff 0001 00 0000000000000007"},
	} {
		if got := hex.EncodeToString(c.got); got != strings.ReplaceAll(c.want, " ", "") {
			t.Errorf("%s, documented as %s", got, c.want)
		}
	}
}

func FuzzEscapingKeepsOrder(f *testing.F) {
	f.Add([]byte(""), []byte("\x00"))
	f.Add([]byte("a\x00"), []byte("a\x00\x01"))
	f.Add([]byte("a"), []byte("a\xff"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		ea, eb := appendEscaped(nil, a), appendEscaped(nil, b)
		if bytes.Compare(ea, eb) != bytes.Compare(a, b) {
			t.Errorf("%x and %x compare otherwise than escaped", a, b)
		}
		if !bytes.Equal(a, b) && bytes.HasPrefix(ea, eb) {
			t.Errorf("escaped %x is a prefix of escaped %x", b, a)
		}
		if escapedLen(append(ea, eb...)) != len(ea) {
			t.Errorf("the end of escaped %x is not found", a)
		}
		if got := appendUnescaped(nil, ea); !bytes.Equal(got, a) {
			t.Errorf("%x comes back as %x", a, got)
		}
	})
}

func FuzzDecodersNeverPanic(f *testing.F) {
	f.Add(appendTimer(nil, 9, []byte("a\x00"), Right, 7))
	f.Add(appendEventTail(appendEventPrefix(nil, []byte("a\x00")), Left, 5, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		if tm, ok := decodeTimer(b); ok {
			key := appendUnescaped(nil, tm.escaped)
			if again := appendTimer(nil, tm.time, key, tm.side, tm.seq); !bytes.Equal(again, b) {
				t.Errorf("%x encodes as %x", b, again)
			}
		}
		decodeEventTail(b)
		o := &Operator{intake: newIntake(&Spec{})}
		_ = o.restore(b)
	})
}

func FuzzPrefixDependsOnItself(f *testing.F) {
	f.Add(appendEventTail(appendEventPrefix(nil, []byte("a\x00")), Left, 5, 7), []byte("x"))
	f.Add([]byte{tagMeta}, []byte{})
	f.Add(appendTimerBound(nil, 4), []byte("y"))
	f.Add([]byte("\x03\xe5\x13a\x00\x01\x00"), []byte("z"))
	f.Add([]byte("\x04\xe5\x13a\x00\x01b\x00\x01\x00"), []byte{0})
	f.Fuzz(func(t *testing.T, key, more []byte) {
		if !hasItsParts(key) {
			return // not a key of the layout
		}
		n := prefixLen(key)
		if got := prefixLen(key[:n]); got != n {
			t.Errorf("the prefix %x has a prefix of %d bytes", key[:n], got)
		}
		if got := prefixLen(append(bytes.Clone(key[:n]), more...)); got != n {
			t.Errorf("%x and %x differ in prefix", key[:n], more)
		}
	})
}

// hasItsParts reports whether a key begins with all that its tag says its
// prefix is made of, as every key of the layout does.
func hasItsParts(key []byte) bool {
	if len(key) == 0 {
		return false
	}
	parts := map[byte]int{tagEvent: 1, tagSecond: 1, tagIndex: 2}[key[0]]
	rest := key[min(len(key), eventHead):]
	for range parts {
		n := escapedLen(rest)
		if n == 0 {
			return false
		}
		rest = rest[n:]
	}
	return true
}
