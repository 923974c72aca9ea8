package pipeline

import (
	"errors"
	"log/slog"

	"github.com/statelab/statelab/join"
)

// runLogger returns a logger that names the pipeline; it drops everything if nobody
// wants to know.
func runLogger(l *slog.Logger, def *Definition) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l.With("pipeline", def.Label())
}

// logBegin says where the run begins.
func (r *run) logBegin() {
	mode := "stream"
	switch {
	case r.batch != nil && r.def.Backlog:
		mode = "backlog"
	case r.batch != nil:
		mode = "batch"
	}
	r.log.Info("begins", "kind", r.def.Spec.Kind.String(), "mode", mode, "backend", r.def.State.Backend,
		"partitions", len(r.partitions), "rows_before", r.order.rows(), "output", r.def.Output)
}

// logEnd says how the run has ended.
func (r *run) logEnd(s Summary, err error) {
	switch {
	case err == nil:
		r.log.Info("is done", "left", s.LeftIn, "right", s.RightIn, "samples", s.Samples, "pairs", s.Pairs,
			"late", s.LateLeft+s.LateRight, "rejected", s.Rejected, "checksum", s.Checksum)
	case errors.Is(err, ErrStopped):
		r.log.Info("is stopped", "rows", r.rows.Load(), "why", err.Error())
	case errors.Is(err, join.ErrInconsistent):
		r.log.Error("alarm: what came in is not what became of it", "why", err.Error())
	default:
		r.log.Error("failed", "why", err.Error())
	}
}
