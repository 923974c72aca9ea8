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
// partition; and if there are to be several it is divided into them at once, as that would be. While it is being filled there is
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
	case d.writesWhole():
		return errors.New("mode backlog: a parquet or compressed file cannot be gone on with; use JSON lines, or mode batch")
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
func (r *run) handOver() error {
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
	partitions, err := r.takeOver()
	if err == nil && r.count > 1 {
		partitions, err = r.divideHanded(partitions[0])
	}
	if err != nil {
		for _, p := range partitions {
			err = errors.Join(err, p.close())
		}
		return err
	}
	waiting := int64(0)
	for _, p := range partitions {
		p.begun = r.order.rows()
		p.publish(true)
		s := p.op.Summary()
		waiting += s.WaitingLeft + s.WaitingRight
	}
	r.switching.Lock()
	r.partitions, r.batch = partitions, nil
	r.switching.Unlock()
	if err := errors.Join(b.close(), r.openMerging()); err != nil {
		return err
	}
	r.to, r.commits.every = r.newFeed(), r.def.checkpointEvery()
	r.log.Info("goes on as a stream", "rows", r.order.rows(), "watermark", r.order.low(), "waiting", waiting)
	return nil
}

// takeOver makes the partition that goes on with what the batch hands over, durably.
func (r *run) takeOver() (partitions []*partition, err error) {
	b, p := r.batch, r.newPartition(0, 1)
	p.printer, p.delays, p.outputs = b.printer, b.delays, b.outputs
	b.outputs = nil
	for _, part := range p.outputs {
		p.to = append(p.to, part)
	}
	partitions = []*partition{p}
	if p.store, err = p.openStore(); err != nil {
		return partitions, err
	}
	if p.op, err = b.backlog.HandOver(p.store, p.hooks()); err != nil {
		return partitions, err
	}
	if n := r.def.State.MiniBatch; n > 1 {
		if err := p.op.MiniBatch(n); err != nil {
			return partitions, err
		}
	}
	if r.lock, err = r.opts.FS.Lock(filepath.Join(r.dir, layoutLock)); err != nil {
		return partitions, err
	}
	return partitions, r.writeLayout()
}

// divideHanded divides what was handed over to one partition among as many as there are to be, which
// a restart would do, too.
func (r *run) divideHanded(p *partition) ([]*partition, error) {
	for _, part := range p.outputs {
		if err := part.Flush(); err != nil {
			return []*partition{p}, err
		}
	}
	err := errors.Join(p.close(), r.divide(1), r.removeObsolete())
	if err != nil {
		return nil, err
	}
	partitions, err := r.openPartitions()
	if err == nil {
		partitions[0].delays = p.delays
	}
	return partitions, err
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
