package lsm

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/statelab/statelab"
)

// How the payload of a block is stored.
const (
	storedRaw  = 0
	storedS2   = 1
	storedZstd = 2
)

// compressor shrinks blocks and restores them. It is safe for concurrent use.
type compressor struct {
	choice  statelab.Compression
	encoder *zstd.Encoder // nil unless choice is zstd
	decoder func() (*zstd.Decoder, error)
}

func newCompressor(choice statelab.Compression) (*compressor, error) {
	if choice == statelab.CompressionDefault {
		choice = statelab.CompressionS2
	}
	c := &compressor{choice: choice, decoder: sync.OnceValues(newZstdDecoder)}
	if choice != statelab.CompressionZstd {
		return c, nil
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(zstdWindow))
	if err != nil {
		return nil, fmt.Errorf("prepare zstd: %w", err)
	}
	c.encoder = encoder
	return c, nil
}

// zstdWindow bounds what the encoder remembers, in bytes: blocks are a few KiB,
// and a record larger than this is worth no better.
const zstdWindow = 256 << 10

func newZstdDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxBlockSize), zstd.WithDecodeAllCapLimit(true))
}

// close releases what the codecs hold.
func (c *compressor) close() {
	if c.encoder != nil {
		c.encoder.Close()
	}
}

// compress returns how to store block, and the stored form: block itself
// unless compression saves an eighth of it. dst is memory to use.
func (c *compressor) compress(dst, block []byte) (how byte, stored []byte) {
	switch c.choice {
	case statelab.CompressionS2:
		if n := s2.MaxEncodedLen(len(block)); cap(dst) < n {
			dst = make([]byte, n)
		}
		how, stored = storedS2, s2.Encode(dst[:cap(dst)], block)
	case statelab.CompressionZstd:
		how, stored = storedZstd, c.encoder.EncodeAll(block, dst[:0])
	default:
		return storedRaw, block
	}
	if len(stored) > len(block)-len(block)/8 {
		return storedRaw, block
	}
	return how, stored
}

// restore fills dst, which has the block's length, from its stored form. It
// returns why that is not possible, if it is not.
func (c *compressor) restore(dst []byte, b storedBlock) (damage string) {
	stored := b.payload
	switch b.how {
	case storedRaw:
		if len(stored) != len(dst) {
			return "length of an uncompressed block is not what its trailer says"
		}
		copy(dst, stored)
	case storedS2:
		if n, err := s2.DecodedLen(stored); err != nil || n != len(dst) {
			return "length of a block compressed with s2 is not what its trailer says"
		}
		if _, err := s2.Decode(dst, stored); err != nil {
			return "block cannot be decompressed with s2"
		}
	case storedZstd:
		decoder, err := c.decoder()
		if err != nil {
			return fmt.Sprintf("block cannot be decompressed: prepare zstd: %v", err)
		}
		out, err := decoder.DecodeAll(stored, dst[:0:len(dst)])
		if err != nil || len(out) != len(dst) || len(out) > 0 && &out[0] != &dst[0] {
			return "block cannot be decompressed with zstd"
		}
	default:
		return fmt.Sprintf("unknown compression %d", b.how)
	}
	return ""
}
