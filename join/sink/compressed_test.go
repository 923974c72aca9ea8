package sink

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// TestACompressedFileIsAFunctionOfItsLines, however these are added.
func TestACompressedFileIsAFunctionOfItsLines(t *testing.T) {
	var lines []byte
	for i := range 40_000 {
		lines = fmt.Appendf(lines, "{\"line\":%d,\"of\":%d}\n", i, i*i%977)
	}
	compress := func(how Compression, each int) []byte {
		t.Helper()
		var file bytes.Buffer
		part := Stream(&file)
		c := NewCompressed(part, how)
		for rest := lines; len(rest) > 0; rest = rest[min(each, len(rest)):] {
			if err := c.Add(rest[:min(each, len(rest))]); err != nil {
				t.Fatal(err)
			}
			if each == 7919 { // what is due is shown now and then
				if err := part.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := part.Flush(); err != nil {
			t.Fatal(err)
		}
		return file.Bytes()
	}
	for how, open := range map[Compression]func(io.Reader) (io.Reader, error){
		Gzip: func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		Zstd: func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	} {
		file := compress(how, len(lines))
		for _, each := range []int{1000, 7919, compressedChunk, 3*compressedChunk + 1} {
			if !bytes.Equal(compress(how, each), file) {
				t.Errorf("%s: another file from pieces of %d bytes", how, each)
			}
		}
		r, err := open(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, lines) {
			t.Errorf("%s: %d bytes come back of %d, %v", how, len(got), len(lines), err)
		}
		if len(file) > len(lines)/3 {
			t.Errorf("%s: %d bytes of %d", how, len(file), len(lines))
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestACompressedFileReportsAFailure(t *testing.T) {
	for _, how := range []Compression{Gzip, Zstd} {
		part := Stream(failing{})
		c := NewCompressed(part, how)
		if err := c.Add([]byte("x\n")); err != nil {
			t.Fatal(err)
		}
		err := c.Close()
		if err == nil {
			err = part.Flush()
		}
		if err == nil {
			t.Errorf("%s: no error", how)
		}
	}
}
