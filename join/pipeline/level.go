package pipeline

import "slices"

// level brings the partitions there are to one place, each of which a crash may have left at a
// commit of its own, so that they can be divided anew: those that are behind get what the sources hold up to the place of
// the one that is the furthest ahead, and all commit there. It returns false if one of them has emitted all. Then
// the input has been read to its end, and it is of no use to divide what is all but done: the run goes on with as many.
func (r *run) level(was int) (level bool, err error) {
	old, err := r.openOld(was)
	defer func() {
		for _, p := range old {
			if cerr := p.close(); err == nil {
				err = cerr
			}
		}
	}()
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(old, func(p *partition) bool { return p.op.Finished() }) {
		r.count = was
		return false, nil
	}
	goal := slices.Clone(old[0].place())
	apart := false
	for _, p := range old {
		at := p.place()
		apart = apart || p.op.Note() == nil || !slices.Equal(at, old[0].place())
		for i := range at {
			goal[i].position = max(goal[i].position, at[i].position)
			goal[i].watermark = max(goal[i].watermark, at[i].watermark)
		}
	}
	if !apart {
		return true, nil
	}
	r.log.Info("brings its partitions to one place", "partitions", was, "rows", goal.rows())
	return true, r.catchUp(old, goal)
}

// catchUp reads the sources until the partitions are all at a place, or past it, and has them commit.
func (r *run) catchUp(old []*partition, goal place) error {
	r.partitions = old
	defer func() { r.partitions = nil }()
	if err := r.begin(); err != nil {
		return err
	}
	r.to = r.newFeed()
	return r.readAll(func() bool {
		for i, at := range r.order.place {
			if at.position < goal[i].position || at.watermark < goal[i].watermark {
				return false
			}
		}
		return true
	})
}

// newFeed is what gives rows to the partitions.
func (r *run) newFeed() feed {
	if len(r.partitions) == 1 {
		return alone{r.partitions[0]}
	}
	return startCrew(r.partitions, r.merger, r.rounds)
}
