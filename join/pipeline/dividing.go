package pipeline

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/sink"
	"github.com/statelab/statelab/vfs"
)

// divide makes of the state of a join with another number of partitions one with
// that of the definition. What the old partitions have emitted is merged, and becomes
// what the output begins with; the new ones begin empty outputs.
//
// All is made beside the old state, and comes into force with the new layout, which
// also names what is to be removed then.
func (r *run) divide(was int) (err error) {
	old, err := r.openOld(was)
	defer func() {
		for _, p := range old {
			if cerr := p.close(); err == nil {
				err = cerr
			}
		}
	}()
	if err != nil {
		return err
	}
	next := layout{Version: layoutVersion, Partitions: r.count}
	if next.Begun, err = r.beginWith(old); err != nil {
		return err
	}
	if next.Obsolete, err = r.obsolete(was); err != nil {
		return err
	}
	found := r.layout
	r.layout = next
	if err = r.fillPartitions(old); err == nil {
		err = r.writeLayout()
	}
	if err != nil {
		r.layout = found
	}
	return err
}

// openOld opens the partitions there are, and returns them even if it fails.
func (r *run) openOld(was int) (old []*partition, err error) {
	for i := range was {
		p := r.newPartition(i, was)
		p.printer = r.newPrinter()
		old = append(old, p)
		if err := p.open(); err != nil {
			return old, err
		}
	}
	return old, nil
}

// beginWith returns the states of outputs that hold all that was emitted so far.
func (r *run) beginWith(old []*partition) (begun []outputState, err error) {
	for i := range r.outputNames() {
		if !old[0].ranked {
			begun = append(begun, newOutputState(r.partState(old[0].op.Note(), i)))
			continue
		}
		state, err := r.mergeBegun(i, old)
		if err != nil {
			return nil, err
		}
		begun = append(begun, newOutputState(state))
	}
	return begun, nil
}

// mergeBegun merges output i of old partitions into what the output begins with. A parquet
// or compressed file cannot be gone on with, so that its samples remain records.
func (r *run) mergeBegun(i int, old []*partition) (state []byte, err error) {
	if i > 0 || !r.def.writesWhole() {
		return r.mergeOutput(i, old)
	}
	part, err := sink.Create(r.opts.FS, r.begunName(r.count))
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := part.Close(); err == nil {
			err = cerr
		}
	}()
	err = r.withRanked(i, old, func(readers []*sink.RankedReader) error { return sink.MergeRanked(part, readers) })
	if err == nil {
		err = part.Sync()
	}
	if err != nil {
		return nil, r.notResumable(err)
	}
	return part.AppendState(nil), nil
}

// obsolete names what the state dir holds of so many partitions.
func (r *run) obsolete(was int) ([]string, error) {
	names, err := r.opts.FS.List(r.dir)
	if err != nil {
		return nil, err
	}
	isOld := func(name string) bool {
		return partitionsOf(name) == was || strings.HasPrefix(name, filepath.Base(r.begunName(was))+".")
	}
	if r.layout.Partitions == 0 { // all is of the store of the only partition, but for what there is of a layout
		isOld = func(name string) bool {
			return partitionsOf(name) == 0 && name != layoutLock && name != layoutFile+layoutNew
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !isOld(name) }), nil
}

// partitionsOf returns how many partitions there are where a file in the state dir
// is of one of them; 0 if it is of none.
func partitionsOf(name string) int {
	base, _, _ := strings.Cut(name, ".")
	i, of, _ := strings.Cut(base, "-of-")
	if _, err := strconv.Atoi(i); err != nil {
		return 0
	}
	n, err := strconv.Atoi(of)
	if err != nil {
		return 0
	}
	return n
}

// fillPartitions makes the new partitions.
func (r *run) fillPartitions(old []*partition) (err error) {
	var stores []statelab.Store
	defer func() {
		for _, s := range stores {
			if cerr := s.Close(); err == nil {
				err = cerr
			}
		}
	}()
	var notes [][]byte
	for i := range r.count {
		p := r.newPartition(i, r.count)
		if err := removeTree(r.opts.FS, p.dir); err != nil { // an earlier attempt
			return err
		}
		store, err := p.openStore()
		if err != nil {
			return err
		}
		stores = append(stores, store)
		note, err := p.firstNote(r.layout.Begun)
		if err != nil {
			return err
		}
		// All old partitions are at one place, so that any says which files that is in.
		notes = append(notes, append(note, old[0].op.Note()[len(note):]...))
	}
	var ops []*join.Operator
	for _, p := range old {
		ops = append(ops, p.op)
	}
	err = join.Move(stores, ops, func(i int) []byte { return notes[i] })
	for _, s := range stores {
		if err == nil {
			err = s.Sync()
		}
	}
	return err
}

// firstNote begins the outputs of a partition that is made of others, and returns
// the note that says so. The only partition goes on with what was emitted before.
func (p *partition) firstNote(begun []outputState) (note []byte, err error) {
	note = append(note, p.run.note...)
	for i, name := range p.names {
		if !p.ranked {
			if note, err = begun[i].appendTo(note); err != nil {
				return nil, err
			}
			continue
		}
		part, err := sink.Create(p.run.opts.FS, name)
		if err != nil {
			return nil, err
		}
		note = part.AppendState(note)
		if err := errors.Join(part.Sync(), part.Close()); err != nil {
			return nil, err
		}
	}
	return note, nil
}

// removeObsolete removes what the layout says has had its day.
func (r *run) removeObsolete() error {
	if len(r.layout.Obsolete) == 0 {
		return nil
	}
	for _, name := range r.layout.Obsolete {
		if err := removeTree(r.opts.FS, filepath.Join(r.dir, filepath.Base(name))); err != nil {
			return err
		}
	}
	r.layout.Obsolete = nil
	return r.writeLayout()
}

// removeTree removes a file or directory with all that is in it, if it is there.
func removeTree(fsys vfs.FS, name string) error {
	info, err := fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir {
		names, err := fsys.List(name)
		if err != nil {
			return err
		}
		for _, child := range names {
			if err := removeTree(fsys, filepath.Join(name, child)); err != nil {
				return err
			}
		}
	}
	return fsys.Remove(name)
}
