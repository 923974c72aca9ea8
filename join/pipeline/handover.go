package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// In mode backlog what the sources hold is sorted, as in batch mode; when the join would wait for one that is followed
// it goes on as a stream, from a store that gets what a stream would have in it by then
// (join.Backlog.HandOver). From that commit on it is a join like any other in stream mode, and a restart goes
// on in either. Its store lies in 0-of-1, as that of a join that was divided anew into one
// partition. While it is being filled there is
//
//	DIR/batch/handover
//
// which says that what else is in DIR is of no use: the next run removes it and begins anew.
const handoverFile = "handover"

// validateBacklog refuses what mode backlog cannot do.
func (d *Definition) validateBacklog() error {
	switch {
	case !d.Backlog:
		return nil
	case d.readsStandardInput():
		return errors.New("mode backlog: standard input does not say where its backlog ends; use mode stream")
	case d.partitions() > 1:
		return errors.New("state.partitions: mode backlog goes on with one partition; use that, or mode stream")
	case d.writesParquet():
		return errors.New("mode backlog: a parquet file cannot be gone on with; use JSON lines, or mode stream")
	}
	if err := d.Spec.ForBacklog(); err != nil {
		return fmt.Errorf("mode backlog: %w; use mode stream", err)
	}
	return nil
}

// isFresh says whether there is no state to go on from, having removed what an interrupted batch has left.
func (r *run) isFresh() (bool, error) {
	if err := r.removeBatch(); err != nil {
		return false, err
	}
	names, err := r.opts.FS.List(r.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return len(names) == 0, nil
}

// removeHalfHanded removes what was to become the state of a stream, if it has not.
func (r *run) removeHalfHanded() error {
	if _, err := r.opts.FS.Stat(filepath.Join(r.dir, batchDir, handoverFile)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	names, err := r.opts.FS.List(r.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == batchDir {
			continue
		}
		if err := removeTree(r.opts.FS, filepath.Join(r.dir, name)); err != nil {
			return err
		}
	}
	return r.opts.FS.SyncDir(r.dir)
}

// handOver ends the backlog where the sources have been read to, and goes on as a stream.
func (r *run) handOver() (err error) {
	b := r.batch
	for i, in := range r.inputs {
		b.backlog.Pass(in.side, in.seq(r.order.place[i].position))
		b.backlog.AdvanceSource(in.side, in.number, r.order.place[i].watermark)
	}
	if err := errors.Join(r.makeDir(), r.markHandover(b.dir)); err != nil {
		return err
	}
	r.resuming = r.def.State.Dir != ""
	r.layout = layout{Version: layoutVersion, Partitions: 1}
	p := r.newPartition(0, 1)
	p.printer, p.delays, p.outputs = b.printer, b.delays, b.outputs
	b.outputs = nil
	for _, part := range p.outputs {
		p.to = append(p.to, part)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.store, err = p.openStore(); err != nil {
		return err
	}
	if p.op, err = b.backlog.HandOver(p.store, p.hooks()); err != nil {
		return err
	}
	if n := r.def.State.MiniBatch; n > 1 {
		if err := p.op.MiniBatch(n); err != nil {
			return err
		}
	}
	if r.lock, err = r.opts.FS.Lock(filepath.Join(r.dir, layoutLock)); err != nil {
		return err
	}
	if err := r.writeLayout(); err != nil {
		return err
	}
	p.begun = p.rows()
	p.publish(true)
	r.switching.Lock()
	r.partitions, r.batch = []*partition{p}, nil
	r.switching.Unlock()
	r.to, r.commits.every = alone{p}, r.def.checkpointEvery()
	r.log.Info("goes on as a stream", "rows", p.begun, "watermark", r.order.low(), "waiting", p.op.Summary().WaitingLeft+p.op.Summary().WaitingRight)
	return b.close()
}

// markHandover makes handoverFile.
func (r *run) markHandover(dir string) error {
	f, err := r.opts.FS.Create(filepath.Join(dir, handoverFile))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(r.opts.FS.SyncDir(dir), r.opts.FS.SyncDir(r.dir))
}
