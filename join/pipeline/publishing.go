package pipeline

import (
	"errors"
	"fmt"
	"slices"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/sink"
)

// publish gives the outputs their names, or completes what a crash has left of
// that. The late events come first: the output under its name says that all is done.
func (r *run) publish() (s Summary, err error) {
	if r.batch != nil {
		s.Summary = r.batch.backlog.Summary()
		s.Checksum, err = publishAll(r.batch.outputs)
		return s, err
	}
	for _, p := range r.partitions {
		s.Summary = s.Plus(p.op.Summary())
	}
	if s.WaitingLeft != 0 || s.WaitingRight != 0 {
		return s, fmt.Errorf("all have finished, but %d left and %d right events wait: %w", s.WaitingLeft, s.WaitingRight, join.ErrInconsistent)
	}
	switch p := r.partitions[0]; {
	case r.merger != nil:
		s.Checksum, err = r.merger.publish()
	case r.merges(len(r.partitions)):
		s.Checksum, err = r.publishMerged()
	case p.outputs != nil:
		if p.whole != nil {
			err = p.whole.Close()
		}
		if err == nil {
			s.Checksum, err = publishAll(p.outputs)
		}
	default:
		s.Checksum, err = r.completeOutputs(func(i int) []byte { return r.partState(p.op.Note(), i) })
	}
	return s, err
}

// publishAll publishes outputs, the first one last, and returns its checksum.
func publishAll(outputs []*sink.Part) (checksum string, err error) {
	for _, part := range slices.Backward(outputs) {
		if err := part.Publish(); err != nil {
			return "", err
		}
	}
	return outputs[0].Checksum(), nil
}

// completeOutputs gives finished outputs their names, if a crash has prevented it.
func (r *run) completeOutputs(state func(i int) []byte) (checksum string, err error) {
	for i, name := range slices.Backward(r.outputNames()) {
		checksum, err = sink.Finish(r.opts.FS, name, state(i))
		if errors.Is(err, sink.ErrNotResumable) {
			return "", badInput("%w, though the state in %s says that it has finished; remove that directory to join anew", err, r.dir)
		}
		if err != nil {
			return "", err
		}
	}
	return checksum, nil
}

// notResumable says what to do about an output that is not what the state says.
func (r *run) notResumable(err error) error {
	if errors.Is(err, sink.ErrNotResumable) {
		return badInput("%w; remove %s to join anew", err, r.dir)
	}
	return err
}
