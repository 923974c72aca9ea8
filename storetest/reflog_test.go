package storetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/vfs"
)

// The reference store's directory holds one generation, the file NNNNNN.log: an
// image of the store, and behind it, unless the durability is checkpoint, the
// log of what came after. A generation is written under another name, synced
// and renamed, so that its image is whole. Both are frames:
//
//	OFFSET  SIZE  FIELD
//	0       4     length n of the payload, little-endian
//	4       4     crc32c of the kind and the payload
//	8       1     kind: A apply (a batch), W advance (8 bytes), E end of the image
//	9       n     payload
//
// A frame that is not whole ends the log: a crash has torn it. That is told
// from damage by the file END, which says how long the log was when the store
// was last closed: it cannot be shorter than that without damage.
const (
	frameApply   = 'A'
	frameAdvance = 'W'
	frameEnd     = 'E'
	frameHeader  = 9
)

const endName = "END"

var frameTable = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(dst []byte, kind byte, payload []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	sum := crc32.Update(crc32.Checksum([]byte{kind}, frameTable), frameTable, payload)
	dst = binary.LittleEndian.AppendUint32(dst, sum)
	return append(append(dst, kind), payload...)
}

func appendTime(dst []byte, at int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(at))
}

// nextFrame returns the first frame of data and its length, or false.
func (s *refStore) nextFrame(data []byte) (kind byte, payload []byte, size int64, ok bool) {
	if len(data) < frameHeader {
		return 0, nil, 0, false
	}
	n := int64(binary.LittleEndian.Uint32(data))
	if n > int64(len(data)-frameHeader) {
		return 0, nil, 0, false
	}
	size = frameHeader + n
	if crc32.Checksum(data[8:size], frameTable) != binary.LittleEndian.Uint32(data[4:]) && !s.flaws.noChecksum {
		return 0, nil, 0, false
	}
	return data[8], data[frameHeader:size], size, true
}

// refFiles is the current generation.
type refFiles struct {
	s          *refStore
	generation int
	file       vfs.File
	image      int64 // bytes of it
	size       int64 // of the image and the log
}

func (f *refFiles) name(generation int) string {
	return filepath.Join(f.s.dir.Path, fmt.Sprintf("%06d.log", generation))
}

// append adds a frame to the log, durably if the durability is always.
func (f *refFiles) append(kind byte, payload []byte) error {
	if f.s.o.Durability == statelab.DurabilityCheckpoint {
		return nil
	}
	frame := appendFrame(nil, kind, payload)
	if _, err := f.file.WriteAt(frame, f.size); err != nil {
		return fmt.Errorf("append to the log: %w", err)
	}
	f.size += int64(len(frame))
	if f.s.o.Durability == statelab.DurabilityAlways {
		return f.sync()
	}
	return nil
}

func (f *refFiles) sync() error {
	if err := f.file.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	return nil
}

func (f *refFiles) close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// shortenLog begins a new generation when the log is far longer than its image.
func (s *refStore) shortenLog() error {
	if s.o.Durability == statelab.DurabilityCheckpoint || s.flaws.logGrows || s.files.size < 2*s.files.image+64<<10 {
		return nil
	}
	return s.nextGeneration()
}

// appendImage appends frames that make an empty store what this one is.
func (s *refStore) appendImage(dst []byte) []byte {
	var b statelab.Batch
	records := s.records
	if s.flaws.writesAnyhow {
		records = slices.Clone(records)
		rand.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	}
	for _, r := range records {
		for _, e := range r.elements {
			b.Append([]byte(r.key), []byte(e.value), e.expireAt)
		}
	}
	dst = appendFrame(dst, frameApply, b.Bytes())
	if s.watermark != statelab.MinWatermark && !s.flaws.losesTime {
		dst = appendFrame(dst, frameAdvance, appendTime(nil, s.watermark))
	}
	return appendFrame(dst, frameEnd, nil)
}

// nextGeneration replaces the files by an image of now, durably.
func (s *refStore) nextGeneration() error {
	f := &s.files
	image := s.appendImage(nil)
	file, err := s.writeSynced(f.name(f.generation+1), image, meter.Snapshot)
	if err != nil {
		return err
	}
	old, oldName := f.file, f.name(f.generation)
	f.file, f.image, f.size = file, int64(len(image)), int64(len(image))
	f.generation++
	if old == nil {
		return nil
	}
	if err := old.Close(); err != nil || s.flaws.keepsOld {
		return err
	}
	return s.o.FS.Remove(oldName)
}

// writeSynced writes a file under another name, and durably renames it.
func (s *refStore) writeSynced(name string, data []byte, p meter.Purpose) (_ vfs.File, err error) {
	temp := strings.TrimSuffix(name, filepath.Ext(name)) + ".TMP"
	raw, err := s.o.FS.Create(temp)
	if err != nil {
		return nil, err
	}
	file := s.meter.File(raw, p)
	if _, err = file.WriteAt(data, 0); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = s.o.FS.Rename(temp, name)
	}
	if err == nil {
		err = s.o.FS.SyncDir(filepath.Dir(name))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", name, err), file.Close())
	}
	return file, nil
}

// markEnd makes the log durable, and says how long it is.
func (f *refFiles) markEnd() error {
	if err := f.sync(); err != nil {
		return err
	}
	text := appendTime(appendTime(nil, int64(f.generation)), f.size)
	file, err := f.s.writeSynced(filepath.Join(f.s.dir.Path, endName), appendFrame(nil, frameEnd, text), meter.Meta)
	if err != nil {
		return err
	}
	return file.Close()
}

// readEnd returns the least length of the generation's log.
func (f *refFiles) readEnd(generation int) (int64, error) {
	name := filepath.Join(f.s.dir.Path, endName)
	data, err := vfs.ReadFile(f.s.o.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	_, payload, size, ok := f.s.nextFrame(data)
	if !ok || size != int64(len(data)) || len(payload) != 16 {
		return 0, &statelab.CorruptError{File: name, Offset: 0, Reason: "not a frame"}
	}
	if binary.LittleEndian.Uint64(payload) != uint64(generation) {
		return 0, nil
	}
	return int64(binary.LittleEndian.Uint64(payload[8:])), nil
}

// recover reads the newest generation, or makes the first one.
func (s *refStore) recover(id storedir.Identity) error {
	s.files.s = s
	generations, err := s.generations()
	if err != nil {
		return err
	}
	if s.dir.Fresh {
		if len(generations) > 1 || len(generations) == 1 && generations[0] != 1 {
			return &statelab.CorruptError{File: filepath.Join(s.dir.Path, storedir.IdentityName), Offset: -1, Reason: "it is missing"}
		}
		if err := s.nextGeneration(); err != nil {
			return err
		}
		return s.dir.WriteIdentity(id)
	}
	if len(generations) == 0 {
		return &statelab.CorruptError{File: s.dir.Path, Offset: -1, Reason: "it holds no log"}
	}
	newest := generations[len(generations)-1]
	if err := s.read(newest); err != nil {
		return err
	}
	for _, old := range generations[:len(generations)-1] {
		if err := s.o.FS.Remove(s.files.name(old)); err != nil {
			return err
		}
	}
	s.changed = false
	return nil
}

// generations lists those in the directory, oldest first, and removes what was
// never finished.
func (s *refStore) generations() (found []int, err error) {
	names, err := s.o.FS.List(s.dir.Path)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var n int
		switch {
		case filepath.Ext(name) == ".TMP" && s.flaws.trips:
			err = fmt.Errorf("open store %s: what is %s?", s.dir.Path, name)
		case filepath.Ext(name) == ".TMP":
			err = s.o.FS.Remove(filepath.Join(s.dir.Path, name))
		case filepath.Ext(name) == ".log":
			if _, err = fmt.Sscanf(name, "%d.log", &n); err == nil {
				found = append(found, n)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(found)
	return found, nil
}

// read replays a generation. A torn log is replaced by a new generation; of one
// that is not torn file and name are synced: they may have been read from
// memory that a power cut would take.
func (s *refStore) read(generation int) error {
	f := &s.files
	name := f.name(generation)
	least, err := f.readEnd(generation)
	if err != nil {
		return err
	}
	raw, err := s.o.FS.OpenReadWrite(name)
	if err != nil {
		return err
	}
	f.file, f.generation = s.meter.File(raw, meter.Log), generation
	data, err := readWhole(f.file)
	if err != nil {
		return err
	}
	for f.size < int64(len(data)) {
		kind, payload, size, ok := s.nextFrame(data[f.size:])
		if !ok {
			if s.flaws.halfBatches && int64(len(data)) > f.size+frameHeader {
				_ = s.replay(frameApply, data[f.size+frameHeader:])
			}
			break
		}
		f.size += size
		if kind == frameEnd {
			f.image = f.size
		} else if err := s.replay(kind, payload); err != nil {
			return &statelab.CorruptError{File: name, Offset: f.size - size, Reason: err.Error()}
		}
	}
	torn := f.size < int64(len(data))
	switch {
	case f.image == 0 || f.size < least || torn && s.o.Durability == statelab.DurabilityCheckpoint:
		return &statelab.CorruptError{File: name, Offset: f.size, Reason: "a frame is damaged"}
	case torn:
		return s.nextGeneration()
	case s.flaws.trustsCache:
		return nil
	}
	return errors.Join(f.sync(), s.o.FS.SyncDir(s.dir.Path))
}

func readWhole(f vfs.File) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	if n, err := f.ReadAt(data, 0); int64(n) < size {
		return nil, err
	}
	return data, nil
}

func (s *refStore) replay(kind byte, payload []byte) error {
	switch {
	case kind == frameApply:
		ops := statelab.ReadOps(payload)
		var b statelab.Batch
		for {
			op, ok := ops.Next()
			if !ok {
				break
			}
			addOp(&b, op)
		}
		staged, _, err := s.stage(&b)
		s.install(staged)
		return errors.Join(ops.Err(), err)
	case kind == frameAdvance && len(payload) == 8:
		s.pass(int64(binary.LittleEndian.Uint64(payload)))
		return nil
	}
	return fmt.Errorf("unknown frame %q", kind)
}

// copyTo writes a store of one generation, its identity last.
func (s *refStore) copyTo(dir string) (err error) {
	if ok, err := vfs.Exists(s.o.FS, dir); ok && !s.flaws.overwrites || err != nil {
		return errors.Join(fmt.Errorf("checkpoint to %s: %w", dir, fs.ErrExist), err)
	}
	if err := s.o.FS.MkdirAll(dir); err != nil {
		return err
	}
	file, err := s.writeSynced(filepath.Join(dir, "000001.log"), s.appendImage(nil), meter.Checkpoint)
	if err == nil {
		err = file.Close()
	}
	if err == nil {
		err = s.o.FS.SyncDir(filepath.Dir(dir))
	}
	if err != nil {
		return fmt.Errorf("checkpoint to %s: %w", dir, err)
	}
	return storedir.Write(s.o.FS, dir, s.dir.Found, s.meter, meter.Checkpoint)
}
