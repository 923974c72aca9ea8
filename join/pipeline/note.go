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
//	25      16    each file of the left side: size; xxh64 of its first and last 64 KiB
//	        16    each file of the right side: the same
//	        40    output: length and SHA-256 so far
//	        40    file of late events, if there is one: the same
//	        40    file of bad rows, if there is one: the same
//	        24    each file that is followed: rows of the source before its first one; of how many bytes, 4096 at most, at its
//	              beginning there follows; the xxh64
//
// A side that the kind does not have is an empty definition, and a file of zeros. Of a file that is
// followed, which grows, the first 64 KiB at most are looked at, and the size is of those: as many as there
// were when the run began. That counts only where the note ends before the last field, which says more: a file that is
// followed may be rotated.
const (
	noteVersion  = 1
	noteSides    = 1
	noteOutputs  = 17
	noteFiles    = 25
	fingerprints = 16
	generations  = 24
)

// head returns the part of the note that stays the same.
func (r *run) head() ([]byte, error) {
	note := []byte{noteVersion}
	for side := range r.def.Inputs {
		note = binary.LittleEndian.AppendUint64(note, r.hashSide(join.Side(side)))
	}
	outputs := fmt.Sprintf("%q %q", r.def.Output, r.def.Late)
	if r.def.writesParquet() {
		outputs += " parquet"
	}
	if r.def.Bad != "" {
		outputs += fmt.Sprintf(" %q", r.def.Bad)
	}
	note = binary.LittleEndian.AppendUint64(note, xxhash.Sum64String(outputs))
	for _, in := range r.inputs {
		for _, name := range in.names {
			var err error
			if note, err = appendFingerprint(note, r.opts.FS, name, in.Follow); err != nil {
				return nil, err
			}
		}
	}
	if len(r.def.inputs()) == 1 {
		note = append(note, make([]byte, fingerprints)...)
	}
	return note, nil
}

// hashSide covers what decides which events the files of a side hold, but not the files'
// names: their fingerprints stand for them.
func (r *run) hashSide(side join.Side) uint64 {
	var text string
	for _, in := range r.inputs {
		if in.side != side {
			continue
		}
		text += inputText(&in.Config)
		if len(in.names) > 1 {
			text += fmt.Sprintf(" %d files", len(in.names))
		}
		if in.Follow {
			text += " follow"
		}
		if in.several {
			text += ";"
		}
	}
	if text == "" {
		text = inputText(&source.Config{})
	}
	return xxhash.Sum64String(text)
}

func inputText(c *source.Config) string {
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
		if len(c.Files) > 0 {
			format = source.FormatOf(c.Files[0])
		}
	}
	text := fmt.Sprintf("%q %q %q %q %q %q", format, c.Columns, where, c.Key, c.Time, c.TimeFormat)
	if c.To != 0 {
		text += fmt.Sprintf(" %d %d", c.From, c.To)
	}
	return text
}

// fingerprintBytes is how much of a file's start and end is looked at.
const fingerprintBytes = 64 << 10

// appendFingerprint appends a file's fingerprint; standard input has none.
func appendFingerprint(dst []byte, fsys vfs.FS, name string, follow bool) ([]byte, error) {
	if name == "-" {
		return append(dst, make([]byte, fingerprints)...), nil
	}
	if source.IsGenerated(name) { // it is what its name says
		dst = binary.LittleEndian.AppendUint64(dst, 0)
		return binary.LittleEndian.AppendUint64(dst, xxhash.Sum64String(name)), nil
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
	if follow {
		return appendHead(dst, f, min(size, fingerprintBytes))
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

// appendHead appends the fingerprint of what a file begins with.
func appendHead(dst []byte, f vfs.File, size int64) ([]byte, error) {
	h := xxhash.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return nil, err
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(size))
	return binary.LittleEndian.AppendUint64(dst, h.Sum64()), nil
}

// sameFile says whether a file has the fingerprint that it had, was, and has is the one now. A file that is followed
// may have grown.
func (r *run) sameFile(in *input, name string, was, is []byte) (bool, error) {
	if string(was) == string(is) || !in.Follow {
		return string(was) == string(is), nil
	}
	size := binary.LittleEndian.Uint64(was)
	if size > binary.LittleEndian.Uint64(is) {
		return false, nil
	}
	f, err := r.opts.FS.Open(name)
	if err != nil {
		return false, fmt.Errorf("fingerprint %s: %w", name, err)
	}
	defer f.Close()
	head, err := appendHead(nil, f, int64(size))
	if err != nil {
		return false, fmt.Errorf("fingerprint %s: %w", name, err)
	}
	return string(was) == string(head), nil
}

// compareNote refuses to go on from a note whose fixed part differs from head.
func (r *run) compareNote(note, head []byte) error {
	anew := r.anew()
	states := len(head) + len(r.outputNames())*sink.StateSize
	if len(note) < noteFiles || note[0] != noteVersion {
		return badInput("the state in %s was made by another program or version", r.dir)
	}
	for i := range r.def.Inputs {
		side := join.Side(i)
		if at := noteSides + 8*i; string(note[at:at+8]) != string(head[at:at+8]) {
			return badInput("%s: the definition of the %v side has changed %s", r.def.Name, side, anew)
		}
	}
	at := noteFiles
	rotates := len(note) > states
	for _, in := range r.inputs {
		for _, name := range in.names {
			if len(note) < at+fingerprints {
				return r.outputChanged()
			}
			if in.Follow && rotates {
				at += fingerprints
				continue
			}
			same, err := r.sameFile(in, name, note[at:at+fingerprints], head[at:at+fingerprints])
			if err != nil {
				return err
			}
			if !same {
				return badInput("%s has changed %s", name, anew)
			}
			at += fingerprints
		}
	}
	if string(note[noteOutputs:noteFiles]) != string(head[noteOutputs:noteFiles]) || len(note) < states {
		return r.outputChanged()
	}
	if left := r.takeGenerations(note[states:]); left > 0 && rotates {
		return r.outputChanged()
	}
	return nil
}

// appendGenerations appends which files the rows at a partition's place are of, where sources are followed.
func (p *partition) appendGenerations(dst []byte) []byte {
	for _, in := range p.run.inputs {
		if !in.Follow {
			continue
		}
		var position uint64
		if p.op != nil {
			position, _ = p.op.SourceProgress(in.side, in.number)
		} else { // a backlog is handed over, by the one goroutine that there is
			position = p.run.order.place[in.index].position
		}
		g := in.source.Generation(position)
		dst = binary.LittleEndian.AppendUint64(dst, g.Rows)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(g.Size))
		dst = binary.LittleEndian.AppendUint64(dst, g.Sum)
	}
	return dst
}

// takeGenerations has the sources that are followed know with which files they go on, and returns how many bytes are not of
// that.
func (r *run) takeGenerations(b []byte) (left int) {
	for _, in := range r.inputs {
		if in.Follow && len(b) >= generations {
			g := source.Generation{
				Rows: binary.LittleEndian.Uint64(b), Size: int64(binary.LittleEndian.Uint64(b[8:])), Sum: binary.LittleEndian.Uint64(b[16:]),
			}
			// Of several partitions the one that is the furthest behind says so, and one that knows more of how the file begins.
			if was := in.resume; was == nil || g.Rows < was.Rows || g.Rows == was.Rows && g.Size > was.Size {
				in.resume = &g
			}
			b = b[generations:]
		}
	}
	return len(b)
}

func (r *run) outputChanged() error {
	return badInput("%s: the output has changed %s", r.def.Name, r.anew())
}

// anew says what to do about a state that was made for something else.
func (r *run) anew() string {
	return fmt.Sprintf("since the state in %s was made; remove that directory to join anew", r.dir)
}
