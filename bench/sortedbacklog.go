package bench

import (
	"encoding/binary"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/vfs"
)

// A sortedBacklog is what a streamJoin does with the events of a backlog where that is sorted: package join's Backlog takes
// them, and hands over to the Operator that goes on with what is live.
type sortedBacklog struct {
	*join.Backlog
	store statelab.Store
}

// newSortedBacklog spills beside the store, or in memory where that has no directory.
func newSortedBacklog(job Job, spec join.Spec, store statelab.Store, rec *recorder, samples *digest) (*sortedBacklog, error) {
	opts := join.BacklogOptions{FS: vfs.OS, Dir: job.Dir + "-backlog", Memory: job.Memory}
	if job.Dir == "" {
		opts.FS = vfs.NewMem()
	}
	if err := opts.FS.MkdirAll(opts.Dir); err != nil {
		return nil, err
	}
	b, err := join.NewBacklog(spec, join.BacklogHooks{
		Append: func(dst []byte, s *join.Sample) ([]byte, error) { return appendDigested(dst, s), nil },
		Emit: func(digested []byte) error {
			samples.hash.Write(digested)
			rec.emitted()
			return nil
		},
	}, opts)
	if err != nil {
		return nil, err
	}
	return &sortedBacklog{b, store}, nil
}

// handOver ends the backlog.
func (b *sortedBacklog) handOver(hooks join.Hooks) (*join.Operator, error) {
	o, err := b.HandOver(b.store, hooks)
	if closeErr := b.Close(); err == nil {
		err = closeErr
	}
	return o, err
}

// appendDigested appends the bytes that digestWhole adds to a digest.
func appendDigested(dst []byte, s *join.Sample) []byte {
	dst = appendDigestedBytes(dst, s.Left.Key)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Left.Time))
	dst = appendDigestedBytes(dst, s.Left.Value)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(s.Rights)))
	for i := range s.Rights {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Rights[i].Time))
		dst = appendDigestedBytes(dst, s.Rights[i].Value)
	}
	return dst
}

func appendDigestedBytes(dst, b []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(dst, uint64(len(b))), b...)
}
