package statelab

import (
	"bytes"
	"testing"
)

func TestPrefixRangeHoldsExactlyThePrefix(t *testing.T) {
	keys := [][]byte{{}, {0}, {0, 0xff}, {1}, {1, 0}, {1, 0xff}, {2}, {0xfe, 0xff}, {0xff}, {0xff, 0}, {0xff, 0xff}, {0xff, 0xff, 1}}
	for _, prefix := range keys {
		r := PrefixRange(prefix)
		for _, key := range keys {
			if got, want := r.Contains(key), bytes.HasPrefix(key, prefix); got != want {
				t.Errorf("PrefixRange(%x).Contains(%x) = %v", prefix, key, got)
			}
		}
	}
}

func TestRangeEmptyMeansNoKeyFits(t *testing.T) {
	for _, c := range []struct {
		r     Range
		empty bool
	}{
		{Range{}, false},
		{Range{Lower: []byte("a")}, false},
		{Range{Upper: []byte{}}, true},
		{Range{Lower: []byte("a"), Upper: []byte("a")}, true},
		{Range{Lower: []byte("b"), Upper: []byte("a")}, true},
		{Range{Lower: []byte("a"), Upper: []byte("a\x00")}, false},
	} {
		if got := c.r.Empty(); got != c.empty {
			t.Errorf("%q.Empty() = %v", c.r, got)
		}
	}
}

func TestExpiredIsExact(t *testing.T) {
	for _, c := range []struct {
		expireAt, watermark int64
		dead                bool
	}{
		{5, 4, false}, {5, 5, true}, {5, 6, true},
		{MinWatermark, MinWatermark, true},
		{NoExpiry, NoExpiry, false},
		{NoExpiry - 1, NoExpiry, true},
	} {
		if got := Expired(c.expireAt, c.watermark); got != c.dead {
			t.Errorf("Expired(%d, %d) = %v", c.expireAt, c.watermark, got)
		}
	}
}
