package join

import (
	"bytes"
	"testing"
)

// FuzzUnpackPair: what is not a pair is refused, and what is one holds two values and nothing else.
func FuzzUnpackPair(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(append(make([]byte, pairTail), 3, 'a', 'b', 'c', 'd'))
	f.Add(append(make([]byte, pairTail), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01))
	f.Fuzz(func(t *testing.T, value []byte) {
		l, r, ok := unpackPair(&Event{Value: value})
		if ok && !bytes.HasSuffix(value, append(bytes.Clone(l.Value), r.Value...)) {
			t.Errorf("%x holds %x and %x", value, l.Value, r.Value)
		}
	})
}
