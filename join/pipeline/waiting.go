package pipeline

import "time"

// wait waits until a live source has something, having let what is due be seen. Source i is the one
// that all others wait for: if it can be idle, they wait no longer than that. With -1 all
// sources are idle.
func (r *run) wait(i int) error {
	if r.batch != nil && r.def.Backlog && r.inputs[i].live.isCaughtUp() {
		return r.handOver()
	}
	if err := r.to.tell(taskShow, r.order.place); err != nil {
		return err
	}
	var idle <-chan time.Time
	if i >= 0 && r.inputs[i].Idle > 0 && r.batch == nil {
		timer := time.NewTimer(r.inputs[i].Idle)
		defer timer.Stop()
		idle = timer.C
	}
	for {
		select {
		case <-r.ready:
			if r.hasMore(i) {
				return nil
			}
		case <-r.ctx.Done():
			return r.pause()
		case <-r.opts.Commit:
			if err := r.to.tell(taskCommit, r.order.place); err != nil {
				return err
			}
		case <-idle:
			r.log.Debug("idle", "side", r.inputs[i].side.String(), "file", r.inputs[i].firstFile())
			r.order.setIdle(i, true)
			return nil
		}
	}
}

// hasMore says whether source i, or one that is idle, has something to read.
func (r *run) hasMore(i int) bool {
	for j, in := range r.inputs {
		if (j == i || r.order.idle[j]) && in.live.hasMore() {
			return true
		}
	}
	return false
}

// wake has the others wait again for sources that were idle and have something to read. What they
// have missed is late, which the partitions have to know before it comes.
func (r *run) wake() error {
	if r.order.idling == 0 {
		return nil
	}
	woken := false
	for i, in := range r.inputs {
		if r.order.idle[i] && in.live.hasMore() {
			r.order.setIdle(i, false)
			woken = true
		}
	}
	if !woken {
		return nil
	}
	return r.to.tell(taskFlush, r.order.place)
}
