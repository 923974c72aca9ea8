package pipeline

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/statelab/statelab/join/sink"
	"github.com/statelab/statelab/vfs"
)

// The state of a join with one partition is the directory of its store. That of
// several is
//
//	DIR/partitions.json      the layout
//	DIR/partitions.lock      held while the join runs
//	DIR/0-of-2/              the store of partition 0
//	DIR/0-of-2.samples.part  its output so far, until it has been merged
//	DIR/0-of-2.late.part     its late events, if they are kept
//	DIR/0-of-2.bad.part      its bad rows, likewise
//	DIR/1-of-2/ ...
//
// Samples that are to be a parquet or compressed file have the same layout if there is one partition. What was
// emitted before such a join was divided anew lies, as records, in
//
//	DIR/begun-of-2.samples.part
//
// Where files are followed there is no end at which they could be merged: they are while the join runs (rounds.go), and stay.
//
// The layout is written before the first partition is made, and replaced as a whole.
// A join of several partitions that is divided anew into one keeps it in 0-of-1, and so does one that began
// as a backlog.
const (
	layoutFile = "partitions.json"
	layoutLock = "partitions.lock"
	layoutNew  = ".new" // follows layoutFile in the name of a layout that is not whole
)

// A layout is what layoutFile holds.
type layout struct {
	Version    int `json:"version"`
	Partitions int `json:"partitions"`
	// Begun is what the outputs, with ".part" added, hold of what was emitted before the
	// join was divided anew.
	Begun []outputState `json:"begun,omitempty"`
	// Obsolete names what is left in the directory of an earlier layout.
	Obsolete []string `json:"obsolete,omitempty"`
	// Merged is what the outputs hold once they are merged and durable, under their
	// names or with ".part" added.
	Merged []outputState `json:"merged,omitempty"`
}

const layoutVersion = 1

// An outputState is what Part.AppendState appends, to be read by people.
type outputState struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func newOutputState(state []byte) outputState {
	return outputState{int64(binary.LittleEndian.Uint64(state)), hex.EncodeToString(state[8:])}
}

// appendTo appends what newOutputState was given.
func (s outputState) appendTo(dst []byte) ([]byte, error) {
	sum, err := hex.DecodeString(s.SHA256)
	if err != nil || len(sum) != sink.StateSize-8 {
		return nil, fmt.Errorf("%q is not a SHA-256", s.SHA256)
	}
	return append(binary.LittleEndian.AppendUint64(dst, uint64(s.Bytes)), sum...), nil
}

// partitionName is what the names of a partition's files begin with.
func (r *run) partitionName(i, of int) string {
	return filepath.Join(r.dir, fmt.Sprintf("%d-of-%d", i, of))
}

// newPartition returns one of so many partitions, in the layout that is in force.
func (r *run) newPartition(i, of int) *partition {
	name := r.partitionName(i, of)
	p := &partition{run: r, dir: name, shares: of, names: r.outputNames()}
	switch {
	case r.merges(of):
		p.ranked = true
		p.names = r.def.outputNames(name+".samples", name+".late", name+".bad")
	case r.layout.Partitions == 0:
		p.dir = r.dir
	}
	return p
}

// merges says whether the outputs of so many partitions have to be merged: those of several,
// and samples that are to be a parquet or compressed file after commits, which cannot be gone on with.
func (r *run) merges(partitions int) bool {
	return partitions > 1 || r.def.writesWhole() && r.resuming
}

// begunName is where samples lie that are to be a parquet or compressed file and were emitted before
// the join was divided among so many partitions.
func (r *run) begunName(of int) string {
	return filepath.Join(r.dir, fmt.Sprintf("begun-of-%d.samples", of))
}

// openLayout makes sure that what the state dir holds has as many partitions as
// there are to be.
func (r *run) openLayout() (err error) {
	if err := r.removeBatch(); err != nil {
		return err
	}
	if r.layout, err = readLayout(r.opts.FS, r.dir); err != nil || r.layout.Partitions == 0 && !r.merges(r.count) {
		return err
	}
	if err := r.makeDir(); err != nil {
		return err
	}
	if r.lock, err = r.opts.FS.Lock(filepath.Join(r.dir, layoutLock)); err != nil {
		return err
	}
	if r.layout, err = readLayout(r.opts.FS, r.dir); err != nil { // another process may have changed it
		return err
	}
	if err := r.removeObsolete(); err != nil {
		return err
	}
	was := r.layout.Partitions
	if was == 0 {
		if was, err = r.oldPartitions(); err != nil {
			return err
		}
		if was == 1 && r.def.writesWhole() {
			return r.outputChanged()
		}
	}
	switch was {
	case r.count:
		return nil
	case 0:
		r.layout = layout{Version: layoutVersion, Partitions: r.count}
		return r.writeLayout()
	}
	if level, err := r.level(was); err != nil || !level {
		return err
	}
	if err := r.divide(was); err != nil {
		return err
	}
	return r.removeObsolete()
}

// oldPartitions returns 1 if the state dir, which has no layout, has anything else
// than what a crash leaves of the first one: the store of the only partition, if
// it is ours at all.
func (r *run) oldPartitions() (int, error) {
	names, err := r.opts.FS.List(r.dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if name != layoutFile+layoutNew && name != layoutLock {
			return 1, nil
		}
	}
	return 0, nil
}

func (r *run) makeDir() error {
	if err := r.opts.FS.MkdirAll(r.dir); err != nil {
		return err
	}
	return r.opts.FS.SyncDir(filepath.Dir(r.dir))
}

// readLayout returns the zero layout if there is none.
func readLayout(fsys vfs.FS, dir string) (layout, error) {
	name := filepath.Join(dir, layoutFile)
	text, err := vfs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return layout{}, nil
	}
	if err != nil {
		return layout{}, err
	}
	var l layout
	if err := json.Unmarshal(text, &l); err != nil {
		return layout{}, badInput("%s: %w", name, err)
	}
	if l.Version != layoutVersion {
		return layout{}, badInput("%s: is of format version %d, and this program knows %d", name, l.Version, layoutVersion)
	}
	if l.Partitions < 1 || l.Partitions > maxPartitions {
		return layout{}, badInput("%s: %d partitions", name, l.Partitions)
	}
	return l, nil
}

// writeLayout makes r.layout durable, in place of what was there.
func (r *run) writeLayout() (err error) {
	text, err := json.Marshal(r.layout)
	if err != nil {
		return err
	}
	fsys, name := r.opts.FS, filepath.Join(r.dir, layoutFile)
	f, err := fsys.Create(name + layoutNew)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(append(text, '\n'), 0); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := fsys.Rename(name+layoutNew, name); err != nil {
		return err
	}
	return fsys.SyncDir(r.dir)
}
