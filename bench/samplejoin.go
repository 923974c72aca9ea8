package bench

import (
	"errors"
	"fmt"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// sampleJoin is the operator of J1s: package join's, driven event by event,
// and beside it the question that a joiner asks for each action, whether its
// impression is still waiting.
type sampleJoin struct {
	store  statelab.Store
	rec    *recorder
	join   *join.Operator
	window int64 // µs

	ticked  int64 // every event before this time is in the store
	logical int64
	samples *digest
	answers *digest // to the questions that have one answer whatever the batching
	key     []byte
	value   []byte
}

func newSampleJoinDriver(job Job, store statelab.Store, rec *recorder) (driver, error) {
	store = &timedStore{Store: store, rec: rec, probe: isProbe}
	s := &sampleJoin{
		store:   store,
		rec:     rec,
		window:  job.Knobs.micros("window_s"),
		samples: newDigest(),
		answers: newDigest(),
	}
	var err error
	s.join, err = join.New(store, join.Spec{
		Kind:  join.LeftOuter,
		Upper: time.Duration(s.window) * time.Microsecond,
	}, join.Hooks{Sample: s.emit})
	if err != nil {
		return nil, err
	}
	return newEventDriver(job, newImpressionSource(job.Seed, job.Knobs), s, store, rec), nil
}

// isProbe tells a scan of one join key's events from a scan of timers.
func isProbe(r statelab.Range) bool { return join.IsEventKey(r.Lower) }

func (s *sampleJoin) handle(ev *event) error {
	s.logical += ev.logicalSize()
	if ev.right {
		if err := s.askWaiting(ev); err != nil {
			return err
		}
	}
	return s.join.Add(joinSide(ev), join.Event{Key: ev.key[:], Time: ev.time, Seq: ev.seq, Value: ev.value})
}

// joinSide is the side of a join that an event comes from.
func joinSide(ev *event) join.Side {
	if ev.right {
		return join.Right
	}
	return join.Left
}

// askWaiting gets the impression of an action. The answer is part of the
// output if it is certain: the impression came before the last tick, so that
// it has been applied, and its window has not ended.
func (s *sampleJoin) askWaiting(ev *event) error {
	s.key = join.AppendEventKey(s.key[:0], ev.key[:], join.Left, ev.since, ev.of)
	value, err := s.store.Get(s.value[:0], s.key)
	if err != nil && !errors.Is(err, statelab.ErrNotFound) {
		return fmt.Errorf("get impression %d: %w", ev.of, err)
	}
	s.value = value
	if ev.since < s.ticked && ev.time <= ev.since+s.window {
		s.answers.bytes(value)
	}
	return nil
}

// emit digests a sample.
func (s *sampleJoin) emit(sample *join.Sample) error {
	digestWhole(s.samples, sample)
	s.rec.emitted()
	return nil
}

// digestWhole digests a sample with all that it is made of.
func digestWhole(d *digest, sample *join.Sample) {
	digestSample(d, sample.Left.Key, sample.Left.Time, sample.Left.Value, len(sample.Rights))
	for i := range sample.Rights {
		digestRight(d, sample.Rights[i].Time, sample.Rights[i].Value)
	}
}

// digestSample and digestRight are what a sample's digest is made of: the
// impression, how many actions there are, and then each action.
func digestSample(d *digest, key []byte, time int64, value []byte, rights int) {
	d.bytes(key)
	d.number(time)
	d.bytes(value)
	d.number(int64(rights))
}

func digestRight(d *digest, time int64, value []byte) {
	d.number(time)
	d.bytes(value)
}

func (s *sampleJoin) advance(watermark int64, sync bool) error {
	s.ticked = max(s.ticked, watermark)
	return advanceJoin(s.join, watermark, sync)
}

// advanceJoin says to both sides of a join that no event before watermark will come.
func advanceJoin(o *join.Operator, watermark int64, sync bool) error {
	o.Advance(join.Left, watermark)
	o.Advance(join.Right, watermark)
	if sync {
		return o.Commit()
	}
	return o.Flush()
}

func (s *sampleJoin) results() (logical int64, checksum uint64) {
	return s.logical, combine(s.samples, s.answers)
}
