package lsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// The manifest is a file of edits; the state of the store is what they lead to
// one after the other. Committing an edit takes two steps, each synced: first
// the edit is appended in a frame, then a slot, one of two in turn, states how
// many frames there are.
//
//	OFFSET  SIZE  FIELD
//	0       8     "stateman"
//	8       4     version of the format, 3
//	12      4     CRC-32C of the bytes 0 to 11
//	4096    16    slot of odd numbers of frames
//	8192    16    slot of even numbers of frames
//	12288         frames
//
// A slot:
//
//	OFFSET  SIZE  FIELD
//	0       8     number of frames that are durable
//	8       4     CRC-32C of the bytes 0 to 7
//	12      4     zeros
//
// A frame:
//
//	OFFSET  SIZE  FIELD
//	0       4     length n of the edit
//	4       4     CRC-32C of the frame's number as 8 bytes, of n as 4, and of the edit
//	8       n     edit
//
// All numbers are little-endian; frames are numbered from 1. The slot after
// the first frame is 01 00 00 00 00 00 00 00, its checksum, and zeros.
//
// Why two steps: a power cut may tear the last frame, and then the store must
// open at the state before it. Damage to the last frame looks just the same,
// but then the store must not open at the state before it, for that would
// silently undo what Sync promised. The slots tell the two apart. A frame that
// a slot counts was synced before the slot was written, so if it is bad it is
// damaged. A slot may itself be torn or damaged, but then the frames are all
// there to be counted. Slots are 4 KiB apart from each other and from the
// frames, so that a disk that loses the sector it was writing loses only one.
//
// A manifest is started afresh, with one edit that describes everything, when
// it has grown and at the first edit after opening a store. CURRENT names the
// manifest that counts:
//
//	MANIFEST-000012 7e214209
//
// where the hexadecimal number is the CRC-32C of the name. It is replaced by
// renaming once the new manifest is durable.
const (
	manifestMagic      = "stateman"
	manifestVersion    = 3
	manifestHeaderSize = 16
	slotSize           = 16
	slotSpacing        = 4096
	framesOffset       = 3 * slotSpacing
	frameHeaderSize    = 8

	// manifestGrowth is how many bytes of edits a manifest takes beyond four
	// times its first edit before a fresh one is started. It only has to be
	// large enough that the extra syncs of starting afresh are rare.
	manifestGrowth = 64 << 10
)

// manifest is the open manifest of a store, to which edits are appended.
type manifest struct {
	file   vfs.File
	number uint64 // of the file
	frames uint64
	end    int64
	full   int64 // length of the first edit
}

// createManifest makes a manifest with one edit and lets CURRENT name it.
// After a failure it is not known which manifest a reopening will find.
func createManifest(fsys vfs.FS, dir string, number uint64, edit []byte, m *meter.Meter, p meter.Purpose) (*manifest, error) {
	raw, err := fsys.Create(filepath.Join(dir, manifestName(number)))
	if err != nil {
		return nil, fmt.Errorf("create manifest: %w", err)
	}
	man := &manifest{file: m.File(raw, p), number: number, full: int64(len(edit))}
	err = man.begin(edit)
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err == nil {
		err = writeCurrent(fsys, dir, man, m, p)
	}
	if err != nil {
		man.file.Close()
		return nil, fmt.Errorf("create manifest: %w", err)
	}
	return man, nil
}

// begin writes the header and the first edit. It takes one step only, because
// nothing names the manifest yet.
func (man *manifest) begin(edit []byte) error {
	frame := appendFrame(nil, 1, edit)
	for _, part := range []struct {
		data   []byte
		offset int64
	}{{manifestHeader(), 0}, {frame, framesOffset}, {encodeSlot(1), slotOffset(1)}} {
		if _, err := man.file.WriteAt(part.data, part.offset); err != nil {
			return err
		}
	}
	man.frames, man.end = 1, framesOffset+int64(len(frame))
	return man.file.Sync()
}

func manifestHeader() []byte {
	header := append(make([]byte, 0, manifestHeaderSize), manifestMagic...)
	header = binary.LittleEndian.AppendUint32(header, manifestVersion)
	return binary.LittleEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
}

func writeCurrent(fsys vfs.FS, dir string, man *manifest, m *meter.Meter, p meter.Purpose) error {
	temp := filepath.Join(dir, currentTempName)
	raw, err := fsys.Create(temp)
	if err != nil {
		return err
	}
	f := m.File(raw, p)
	if _, err = f.WriteAt(encodeCurrent(man.number), 0); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = fsys.Rename(temp, filepath.Join(dir, currentName))
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	return err
}

// append commits an edit: it is durable when append returns nil.
func (man *manifest) append(edit []byte) error {
	number := man.frames + 1
	frame := appendFrame(nil, number, edit)
	if _, err := man.file.WriteAt(frame, man.end); err != nil {
		return err
	}
	if err := man.file.Sync(); err != nil {
		return err
	}
	if _, err := man.file.WriteAt(encodeSlot(number), slotOffset(number)); err != nil {
		return err
	}
	if err := man.file.Sync(); err != nil {
		return err
	}
	man.frames, man.end = number, man.end+int64(len(frame))
	return nil
}

// grown says whether a fresh manifest should be started.
func (man *manifest) grown() bool {
	return man.end-framesOffset > 4*man.full+manifestGrowth
}

func appendFrame(dst []byte, number uint64, edit []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(edit)))
	dst = binary.LittleEndian.AppendUint32(dst, frameChecksum(number, edit))
	return append(dst, edit...)
}

func frameChecksum(number uint64, edit []byte) uint32 {
	var head [12]byte
	binary.LittleEndian.PutUint64(head[:], number)
	binary.LittleEndian.PutUint32(head[8:], uint32(len(edit)))
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, edit)
}

func slotOffset(frames uint64) int64 {
	if frames%2 == 1 {
		return slotSpacing
	}
	return 2 * slotSpacing
}

func encodeSlot(frames uint64) []byte {
	slot := binary.LittleEndian.AppendUint64(nil, frames)
	slot = binary.LittleEndian.AppendUint32(slot, crc32.Checksum(slot, castagnoli))
	return append(slot, 0, 0, 0, 0)
}

// decodeSlot returns 0 if the slot at offset is torn, damaged or never written.
func decodeSlot(data []byte, offset int64) uint64 {
	slot := data[offset : offset+slotSize]
	if crc32.Checksum(slot[:8], castagnoli) != binary.LittleEndian.Uint32(slot[8:]) {
		return 0
	}
	return binary.LittleEndian.Uint64(slot)
}

// decodeManifest returns the state that a manifest leads to, and whether a slot
// counts its last frame. A damaged one gives the offset and the reason.
func decodeManifest(data []byte) (s *state, counted bool, at int64, damage string) {
	if len(data) < framesOffset {
		return nil, false, 0, "manifest is cut short"
	}
	if string(data[:8]) != manifestMagic || crc32.Checksum(data[:12], castagnoli) != binary.LittleEndian.Uint32(data[12:]) {
		return nil, false, 0, "not a manifest"
	}
	if binary.LittleEndian.Uint32(data[8:]) != manifestVersion {
		return nil, false, 0, "unknown version of the manifest format"
	}
	required := max(decodeSlot(data, slotSpacing), decodeSlot(data, 2*slotSpacing))
	if required == 0 {
		return nil, false, slotSpacing, "both slots are damaged"
	}
	s = &state{}
	at = framesOffset
	frames := uint64(0)
	for {
		edit := decodeFrame(data[at:], frames+1)
		if edit == nil {
			break
		}
		if s, damage = applyEdit(s, edit); damage != "" {
			return nil, false, at, damage
		}
		frames++
		at += frameHeaderSize + int64(len(edit))
	}
	if frames < required {
		return nil, false, at, fmt.Sprintf("frame %d is damaged, and %d were durable", frames+1, required)
	}
	return s, frames == required, 0, ""
}

// decodeFrame returns the edit in the frame of that number, or nil.
func decodeFrame(data []byte, number uint64) []byte {
	if len(data) < frameHeaderSize {
		return nil
	}
	n := binary.LittleEndian.Uint32(data)
	if uint64(n) > uint64(len(data)-frameHeaderSize) || n == 0 {
		return nil
	}
	edit := data[frameHeaderSize : frameHeaderSize+int(n)]
	if frameChecksum(number, edit) != binary.LittleEndian.Uint32(data[4:]) {
		return nil
	}
	return edit
}

// readManifest returns the state of the store in dir and the number of its
// manifest. counted is false if the last edit may not be durable.
func readManifest(fsys vfs.FS, dir string) (s *state, number uint64, counted bool, err error) {
	current := filepath.Join(dir, currentName)
	data, err := readWhole(fsys, current)
	if err != nil {
		return nil, 0, false, err
	}
	number, ok := decodeCurrent(data)
	if !ok {
		return nil, 0, false, &statelab.CorruptError{File: current, Reason: "does not name a manifest"}
	}
	path := filepath.Join(dir, manifestName(number))
	if data, err = readWhole(fsys, path); err != nil {
		return nil, 0, false, err
	}
	s, counted, at, damage := decodeManifest(data)
	if damage == "" && s.nextFile <= number {
		at, damage = framesOffset, "the manifest's own number is not given out yet"
	}
	if damage != "" {
		return nil, 0, false, &statelab.CorruptError{File: path, Offset: at, Reason: damage}
	}
	return s, number, counted, nil
}

// readWhole reads a file that must be there.
func readWhole(fsys vfs.FS, path string) ([]byte, error) {
	data, err := vfs.ReadFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &statelab.CorruptError{File: path, Offset: -1, Reason: "missing"}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

func encodeCurrent(number uint64) []byte {
	name := manifestName(number)
	return fmt.Appendf(nil, "%s %08x\n", name, crc32.Checksum([]byte(name), castagnoli))
}

func decodeCurrent(data []byte) (number uint64, ok bool) {
	name, _, _ := strings.Cut(string(data), " ")
	if _, err := fmt.Sscanf(name, manifestPrefix+"%d", &number); err != nil {
		return 0, false
	}
	return number, string(encodeCurrent(number)) == string(data)
}
