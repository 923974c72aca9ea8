package pipeline

import (
	"errors"
	"fmt"
	"io"

	"github.com/statelab/statelab/join/source"
)

// A feed is what rows are given to: a partition, or the workers of several.
type feed interface {
	add(in *input, row *source.Row, at place) error
	tell(t task, at place) error
	// finish waits until all is done that was told, or gives it up because of err.
	finish(err error) error
}

// alone feeds the only partition.
type alone struct{ *partition }

func (a alone) add(in *input, row *source.Row, at place) error {
	if a.run.order.idling > 0 {
		a.reach(at) // the operator does not know whom nobody waits for
	}
	return a.partition.add(in, row)
}
func (a alone) tell(t task, at place) error { return a.do(t, at) }
func (a alone) finish(err error) error      { return err }

// join reads all sources to their ends, and has every partition finish.
func (r *run) join() error {
	r.startLive()
	if r.batch != nil {
		r.to = r.batch
	} else {
		r.to = r.newFeed()
	}
	return r.readAll(func() bool { return false })
}

// readAll reads all sources to their ends, and has every partition finish; or until enough says
// so, and has them commit.
func (r *run) readAll(enough func() bool) error {
	err := r.read(enough)
	if errors.Is(err, ErrStopped) && r.resuming {
		if ferr := r.to.finish(nil); ferr != nil { // not before all have committed
			return ferr
		}
		return err
	}
	return r.to.finish(err)
}

// read tells the partitions what they are to do in readAll.
func (r *run) read(enough func() bool) error {
	fired, steps := r.due()
	if steps {
		// A step may have been reached by the last row of an earlier run.
		if err := r.to.tell(taskFlush, r.order.place); err != nil {
			return err
		}
	}
	var row source.Row
	for !enough() {
		if err := r.wake(); err != nil {
			return err
		}
		i, done := r.order.next()
		if done {
			return r.to.tell(taskFinish, r.order.place)
		}
		if err := r.readFrom(i, &row); err != nil {
			return err
		}
		if due, steps := r.due(); steps && due > fired {
			fired = due
			if err := r.to.tell(taskFlush, r.order.place); err != nil {
				return err
			}
		}
	}
	return r.to.tell(taskCommit, r.order.place)
}

// readFrom takes the next row of a source, or its end, or waits; with -1 it waits for any.
func (r *run) readFrom(i int, row *source.Row) error {
	if i < 0 {
		return r.wait(i)
	}
	switch ok, err := r.inputs[i].next(row); {
	case err == io.EOF:
		return r.end(i)
	case err != nil:
		return inputFault(err)
	case !ok:
		return r.wait(i)
	}
	return r.take(i, row)
}

// due is where timers fire by now, if they do so in steps.
func (r *run) due() (due int64, steps bool) {
	if r.batch != nil {
		return 0, false
	}
	return r.partitions[0].op.DueAt(r.order.low())
}

// take gives a row to its partition, and does what is due after it.
func (r *run) take(i int, row *source.Row) error {
	if r.hot != nil {
		r.hot.row(row)
	}
	if err := r.to.add(r.inputs[i], row, r.order.place); err != nil {
		return err
	}
	r.order.pass(i, row)
	if r.rounds != nil && !r.rounds.settled {
		if err := r.settle(); err != nil {
			return err
		}
	}
	if r.commits.due(r.order.low()) {
		if err := r.to.tell(taskCommit, r.order.place); err != nil {
			return err
		}
	}
	rows := r.rows.Add(1)
	if r.isEpoch(rows, row) {
		if err := r.to.tell(taskFlush, r.order.place); err != nil {
			return err
		}
	}
	if rows%progressRows == 0 {
		return r.pause()
	}
	return nil
}

// isEpoch says whether several partitions are to emit what is due once they have taken a row, those with
// few rows too: so that there is not much in which they are ahead of each other.
func (r *run) isEpoch(rows int64, row *source.Row) bool {
	n := int64(len(r.partitions))
	if n <= 1 {
		return false
	}
	if r.unflushed += int64(len(row.Key) + len(row.Value)); r.unflushed < n*epochBytes && rows%(n*progressRows) != 0 {
		return false
	}
	r.unflushed = 0
	return true
}

// end ends a source. All that was read is committed first: with unbounded
// disorder the longest part is still to come.
func (r *run) end(i int) error {
	if r.resuming {
		if err := r.to.tell(taskCommit, r.order.place); err != nil {
			return err
		}
	}
	r.order.end(i)
	return r.to.tell(taskFlush, r.order.place)
}

// pause reports progress, commits if it is told to, and commits and stops if the context says so.
func (r *run) pause() error {
	r.report(r.order.low())
	if r.ctx.Err() == nil {
		select {
		case <-r.opts.Commit:
			return r.to.tell(taskCommit, r.order.place)
		default:
			return nil
		}
	}
	switch {
	case r.batch != nil:
		return fmt.Errorf("%w after %d rows; in batch mode the next run begins anew", ErrStopped, r.rows.Load())
	case !r.resuming:
		return fmt.Errorf("%w after %d rows; without a state dir the next run begins anew", ErrStopped, r.rows.Load())
	}
	if err := r.to.tell(taskCommit, r.order.place); err != nil {
		return err
	}
	return fmt.Errorf("%w after %d rows; the next run goes on from there", ErrStopped, r.rows.Load())
}
