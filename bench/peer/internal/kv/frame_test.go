package kv

import (
	"bytes"
	"errors"
	"testing"

	"github.com/statelab/statelab"
)

func TestARecordIsAsItsFormatSays(t *testing.T) {
	record := appendElement(appendElement(nil, []byte("vw"), 5), []byte("x"), statelab.NoExpiry)
	if want := []byte{5, 5, 0, 0, 0, 0, 0, 0, 0, 'v', 'w', 2, 'x'}; !bytes.Equal(record, want) {
		t.Fatalf("% x, want % x", record, want)
	}
	for watermark, want := range map[int64]string{4: "vwx", 5: "x"} {
		if got, live, err := appendLive(nil, record, watermark); string(got) != want || !live || err != nil {
			t.Errorf("at watermark %d: %q, %v, %v", watermark, got, live, err)
		}
	}
}

// Live elements move down within the array they stand in.
func TestLiveElementsAreTakenOutInPlace(t *testing.T) {
	var record []byte
	for i := range 20 {
		record = appendElement(record, bytes.Repeat([]byte{byte('a' + i)}, i), int64(i))
	}
	want, _, err := appendLive(nil, bytes.Clone(record), 7)
	if err != nil {
		t.Fatal(err)
	}
	buf := append([]byte("before"), record...)
	got, live, err := appendLive(buf[:6], buf[6:], 7)
	if err != nil || !live || string(got) != "before"+string(want) {
		t.Fatalf("%q, %v, %v, want before%q", got, live, err, want)
	}
}

// FuzzRecord reads any bytes as a record: it never panics, and what it accepts
// is what prune writes again.
func FuzzRecord(f *testing.F) {
	f.Add([]byte{5, 5, 0, 0, 0, 0, 0, 0, 0, 'v', 'w', 2, 'x'}, int64(4))
	f.Add([]byte{1, 0xff}, int64(0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, int64(0))
	f.Fuzz(func(t *testing.T, record []byte, watermark int64) {
		value, live, err := appendLive(nil, record, watermark)
		kept, size, pruneErr := prune(nil, record, watermark)
		if (err == nil) != (pruneErr == nil) {
			t.Fatalf("appendLive says %v, prune %v", err, pruneErr)
		}
		if err != nil {
			var damage *statelab.CorruptError
			if !errors.As(err, &damage) {
				t.Fatalf("%v is no CorruptError", err)
			}
			return
		}
		again, againLive, err := appendLive(nil, kept, watermark)
		if err != nil || !bytes.Equal(again, value) || againLive != live || size != len(value) || live != (len(kept) > 0) {
			t.Fatalf("pruned: %q, %v, %v; whole: %q, %v", again, againLive, err, value, live)
		}
	})
}
