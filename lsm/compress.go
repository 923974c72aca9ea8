package lsm

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/codec"
)

// newCodec returns what compresses blocks.
func newCodec(choice statelab.Compression) (*codec.Codec, error) {
	if choice == statelab.CompressionDefault {
		choice = statelab.CompressionS2
	}
	return codec.New(choice, maxBlockSize)
}
