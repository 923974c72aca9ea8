package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// A pass reads a log from segment first to its end, and judges what it finds.
// It changes nothing.
type pass struct {
	fs    vfs.FS
	dir   string
	meter *meter.Meter
	first uint64
	bound Pos // what DURABLE states

	visit  func(segment uint64, f frame) error // every whole frame; may be nil
	replay func(payload []byte) error          // every record that counts; may be nil
	turn   func(n int) ([]byte, error)         // as a reader's; may be nil
}

// A tail is where a log ends and how.
type tail struct {
	lengths    []int64 // of the segments from first on; the last one is the length up to which it is whole
	proved     int64   // of the last segment: the greatest length that a frame of it states to be synced
	size       int64   // of the last segment's file; what lies beyond its length is torn
	headerless bool    // the last segment's creation was cut short
	pending    bool    // pending records at the end wait for a completion that will not come
}

// errTorn says that a segment has no whole header but may lawfully lack it.
var errTorn = errors.New("segment header is torn")

// run reads the whole log.
func (p *pass) run() (tail, error) {
	numbers, err := listSegments(p.fs, p.dir)
	if err != nil {
		return tail{}, err
	}
	at, _ := slices.BinarySearch(numbers, p.first)
	numbers = numbers[at:]
	if err := p.requireAll(numbers); err != nil {
		return tail{}, err
	}
	var t tail
	for i, number := range numbers {
		if err := p.readSegment(&t, number, i == len(numbers)-1); err != nil {
			return tail{}, err
		}
	}
	return t, nil
}

// requireAll finds gaps: segments are numbered without, from first up to at
// least the one that DURABLE names.
func (p *pass) requireAll(numbers []uint64) error {
	want := p.first
	for _, number := range numbers {
		if number != want {
			break
		}
		want++
	}
	if len(numbers) == 0 || want <= numbers[len(numbers)-1] || want <= p.bound.Segment {
		return p.corrupt(want, -1, "segment is missing")
	}
	return nil
}

func (p *pass) corrupt(segment uint64, off int64, reason string) error {
	return &statelab.CorruptError{File: filepath.Join(p.dir, segmentName(segment)), Offset: off, Reason: reason}
}

// readSegment reads one segment and adds what it finds to t.
func (p *pass) readSegment(t *tail, number uint64, last bool) error {
	raw, err := p.fs.Open(filepath.Join(p.dir, segmentName(number)))
	if err != nil {
		return err
	}
	file := p.meter.File(raw, meter.Log)
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return err
	}
	t.size, t.proved = size, 0
	r := &reader{file: file, segment: number, size: size, turn: p.turn}
	err = p.readHeader(r, t, last)
	if errors.Is(err, errTorn) {
		t.headerless = true
		t.lengths = append(t.lengths, 0)
		return nil
	}
	if err == nil {
		err = p.readFrames(r, t, last)
	}
	if err == nil && t.pending && !last {
		err = p.corrupt(number, r.off, "the segment ends between pending records and the one that completes them")
	}
	t.lengths = append(t.lengths, r.off)
	return err
}

// readHeader checks the header against the file's name and the segment before.
func (p *pass) readHeader(r *reader, t *tail, last bool) error {
	b, err := r.view(0, int(min(segmentHeaderSize, r.size)))
	if err != nil {
		return err
	}
	version, number, previous, reason := decodeSegmentHeader(b)
	if reason != "" {
		// The caller names the first segment only after its creation was
		// durable; any other may have been cut short.
		if r.segment == p.first {
			return p.corrupt(r.segment, 0, reason)
		}
		if err := p.judge(r, 0, reason, last); err != nil {
			return err
		}
		return errTorn
	}
	if version != formatVersion {
		return fmt.Errorf("log segment %s has format version %d, and this program knows version %d: %w",
			filepath.Join(p.dir, segmentName(r.segment)), version, formatVersion, statelab.ErrMismatch)
	}
	if number != r.segment {
		return p.corrupt(r.segment, 12, fmt.Sprintf("header says segment %d", number))
	}
	if n := len(t.lengths); n > 0 && t.lengths[n-1] != previous {
		return p.corrupt(r.segment-1, min(t.lengths[n-1], previous),
			fmt.Sprintf("the segment is %d bytes long, and the next one states %d", t.lengths[n-1], previous))
	}
	r.off = segmentHeaderSize
	return nil
}

// readFrames reads the frames of a segment up to its end or the cut. Records
// after pending ones are replayed only once the record that completes them is
// seen, which costs reading them again.
func (p *pass) readFrames(r *reader, t *tail, last bool) error {
	group := int64(-1) // offset of the first pending record that is not completed
	for r.off < r.size {
		f, reason, err := r.next()
		if err != nil {
			return err
		}
		if reason != "" {
			t.pending = group >= 0
			return p.judge(r, r.off, reason, last)
		}
		t.proved = max(t.proved, f.durable)
		if p.visit != nil {
			if err := p.visit(r.segment, f); err != nil {
				return err
			}
		}
		switch {
		case f.kind == KindPending && group < 0:
			group = f.off
		case f.kind == KindVoid:
			group = -1
		case f.kind == KindRecord:
			if group < 0 {
				group = f.off
			}
			if err := p.replayGroup(r, group, f); err != nil {
				return err
			}
			group = -1
		}
	}
	t.pending = group >= 0
	if p.bound.Segment == r.segment && p.bound.Offset > r.off {
		return p.corrupt(r.segment, r.off, fmt.Sprintf("the segment ends, and %d bytes of it were durable", p.bound.Offset))
	}
	return nil
}

// replayGroup replays the pending records from offset group on and the record
// that completes them.
func (p *pass) replayGroup(r *reader, group int64, record frame) error {
	if p.replay == nil {
		return nil
	}
	if group == record.off {
		return p.replay(record.payload)
	}
	for r.off = group; r.off < record.end; {
		f, reason, err := r.next()
		if err != nil {
			return err
		}
		if reason != "" {
			return p.corrupt(r.segment, r.off, reason)
		}
		if f.kind == KindPending || f.kind == KindRecord {
			if err := p.replay(f.payload); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge returns nil if the bad bytes at offset x may be a torn end of the log,
// and a *statelab.CorruptError if anything testifies that they were durable.
func (p *pass) judge(r *reader, x int64, reason string, last bool) error {
	if !last {
		return p.corrupt(r.segment, x, reason+", and a later segment was begun")
	}
	if p.bound.Segment == r.segment && p.bound.Offset > x {
		return p.corrupt(r.segment, x, fmt.Sprintf("%s, and %d bytes of the segment were durable", reason, p.bound.Offset))
	}
	at, found, err := r.testimony(x)
	if err != nil {
		return err
	}
	if found {
		return p.corrupt(r.segment, x, fmt.Sprintf("%s, and the frame at %d states that it was durable", reason, at))
	}
	return nil
}

// listSegments returns the numbers of the segments in dir, in order.
func listSegments(fsys vfs.FS, dir string) ([]uint64, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		if n, ok := parseSegmentName(name); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
