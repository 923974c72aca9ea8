// Package codec compresses blocks and pages of a file, each by itself.
package codec

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/statelab/statelab"
)

// How a block is stored. Formats on disk have these numbers.
const (
	Raw  = 0
	S2   = 1
	Zstd = 2
)

// A Codec shrinks blocks, as one choice of compression says, and restores them, whatever it
// was when they were stored. It is safe for concurrent use.
type Codec struct {
	choice  statelab.Compression
	encoder *zstd.Encoder // nil unless choice is zstd
	decoder func() (*zstd.Decoder, error)
}

// New returns a codec for blocks of at most so many bytes. The choice is
// s2, zstd, or else none.
func New(choice statelab.Compression, most uint64) (*Codec, error) {
	c := &Codec{choice: choice, decoder: sync.OnceValues(func() (*zstd.Decoder, error) { return newDecoder(most) })}
	if choice != statelab.CompressionZstd {
		return c, nil
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(window))
	if err != nil {
		return nil, fmt.Errorf("prepare zstd: %w", err)
	}
	c.encoder = encoder
	return c, nil
}

// window bounds what the encoder remembers, in bytes: blocks are a few KiB,
// and a record larger than this is worth no better.
const window = 256 << 10

func newDecoder(most uint64) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(most), zstd.WithDecodeAllCapLimit(true))
}

// Close releases what the codec holds.
func (c *Codec) Close() {
	if c.encoder != nil {
		c.encoder.Close()
	}
}

// Encode returns how to store block, and the stored form: block itself
// unless compression saves an eighth of it. dst is memory to use.
func (c *Codec) Encode(dst, block []byte) (how byte, stored []byte) {
	switch c.choice {
	case statelab.CompressionS2:
		if n := s2.MaxEncodedLen(len(block)); cap(dst) < n {
			dst = make([]byte, n)
		}
		how, stored = S2, s2.Encode(dst[:cap(dst)], block)
	case statelab.CompressionZstd:
		how, stored = Zstd, c.encoder.EncodeAll(block, dst[:0])
	default:
		return Raw, block
	}
	if len(stored) > len(block)-len(block)/8 {
		return Raw, block
	}
	return how, stored
}

// Decode fills dst, which has the block's length, from its stored form. It
// returns why that is not possible, if it is not.
func (c *Codec) Decode(dst []byte, how byte, stored []byte) (damage string) {
	switch how {
	case Raw:
		if len(stored) != len(dst) {
			return "length of an uncompressed block is not what it is said to be"
		}
		copy(dst, stored)
	case S2:
		if n, err := s2.DecodedLen(stored); err != nil || n != len(dst) {
			return "length of a block compressed with s2 is not what it is said to be"
		}
		if _, err := s2.Decode(dst, stored); err != nil {
			return "block cannot be decompressed with s2"
		}
	case Zstd:
		decoder, err := c.decoder()
		if err != nil {
			return fmt.Sprintf("block cannot be decompressed: prepare zstd: %v", err)
		}
		out, err := decoder.DecodeAll(stored, dst[:0:len(dst)])
		if err != nil || len(out) != len(dst) || len(out) > 0 && &out[0] != &dst[0] {
			return "block cannot be decompressed with zstd"
		}
	default:
		return fmt.Sprintf("unknown compression %d", how)
	}
	return ""
}
