package bench

import (
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// hotJoin is the operator of hot: package join's, driven event by event. A
// behaviour waits for the impressions that may look back to it; an impression
// looks back as soon as the watermark has passed it.
type hotJoin struct {
	rec     *recorder
	join    *join.Operator
	logical int64
	samples *digest
}

func newHotJoinDriver(job Job, store statelab.Store, rec *recorder) (driver, error) {
	store = &timedStore{Store: store, rec: rec, probe: isProbe}
	h := &hotJoin{rec: rec, samples: newDigest()}
	window := time.Duration(job.Knobs.micros("window_s")) * time.Microsecond
	var err error
	h.join, err = join.New(store, join.Spec{Kind: join.LeftOuter, Lower: -window}, join.Hooks{Sample: h.emit})
	if err != nil {
		return nil, err
	}
	return newEventDriver(job, newBehaviourSource(job.Seed, job.Knobs), h, store, rec), nil
}

func (h *hotJoin) handle(ev *event) error {
	h.logical += ev.logicalSize()
	return h.join.Add(joinSide(ev), join.Event{Key: ev.key[:], Time: ev.time, Seq: ev.seq, Value: ev.value})
}

func (h *hotJoin) emit(sample *join.Sample) error {
	digestWhole(h.samples, sample)
	h.rec.emitted()
	return nil
}

func (h *hotJoin) advance(watermark int64, sync bool) error {
	return advanceJoin(h.join, watermark, sync)
}

func (h *hotJoin) results() (logical int64, checksum uint64) { return h.logical, h.samples.sum() }
