package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/latch"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// Options of a log. FS, Dir and Meter must be set.
type Options struct {
	FS      vfs.FS
	Dir     string // for this log alone; its parent must exist
	Meter   *meter.Meter
	Purpose meter.Purpose // of the bytes in segments

	// Policy says what Commit does. DurabilityCheckpoint is a log without
	// policy: only Sync, Rotate and Close make anything durable.
	Policy statelab.Durability
	// Interval is the time between syncs under DurabilityInterval; zero is
	// statelab.DefaultSyncInterval.
	Interval time.Duration

	// SegmentSize is the length in bytes over which a segment is not extended,
	// but by pending records and a first record that is longer; zero is
	// DefaultSegmentSize.
	SegmentSize int64

	// OnTick, if set, is told when a sync by the interval's clock began that has
	// just ended.
	OnTick func(start time.Time)

	// Deterministic makes the bytes written depend on the calls alone: frames
	// testify to syncs that the calls asked for, and not to those of the
	// interval's clock. Damage to what only the clock has synced then counts
	// as torn, until the log is closed. And nothing is done beside the caller.
	Deterministic bool
}

// DefaultSegmentSize is large enough that the syncs of rotating cost nothing
// beside those of the log's own bytes.
const DefaultSegmentSize = 256 << 20

// A Log is an open log. Its methods are safe for concurrent use; where the
// order of records matters callers hold a lock of their own around Append.
type Log struct {
	o     Options
	latch latch.Latch

	// queue has one leader at a time, who alone syncs and exchanges the tail's
	// file; who waits there shares the next sync (group commit).
	queue  queue
	synced Pos // all before it is durable; the leader's
	bound  Pos // what DURABLE states; the leader's

	// writing is held by whoever writes to the tail's file, in the order of the
	// frames. The leader may take it, and its holder may take mu.
	writing sync.Mutex

	// mu guards the tail: frames get their place under it. It is not held while
	// a file is written or synced, but to exchange the file.
	mu         sync.Mutex
	file       vfs.File // nil once closed
	segment    uint64
	buffers    buffers
	end        int64        // where the next frame goes
	space      atomic.Int64 // how long the file is; changed by the holder of writing
	unreserved bool         // no space can be reserved; the holder of writing's
	body       int64        // where the last frame that is not a mark ends
	frames     int          // added to the tail since it was opened, without marks
	proved     testimony    // what the next frame will state
	stated     testimony    // what the last frame stated
	pending    bool         // the last record is a pending one
	ended      []ended
	ending     *ending // the segment before the tail, if what is to be done about it is not; changed holding writing too
	spares     []spare
	sealer     sealer // the holder of writing's

	clock clock
}

// ended is a segment before the tail.
type ended struct {
	number uint64
	length int64
}

// A testimony is how far a segment is synced, in bytes and in frames.
type testimony struct {
	segment uint64
	durable int64
	frames  int
}

// Create makes o.Dir and in it an empty log whose first segment has the number
// first, durably. It
// removes what an earlier attempt to create one may have left in o.Dir.
func Create(o Options, first uint64) (*Log, error) {
	l := newLog(o)
	if err := l.create(first); err != nil {
		return nil, fmt.Errorf("create log %s: %w", o.Dir, err)
	}
	l.startClock()
	return l, nil
}

func (l *Log) create(first uint64) error {
	if err := l.o.FS.MkdirAll(l.o.Dir); err != nil {
		return err
	}
	if err := l.o.FS.SyncDir(filepath.Dir(l.o.Dir)); err != nil {
		return err
	}
	if err := l.removeSegmentsBefore(math.MaxUint64); err != nil {
		return err
	}
	if err := l.removeSpares(0); err != nil {
		return err
	}
	if err := l.o.FS.Remove(filepath.Join(l.o.Dir, durableName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l.startTail(first, segmentHeaderSize)
	return l.begin(first, 0)
}

// Open opens a log and calls replay for each record from segment first on, in
// order; payload is valid during the call. Segments before first are removed.
// What a crash has torn off the log's end is cut off, durably; anything else
// that is not as it was written gives a *statelab.CorruptError. When Open
// returns nil all that was replayed is durable (D8).
func Open(o Options, first uint64, replay func(payload []byte) error) (*Log, error) {
	return OpenRuns(o, first, func(payloads [][]byte) error {
		for _, payload := range payloads {
			if err := replay(payload); err != nil {
				return err
			}
		}
		return nil
	})
}

// OpenRuns is Open for who can make use of having several records at hand: it
// calls replay with runs of them, in order, that are valid during the call.
func OpenRuns(o Options, first uint64, replay func(payloads [][]byte) error) (*Log, error) {
	l := newLog(o)
	if err := l.recover(first, replay); err != nil {
		return nil, fmt.Errorf("open log %s: %w", o.Dir, err)
	}
	l.startClock()
	return l, nil
}

func (l *Log) recover(first uint64, replay func(payloads [][]byte) error) error {
	bound, err := readDurable(l.o.FS, l.o.Dir)
	if err != nil {
		return err
	}
	l.bound = bound
	p := pass{fs: l.o.FS, dir: l.o.Dir, meter: l.o.Meter, first: first, bound: bound}
	read := p.runBeside
	if l.o.Deterministic {
		read = p.runAlone
	}
	t, err := read(replay)
	if err != nil {
		return err
	}
	if err := l.resume(first, t); err != nil {
		return err
	}
	if err = l.removeSegmentsBefore(first); err == nil {
		err = l.findSpares()
	}
	if err != nil {
		l.file.Close()
	}
	return err
}

// resume makes the tail that recovery found durable and ready to be extended (W4).
func (l *Log) resume(first uint64, t tail) error {
	last := len(t.lengths) - 1
	for i, length := range t.lengths[:last] {
		l.ended = append(l.ended, ended{first + uint64(i), length})
	}
	number := first + uint64(last)
	if t.headerless {
		l.startTail(number, segmentHeaderSize)
		return l.begin(number, t.lengths[last-1])
	}
	raw, err := l.o.FS.OpenReadWrite(filepath.Join(l.o.Dir, segmentName(number)))
	if err != nil {
		return err
	}
	l.extend(raw, number, t.lengths[last], t.size)
	l.startTail(number, t.lengths[last])
	if err = l.settle(t); err == nil {
		err = l.drain(l.end)
	}
	if err != nil {
		l.file.Close()
	}
	return err
}

// settle makes the cut and all before it durable, unless DURABLE says that it
// is, and adds the frame that testifies to it or drops what is pending.
func (l *Log) settle(t tail) error {
	clean := l.bound == l.synced && t.size == l.end
	if !clean {
		if err := l.harden(max(t.proved, l.provedByBound())); err != nil {
			return err
		}
	}
	if t.pending {
		l.add(KindVoid, 0, 0)
	} else if !clean && l.end > segmentHeaderSize {
		l.add(KindMark, 0, 0)
	}
	return nil
}

// harden cuts the tail's file at its end and syncs it. From offset proved on it
// is written again first: if a sync failed before, the kernel may show bytes
// that it will never write (vfs clause V3).
func (l *Log) harden(proved int64) error {
	if err := l.file.Truncate(l.end); err != nil {
		return err
	}
	l.space.Store(l.end)
	buf := make([]byte, min(bufferSize, max(l.end-proved, 0)))
	for off := proved; off < l.end; {
		b := buf[:min(bufferSize, l.end-off)]
		if _, err := l.file.ReadAt(b, off); err != nil {
			return err
		}
		if _, err := l.file.WriteAt(b, off); err != nil {
			return err
		}
		off += int64(len(b))
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	return l.o.FS.SyncDir(l.o.Dir)
}

// provedByBound returns up to where DURABLE states that the tail is synced.
func (l *Log) provedByBound() int64 {
	if l.bound.Segment == l.segment {
		return l.bound.Offset
	}
	return 0
}

func newLog(o Options) *Log {
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegmentSize
	}
	if o.Interval == 0 {
		o.Interval = statelab.DefaultSyncInterval
	}
	l := &Log{o: o}
	l.buffers.init(&l.mu)
	l.queue.init()
	return l
}

// extend makes a file of so many bytes, durable up to end, that of the tail.
func (l *Log) extend(raw vfs.File, number uint64, end, size int64) {
	l.file, l.unreserved = l.o.Meter.File(raw, l.o.Purpose), false
	l.space.Store(size)
	l.synced = Pos{number, end}
}

// startTail lets frames go to a segment, behind the first so many bytes, which
// are durable.
func (l *Log) startTail(number uint64, end int64) {
	l.segment, l.end, l.body, l.frames = number, end, end, 0
	l.proved = testimony{segment: number, durable: end}
	l.stated = l.proved
	l.pending = false
}

// Err returns the failure that made the log useless, if there was one.
func (l *Log) Err() error { return l.latch.Err() }

// Segment returns the number of the tail.
func (l *Log) Segment() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segment
}

// Size returns the length in bytes of all segments, written or buffered.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := l.end
	for _, s := range l.ended {
		size += s.length
	}
	if l.ending != nil {
		size += l.ending.length
	}
	return size
}
