package pipeline

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/sink"
	"github.com/statelab/statelab/join/source"
	"github.com/statelab/statelab/vfs"
)

// The note is what a pipeline keeps in the join's meta record. All numbers are
// little-endian.
//
//	OFFSET  SIZE  FIELD
//	0       1     format version, 1
//	1       8     xxh64 of the definition of the left side
//	9       8     of the right side
//	17      8     of the outputs
//	25      16    left file: size; xxh64 of its first and last 64 KiB
//	41      16    right file: the same
//	57      40    output: length and SHA-256 so far
//	97      40    file of late events, if there is one: the same
//	        40    file of bad rows, if there is one: the same
//
// A side that the kind does not have is an empty definition, and a file of zeros.
const (
	noteVersion  = 1
	noteSides    = 1
	noteOutputs  = 17
	noteFiles    = 25
	noteStates   = 57
	fingerprints = 16
)

// head returns the part of the note that stays the same.
func (r *run) head() ([]byte, error) {
	note := []byte{noteVersion}
	for i := range r.def.Inputs {
		note = binary.LittleEndian.AppendUint64(note, hashInput(&r.def.Inputs[i]))
	}
	outputs := fmt.Sprintf("%q %q", r.def.Output, r.def.Late)
	if r.def.writesParquet() {
		outputs += " parquet"
	}
	if r.def.Bad != "" {
		outputs += fmt.Sprintf(" %q", r.def.Bad)
	}
	note = binary.LittleEndian.AppendUint64(note, xxhash.Sum64String(outputs))
	for i := range r.def.Inputs {
		if i >= len(r.def.inputs()) {
			note = append(note, make([]byte, fingerprints)...)
			continue
		}
		var err error
		if note, err = appendFingerprint(note, r.opts.FS, r.def.Inputs[i].File); err != nil {
			return nil, err
		}
	}
	return note, nil
}

// hashInput covers what decides which events a file holds, but not the file's
// name: its fingerprint stands for it.
func hashInput(c *source.Config) uint64 {
	where := slices.Clone(c.Where)
	slices.SortFunc(where, func(a, b source.Condition) int {
		if a.Column < b.Column {
			return -1
		}
		return 1
	})
	format := c.Format
	if format == "" {
		format = source.FormatOf(c.File)
	}
	text := fmt.Sprintf("%q %q %q %q %q %q", format, c.Columns, where, c.Key, c.Time, c.TimeFormat)
	if c.To != 0 {
		text += fmt.Sprintf(" %d %d", c.From, c.To)
	}
	return xxhash.Sum64String(text)
}

// fingerprintBytes is how much of a file's start and end is looked at.
const fingerprintBytes = 64 << 10

// appendFingerprint appends a file's fingerprint; standard input has none.
func appendFingerprint(dst []byte, fsys vfs.FS, name string) ([]byte, error) {
	if name == "-" {
		return append(dst, make([]byte, fingerprints)...), nil
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("fingerprint %s: %w", name, err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("fingerprint %s: %w", name, err)
	}
	h := xxhash.New()
	for _, from := range []int64{0, max(0, size-fingerprintBytes)} {
		if _, err := io.Copy(h, io.NewSectionReader(f, from, fingerprintBytes)); err != nil {
			return nil, fmt.Errorf("fingerprint %s: %w", name, err)
		}
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(size))
	return binary.LittleEndian.AppendUint64(dst, h.Sum64()), nil
}

// compareNote refuses to go on from a note whose fixed part differs from head.
func (r *run) compareNote(note, head []byte) error {
	anew := r.anew()
	states := noteStates + len(r.outputNames())*sink.StateSize
	if len(note) < noteStates || note[0] != noteVersion {
		return badInput("the state in %s was made by another program or version", r.dir)
	}
	for i := range r.def.Inputs {
		side := join.Side(i)
		if at := noteSides + 8*i; string(note[at:at+8]) != string(head[at:at+8]) {
			return badInput("%s: the definition of the %v side has changed %s", r.def.Name, side, anew)
		}
		if at := noteFiles + fingerprints*i; string(note[at:at+fingerprints]) != string(head[at:at+fingerprints]) {
			return badInput("%s has changed %s", r.def.Inputs[i].File, anew)
		}
	}
	if string(note[noteOutputs:noteFiles]) != string(head[noteOutputs:noteFiles]) || len(note) != states {
		return r.outputChanged()
	}
	return nil
}

func (r *run) outputChanged() error {
	return badInput("%s: the output has changed %s", r.def.Name, r.anew())
}

// anew says what to do about a state that was made for something else.
func (r *run) anew() string {
	return fmt.Sprintf("since the state in %s was made; remove that directory to join anew", r.dir)
}
