package trace

import (
	"fmt"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// A Codec is how blocks are compressed. The values are part of the format.
type Codec uint8

const (
	Zstd Codec = iota // the smallest, and the default
	S2                // quicker to write
	None
)

var codecNames = []string{"zstd", "s2", "none"}

func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return fmt.Sprintf("codec(%d)", uint8(c))
}

// ParseCodec is the inverse of String.
func ParseCodec(name string) (Codec, error) {
	for i, n := range codecNames {
		if n == name {
			return Codec(i), nil
		}
	}
	return 0, fmt.Errorf("unknown compression %q; one of %q", name, codecNames)
}

// A compressor shrinks blocks.
type compressor struct {
	codec Codec
	zstd  *zstd.Encoder // nil unless codec is Zstd
	buf   []byte
}

func newCompressor(codec Codec) (*compressor, error) {
	c := &compressor{codec: codec}
	if codec > None {
		return nil, fmt.Errorf("unknown compression %d", uint8(codec))
	}
	if codec != Zstd {
		return c, nil
	}
	var err error
	c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(maxBlock))
	if err != nil {
		return nil, fmt.Errorf("prepare zstd: %w", err)
	}
	return c, nil
}

// compress returns what to store for a block, and how it is stored: as it is,
// where that is no longer. The result is valid until the next call.
func (c *compressor) compress(block []byte) ([]byte, Codec) {
	switch c.codec {
	case Zstd:
		c.buf = c.zstd.EncodeAll(block, c.buf[:0])
	case S2:
		c.buf = s2.Encode(c.buf[:cap(c.buf)], block)
	}
	if c.codec == None || len(c.buf) >= len(block) {
		return block, None
	}
	return c.buf, c.codec
}

func (c *compressor) close() {
	if c.zstd != nil {
		_ = c.zstd.Close() // it writes nowhere, so there is nothing to fail
	}
}

// An expander restores blocks.
type expander struct {
	zstd *zstd.Decoder // nil until needed
	buf  []byte
}

// expand returns a block of size bytes from what was stored. The result is
// valid until the next call.
func (x *expander) expand(stored []byte, codec Codec, size int) ([]byte, error) {
	var err error
	switch codec {
	case None:
		x.buf = append(x.buf[:0], stored...)
	case S2:
		n, lenErr := s2.DecodedLen(stored)
		if lenErr != nil || n != size {
			return nil, fmt.Errorf("it is not %d bytes of s2", size)
		}
		x.buf, err = s2.Decode(x.buf[:cap(x.buf)], stored)
	case Zstd:
		if x.zstd == nil {
			if x.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock)); err != nil {
				return nil, fmt.Errorf("prepare zstd: %w", err)
			}
		}
		x.buf, err = x.zstd.DecodeAll(stored, x.buf[:0])
	default:
		return nil, fmt.Errorf("unknown compression %d", uint8(codec))
	}
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if len(x.buf) != size {
		return nil, fmt.Errorf("it holds %d bytes, not %d", len(x.buf), size)
	}
	return x.buf, nil
}

func (x *expander) close() {
	if x.zstd != nil {
		x.zstd.Close()
	}
}
