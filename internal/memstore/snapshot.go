package memstore

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/meter"
)

// A snapshotter knows the store's current snapshot and the one in the making.
type snapshotter struct {
	done    chan struct{}  // closed when the one in the making is finished; nil if there is none; guarded by Store.write
	pace    *pacer         // of the one in the making, in the background; guarded by Store.write
	before  int64          // bytes of the log before the one in the making; guarded by Store.write
	due     int64          // length of the log at which that was due; guarded by Store.write
	runs    sync.WaitGroup // background ones
	stopped chan struct{}  // closed when the store closes
	idle    time.Duration  // as a pacer's

	mu       sync.Mutex
	number   uint64 // of the current one; 0 is none
	bytes    int64  // of it
	obsolete int64  // bytes of the log that it makes superfluous and that are still there
}

// An image is a snapshot in the making.
type image struct {
	number uint64
	before int64 // bytes of the log before it
	view   *openView
	done   chan struct{}
	wait   func(written int64) error // before each block
}

// snapshotDue returns the length of the log at which a snapshot is due: that of
// what is live, or twice that for one that holds deltas and so has less that is
// obsolete, and at least Options.LogLimit.
func (s *Store) snapshotDue() int64 {
	limit := s.records.size
	if s.o.Durability == statelab.DurabilityCheckpoint {
		limit *= 2
	}
	return max(s.o.LogLimit, limit)
}

// logLength returns the length of the log that is not obsolete.
func (s *Store) logLength() int64 {
	s.snapshot.mu.Lock()
	defer s.snapshot.mu.Unlock()
	return s.log.Size() - s.snapshot.obsolete
}

// startSnapshotIfDue begins a snapshot if the log has grown enough and none is
// in the making, holding write. Under background maintenance it hands the rest
// to a goroutine; else it returns an image that the caller must hand to
// runSnapshot, having let go of write.
func (s *Store) startSnapshotIfDue() (*image, error) {
	due := s.snapshotDue()
	if s.snapshot.busy() || s.logLength() <= due {
		return nil, nil
	}
	number, err := s.log.Cut()
	if err != nil {
		return nil, s.failed(err)
	}
	img := &image{number: number, before: s.log.Size(), view: s.openView(), done: make(chan struct{})}
	s.snapshot.done = img.done
	if s.o.Maintenance == statelab.MaintenanceInline {
		img.wait = unpaced
		return img, nil
	}
	s.snapshot.pace, s.snapshot.before, s.snapshot.due = s.newPacer(), img.before, due
	img.wait = s.snapshot.pace.wait
	s.snapshot.runs.Go(func() {
		// A failure is latched; who changes the store next is told.
		_ = s.runSnapshot(img)
	})
	return nil, nil
}

// busy says whether a snapshot is in the making, holding Store.write.
func (sn *snapshotter) busy() bool {
	if sn.done == nil {
		return false
	}
	select {
	case <-sn.done:
		sn.done, sn.pace = nil, nil
		return false
	default:
		return true
	}
}

// stop makes the background give up, and waits for it.
func (sn *snapshotter) stop() {
	close(sn.stopped)
	sn.runs.Wait()
}

func (sn *snapshotter) current() (bytes int64, number uint64) {
	sn.mu.Lock()
	defer sn.mu.Unlock()
	return sn.bytes, sn.number
}

// errStopped ends a snapshot when the store is closed.
var errStopped = errors.New("the store is being closed")

// runSnapshot writes a snapshot and drops what it makes superfluous.
func (s *Store) runSnapshot(img *image) error {
	defer close(img.done)
	start := time.Now()
	err := s.log.Settle() // not holding write, as the cut was made
	var bytes int64
	if err == nil {
		bytes, err = s.writeSnapshot(img)
	}
	s.closeView(img.view)
	if errors.Is(err, errStopped) {
		return nil
	}
	if err != nil {
		return s.failed(fmt.Errorf("write snapshot %d: %w", img.number, err))
	}
	s.snapshot.mu.Lock()
	old := s.snapshot.number
	s.snapshot.number, s.snapshot.bytes, s.snapshot.obsolete = img.number, bytes, img.before
	s.snapshot.mu.Unlock()
	s.o.ReportMaintenance(statelab.EventSnapshot, start, bytes)
	s.o.Logger.Info("memstore: snapshot written", "store", s.path, "number", img.number, "bytes", bytes)
	if old != 0 {
		s.remove(imageName(old))
	}
	if err := s.log.RemoveBefore(img.number); err != nil {
		s.o.Logger.Warn("memstore: old log stays until the next snapshot", "store", s.path, "error", err)
		return nil
	}
	s.snapshot.mu.Lock()
	s.snapshot.obsolete = 0
	s.snapshot.mu.Unlock()
	return nil
}

// writeSnapshot makes the snapshot durable under its name.
func (s *Store) writeSnapshot(img *image) (bytes int64, err error) {
	name := filepath.Join(s.path, imageName(img.number))
	if bytes, err = s.writeImage(name+tempSuffix, img.number, img.view.view, meter.Snapshot, img.wait); err != nil {
		s.remove(imageName(img.number) + tempSuffix)
		return 0, err
	}
	if err := s.fs.Rename(name+tempSuffix, name); err != nil {
		return 0, err
	}
	return bytes, s.fs.SyncDir(s.path)
}

// unpaced lets blocks be written without waiting.
func unpaced(int64) error { return nil }

// writeImage writes a snapshot file and syncs it. Before each block it waits,
// and gives up if that fails.
func (s *Store) writeImage(name string, number uint64, v view, p meter.Purpose, wait func(written int64) error) (bytes int64, err error) {
	raw, err := s.fs.Create(name)
	if err != nil {
		return 0, err
	}
	w := &imageWriter{file: s.meter.File(raw, p), number: number}
	if err = w.begin(v.watermark); err == nil {
		err = s.writeRecords(w, v, wait)
	}
	if err == nil {
		err = w.end()
	}
	if cerr := w.file.Close(); err == nil {
		err = cerr
	}
	return w.off, err
}

// writeRecords writes what the view sees, while others go on reading and
// writing.
func (s *Store) writeRecords(w *imageWriter, v view, wait func(written int64) error) error {
	var (
		enc  encoder
		from start
	)
	for more := true; more; {
		if err := wait(w.off); err != nil {
			return err
		}
		enc.reset()
		more = s.encodeSome(&enc, v, &from)
		if enc.batch.Len() > 0 {
			if err := w.add(&enc.batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// encodeSome adds to the encoder's batch what the view sees of the records from
// a start on, in one epoch, until the batch is full. It moves the start on, and
// says whether there may be more.
func (s *Store) encodeSome(enc *encoder, v view, from *start) (more bool) {
	g := s.records.epoch.Enter() // the store is not closed while a call is in flight
	defer s.leave(g)
	var (
		r   = &s.records
		buf [refsAtATime]arena.Ref
		key = from.key
	)
	for looked := 0; looked < readAtATime; looked += refsAtATime {
		refs := r.index.Ascend(buf[:0], key, from.edge)
		from.edge = true
		for _, ref := range refs {
			key = r.keys().Of(ref)
			enc.appendRecord(r, ref, v)
			if len(enc.batch.Bytes()) >= partBytes {
				from.key = append(from.key[:0], key...)
				return true
			}
		}
		if len(refs) < len(buf) {
			return false
		}
	}
	from.key = append(from.key[:0], key...)
	return true
}

// remove removes a file of the store that is not needed any more. If that
// fails, the next opening does it.
func (s *Store) remove(name string) {
	err := s.fs.Remove(filepath.Join(s.path, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.o.Logger.Warn("memstore: file stays until the next opening", "store", s.path, "file", name, "error", err)
	}
}

// removeAllBut removes the snapshots other than number, and unfinished ones.
func (s *Store) removeAllBut(number uint64, names []string) {
	for _, name := range names {
		n, ok := parseImageName(strings.TrimSuffix(name, tempSuffix))
		if ok && name != imageName(number) && n != 0 {
			s.remove(name)
		}
	}
}
