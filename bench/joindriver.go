package bench

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// streamJoin drives package join's Operator, of whatever kind, event by event.
type streamJoin struct {
	rec      *recorder
	threeWay bool // the right side has two sources
	join     *join.Operator
	keyBytes int
	lateness int64          // µs
	backlog  int64          // event time up to which there are no ticks, in µs
	sorted   *sortedBacklog // until it is handed over; nil if the backlog is streamed, or there is none
	logical  int64
	samples  *digest
}

// newStreamJoin returns the driver of a join, whose events a source shows.
func newStreamJoin(job Job, spec join.Spec, src source, store statelab.Store, rec *recorder) (driver, error) {
	store = &timedStore{Store: store, rec: rec, probe: isProbe}
	s := &streamJoin{
		threeWay: spec.Kind == join.ThreeWay, rec: rec, keyBytes: idSize, lateness: job.Knobs.micros("lateness_s"), backlog: backlogOf(job.Knobs), samples: newDigest(),
	}
	if n, ok := job.Knobs["key_bytes"]; ok {
		s.keyBytes = int(n)
	}
	var err error
	if job.Knobs["sorted"] > 0 {
		s.sorted, err = newSortedBacklog(job, spec, store, rec, s.samples)
	} else {
		s.join, err = join.New(store, spec, join.Hooks{Sample: s.emit})
	}
	if err != nil {
		return nil, err
	}
	return newEventDriver(job, src, s, store, rec), nil
}

// backlogOf returns when the backlog ends, which is before the run does.
func backlogOf(k Knobs) int64 {
	_, end := span(k)
	return min(k.micros("backlog_s"), end-1)
}

func (row joinRow) newDriver(job Job, store statelab.Store, rec *recorder) (driver, error) {
	return newStreamJoin(job, row.wholeSpec(job.Knobs), newStreamSource(row.shape, job.Seed, job.Knobs), store, rec)
}

// newHotJoinDriver is the driver of hot. A behaviour waits for the impressions that may look
// back to it; an impression looks back as soon as the watermark has passed it.
func newHotJoinDriver(job Job, store statelab.Store, rec *recorder) (driver, error) {
	spec := join.Spec{Kind: join.LeftOuter, Lower: -job.Knobs.duration("window_s")}
	return newStreamJoin(job, spec, newBehaviourSource(job.Seed, job.Knobs), store, rec)
}

func (s *streamJoin) handle(ev *event) error {
	if ev.other {
		return s.join.Filter(join.Left, ev.seq)
	}
	s.logical += int64(s.keyBytes + len(ev.value))
	seq := ev.seq
	if s.threeWay && ev.right {
		seq = join.SourceSeq(turnOf(ev.seq))
	}
	e := join.Event{Key: ev.key[:s.keyBytes], Time: ev.time, Seq: seq, Value: ev.value}
	if s.sorted != nil {
		return s.sorted.Add(joinSide(ev), e)
	}
	return s.join.Add(joinSide(ev), e)
}

func (s *streamJoin) emit(sample *join.Sample) error {
	digestWhole(s.samples, sample)
	s.rec.emitted()
	return nil
}

// advance passes on that nothing arrives before watermark any more: no event that is
// not late has a time below that less the lateness.
func (s *streamJoin) advance(watermark int64, sync bool) error {
	if watermark <= s.backlog && (!sync || s.sorted != nil) {
		return nil
	}
	if s.sorted != nil {
		var err error
		if s.join, err = s.sorted.handOver(join.Hooks{Sample: s.emit}); err != nil {
			return err
		}
		s.sorted = nil
	}
	return advanceJoin(s.join, watermark-s.lateness, sync)
}

func (s *streamJoin) results() (logical int64, checksum uint64) { return s.logical, s.samples.sum() }
