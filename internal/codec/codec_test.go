package codec

import (
	"bytes"
	"testing"

	"github.com/statelab/statelab"
)

const most = 1 << 16

var choices = map[statelab.Compression]byte{statelab.CompressionNone: Raw, statelab.CompressionS2: S2, statelab.CompressionZstd: Zstd}

func newCodec(t testing.TB, choice statelab.Compression) *Codec {
	t.Helper()
	c, err := New(choice, most)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestAnyCodecRestoresWhatAnotherStored stores a block in each way, and restores it by each codec.
func TestAnyCodecRestoresWhatAnotherStored(t *testing.T) {
	block := bytes.Repeat([]byte("state, and more of it. "), 100)
	for choice, want := range choices {
		how, stored := newCodec(t, choice).Encode(nil, block)
		if how != want || how != Raw && len(stored) > len(block)/2 {
			t.Errorf("%s: %d bytes are stored in way %d as %d", choice, len(block), how, len(stored))
		}
		for other := range choices {
			got := make([]byte, len(block))
			if damage := newCodec(t, other).Decode(got, how, stored); damage != "" || !bytes.Equal(got, block) {
				t.Errorf("%s restored by a codec for %s: %q", choice, other, damage)
			}
			if damage := newCodec(t, other).Decode(got[:len(got)-1], how, stored); damage == "" {
				t.Errorf("%s: a block is restored to another length", choice)
			}
		}
	}
}

// TestWhatDoesNotShrinkIsStoredAsItIs stores what repeats nothing.
func TestWhatDoesNotShrinkIsStoredAsItIs(t *testing.T) {
	block := make([]byte, 256)
	for i := range block {
		block[i] = byte(i * 167)
	}
	for choice := range choices {
		if how, stored := newCodec(t, choice).Encode(nil, block); how != Raw || &stored[0] != &block[0] {
			t.Errorf("%s: stored in way %d as %d bytes", choice, how, len(stored))
		}
	}
}

// FuzzDecode restores whatever claims to be stored, to a length that it need not have.
func FuzzDecode(f *testing.F) {
	c := newCodec(f, statelab.CompressionNone)
	for choice := range choices {
		how, stored := newCodec(f, choice).Encode(nil, bytes.Repeat([]byte("state"), 100))
		f.Add(how, stored, uint16(500))
	}
	f.Fuzz(func(t *testing.T, how byte, stored []byte, length uint16) {
		c.Decode(make([]byte, length), how, stored)
	})
}
