package pipeline

import (
	"errors"
	"io/fs"

	"github.com/statelab/statelab/join/sink"
)

// publishMerged makes the outputs of all partitions one, and gives it its name. A
// crash at any point leaves either the outputs of the partitions, to be merged
// anew, or a layout that says what the merged ones are.
func (r *run) publishMerged() (checksum string, err error) {
	if r.layout.Merged == nil {
		if err := r.mergeAll(); err != nil {
			return "", err
		}
	}
	checksum, err = r.completeMerged()
	if err != nil {
		return "", err
	}
	return checksum, r.removeParts()
}

// mergeAll merges the outputs of all partitions, and says so in the layout.
func (r *run) mergeAll() error {
	for i := range r.outputNames() {
		state, err := r.mergeOutput(i, r.partitions)
		if err != nil {
			return err
		}
		r.layout.Merged = append(r.layout.Merged, newOutputState(state))
	}
	return r.writeLayout()
}

// mergeOutput merges output i of partitions into the file that is to have its name,
// and makes it durable.
func (r *run) mergeOutput(i int, partitions []*partition) (state []byte, err error) {
	part, err := r.beginMerged(i)
	if err != nil {
		return nil, r.notResumable(err)
	}
	defer func() {
		if cerr := part.Close(); err == nil {
			err = cerr
		}
	}()
	if err := r.mergeInto(part, i, partitions); err != nil {
		return nil, r.notResumable(err)
	}
	if err := part.Sync(); err != nil {
		return nil, err
	}
	return part.AppendState(nil), nil
}

// beginMerged opens what output i is to be merged into: what it begins with is kept.
func (r *run) beginMerged(i int) (*sink.Part, error) {
	name := r.outputNames()[i]
	if name == "-" || i == 0 && r.def.writesWhole() {
		return r.createOutput(name)
	}
	state, err := r.begunState(i)
	if err != nil {
		return nil, err
	}
	if state == nil {
		return r.createOutput(name)
	}
	return sink.Resume(r.opts.FS, name, state)
}

// begunState is the state of what output i begins with; nil if it begins empty.
func (r *run) begunState(i int) ([]byte, error) {
	if r.layout.Begun == nil {
		return nil, nil
	}
	if i >= len(r.layout.Begun) {
		return nil, badInput("%s: %s has %d outputs", r.def.Name, layoutFile, len(r.layout.Begun))
	}
	state, err := r.layout.Begun[i].appendTo(nil)
	if err != nil {
		return nil, badInput("%s: %s: %w", r.def.Name, layoutFile, err)
	}
	return state, nil
}

// mergeInto merges output i of partitions.
func (r *run) mergeInto(dst *sink.Part, i int, partitions []*partition) error {
	to := r.newAdder(i, dst)
	err := r.withRanked(i, partitions, func(readers []*sink.RankedReader) error { return sink.Merge(to, readers) })
	if err != nil {
		return err
	}
	return to.Close()
}

// withRanked opens the records of output i of partitions, and those that were emitted
// before there were these.
func (r *run) withRanked(i int, partitions []*partition, do func([]*sink.RankedReader) error) (err error) {
	var readers []*sink.RankedReader
	defer func() {
		for _, reader := range readers {
			if cerr := reader.Close(); err == nil {
				err = cerr
			}
		}
	}()
	for _, p := range partitions {
		state, err := p.finalState(i)
		if err != nil {
			return err
		}
		reader, err := sink.OpenRanked(r.opts.FS, p.names[i], state)
		if err != nil {
			return err
		}
		readers = append(readers, reader)
	}
	if i == 0 && r.def.writesWhole() && len(r.layout.Begun) > 0 {
		reader, err := r.openBegun()
		if err != nil {
			return err
		}
		readers = append(readers, reader)
	}
	return do(readers)
}

func (r *run) openBegun() (*sink.RankedReader, error) {
	state, err := r.layout.Begun[0].appendTo(nil)
	if err != nil {
		return nil, badInput("%s: %s: %w", r.def.Name, layoutFile, err)
	}
	return sink.OpenRanked(r.opts.FS, r.begunName(r.layout.Partitions), state)
}

// finalState returns the state of output i of a partition that emits no more.
func (p *partition) finalState(i int) ([]byte, error) {
	if p.outputs == nil {
		return p.run.partState(p.op.Note(), i), nil
	}
	if err := p.outputs[i].Flush(); err != nil {
		return nil, err
	}
	return p.outputs[i].AppendState(nil), nil
}

// completeMerged gives the merged outputs their names, unless they have them.
func (r *run) completeMerged() (checksum string, err error) {
	states := make([][]byte, len(r.outputNames()))
	if len(r.layout.Merged) != len(states) {
		return "", badInput("%s: %s has %d merged outputs, not %d", r.def.Name, layoutFile, len(r.layout.Merged), len(states))
	}
	for i, s := range r.layout.Merged {
		if states[i], err = s.appendTo(nil); err != nil {
			return "", badInput("%s: %s: %w", r.def.Name, layoutFile, err)
		}
	}
	return r.completeOutputs(func(i int) []byte { return states[i] })
}

// removeParts removes the outputs of the partitions, which are merged.
func (r *run) removeParts() error {
	var names []string
	for _, p := range r.partitions {
		names = append(names, p.names...)
	}
	if r.def.writesWhole() {
		names = append(names, r.begunName(r.layout.Partitions))
	}
	for _, name := range names {
		if err := sink.Remove(r.opts.FS, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
