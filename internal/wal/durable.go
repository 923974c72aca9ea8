package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

const (
	durableName  = "DURABLE"
	durableTemp  = "DURABLE.tmp"
	durableMagic = "statedur"
	durableSize  = 28
)

// A Pos is a place in the log: an offset in bytes in a segment.
type Pos struct {
	Segment uint64
	Offset  int64
}

// Before says whether p comes before q.
func (p Pos) Before(q Pos) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// readDurable returns what the file DURABLE states, and the zero Pos if there
// is none.
func readDurable(fsys vfs.FS, dir string) (Pos, error) {
	name := filepath.Join(dir, durableName)
	data, err := vfs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return Pos{}, nil
	}
	if err != nil {
		return Pos{}, err
	}
	p, reason := decodeDurable(data)
	if reason != "" {
		return Pos{}, &statelab.CorruptError{File: name, Offset: 0, Reason: reason}
	}
	return p, nil
}

// writeDurable replaces the file DURABLE, durably.
func writeDurable(fsys vfs.FS, dir string, p Pos, m *meter.Meter) error {
	temp := filepath.Join(dir, durableTemp)
	raw, err := fsys.Create(temp)
	if err != nil {
		return err
	}
	f := m.File(raw, meter.Meta)
	if _, err = f.WriteAt(encodeDurable(p), 0); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.Rename(temp, filepath.Join(dir, durableName))
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	return err
}

func encodeDurable(p Pos) []byte {
	b := append(make([]byte, 0, durableSize), durableMagic...)
	b = binary.LittleEndian.AppendUint64(b, p.Segment)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Offset))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeDurable(b []byte) (p Pos, reason string) {
	if len(b) != durableSize || string(b[:8]) != durableMagic {
		return Pos{}, "not a statement of what is durable"
	}
	if crc32.Checksum(b[:24], castagnoli) != binary.LittleEndian.Uint32(b[24:]) {
		return Pos{}, "checksum mismatch"
	}
	p.Segment = binary.LittleEndian.Uint64(b[8:])
	p.Offset = int64(binary.LittleEndian.Uint64(b[16:]))
	return p, ""
}
