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
		if checksum, err = r.mergeAll(); err != nil || !r.resuming {
			return checksum, err
		}
	}
	checksum, err = r.completeMerged()
	if err != nil {
		return "", err
	}
	return checksum, r.removeParts()
}

// mergeAll merges the outputs of all partitions. With a state dir it says so in the
// layout; without, it publishes them.
func (r *run) mergeAll() (checksum string, err error) {
	var merged []*sink.Part
	defer func() {
		for _, part := range merged {
			if cerr := part.Close(); err == nil {
				err = cerr
			}
		}
	}()
	for i, name := range r.outputNames() {
		part := sink.Stream(r.opts.Stdout)
		if name != "-" {
			if part, err = sink.Create(r.opts.FS, name); err != nil {
				return "", err
			}
		}
		merged = append(merged, part)
		if err := r.mergeInto(part, i); err != nil {
			return "", r.notResumable(err)
		}
	}
	if !r.resuming {
		return publishAll(merged)
	}
	for _, part := range merged {
		if err := part.Sync(); err != nil {
			return "", err
		}
		r.layout.Merged = append(r.layout.Merged, newOutputState(part.AppendState(nil)))
	}
	return "", r.writeLayout()
}

// mergeInto merges output i of all partitions.
func (r *run) mergeInto(dst *sink.Part, i int) (err error) {
	var readers []*sink.RankedReader
	defer func() {
		for _, reader := range readers {
			if cerr := reader.Close(); err == nil {
				err = cerr
			}
		}
	}()
	for _, p := range r.partitions {
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
	return sink.Merge(dst, readers)
}

// finalState returns the state of output i of a partition that has finished, in this
// run or before.
func (p *partition) finalState(i int) ([]byte, error) {
	if p.outputs == nil {
		return partState(p.op.Note(), i), nil
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
	for _, p := range r.partitions {
		for _, name := range p.names {
			if err := sink.Remove(r.opts.FS, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
