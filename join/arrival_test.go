package join_test

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// wider has windows as long as many quanta, so that they are of more than a microsecond.
func wider(r *rand.Rand, spec join.Spec) join.Spec {
	if r.IntN(2) == 0 {
		spec.Lower, spec.Upper = spec.Lower*10, spec.Upper*10
	}
	return spec
}

// thinned has a left outer join drop some of its negatives.
func thinned(r *rand.Rand, spec join.Spec) join.Spec {
	if spec.Kind == join.LeftOuter && r.IntN(2) == 0 {
		spec.Negatives = join.Negatives{Keep: 0.5, Seed: r.Uint64()}
	}
	return spec
}

func us(d time.Duration) int64 { return int64(d / time.Microsecond) }

// known is an event that an arrivalModel has taken.
type known struct {
	join.Event
	side             join.Side
	rights           []join.Event // that a left event has been paired with
	matched          bool
	decided, emitted bool
}

// An arrivalModel is what a join does on arrival, by definition, with every
// event that ever came in memory.
type arrivalModel struct {
	spec       join.Spec
	events     []*known
	watermarks *watermarks
	fired      int64
	out        strings.Builder
	s          join.Summary
	hold       int64    // how long after its time a left event is decided
	keeps      [2]int64 // how long after its time an event is kept
	quantum    int64
	lower      int64
	upper      int64
	late, took [2]int64
}

func arrivalOracle(spec join.Spec, schedule schedule) (string, join.Summary) {
	lower, upper, lateness := us(spec.Lower), us(spec.Upper), us(spec.Lateness)
	m := &arrivalModel{watermarks: newWatermarks(spec), fired: math.MinInt64}
	m.hold = max(upper, 0)
	m.keeps = [2]int64{m.hold + lateness, m.hold - lower + lateness}
	m.quantum = max(1, m.keeps[join.Right]/64)
	if spec.Kind == join.Regular {
		spec.Emit = join.OnMatch
		lower, upper = -us(spec.TTL[join.Right]), us(spec.TTL[join.Left])
	}
	m.spec, m.lower, m.upper = spec, lower, upper
	if spec.Kind != join.LeftOuter && !spec.Correct {
		m.hold = upper
		m.keeps = [2]int64{upper, -lower}
	}
	for _, a := range schedule {
		m.pass(m.watermarks.low())
		if a.end {
			m.watermarks.end(a.side)
			continue
		}
		m.arrive(&known{Event: a.Event, side: a.side})
	}
	m.pass(math.MaxInt64)
	m.summarize()
	return m.out.String(), m.s
}

// pass decides the left events whose windows the watermark has passed.
func (m *arrivalModel) pass(watermark int64) {
	if watermark != math.MinInt64 && watermark != math.MaxInt64 {
		watermark = int64(math.Floor(float64(watermark)/float64(m.quantum))) * m.quantum
	}
	if watermark <= m.fired {
		return
	}
	m.fired = watermark
	var due []*known
	for _, e := range m.events {
		if e.side == join.Left && !e.decided && e.Time+m.hold < m.fired {
			due = append(due, e)
		}
	}
	slices.SortFunc(due, func(a, b *known) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(string(a.Key), string(b.Key)), cmp.Compare(a.Seq, b.Seq))
	})
	for _, l := range due {
		m.decide(l)
	}
}

func (m *arrivalModel) decide(l *known) {
	l.decided = true
	if m.spec.Emit == join.OnWatermark {
		for _, r := range m.partners(l, math.MinInt64) {
			l.rights = append(l.rights, r.Event)
			r.matched = true
			m.s.Pairs++
		}
	}
	if !l.emitted && (len(l.rights) > 0 || m.keepsNegative(l)) {
		m.emit(l, l.rights)
	}
}

func (m *arrivalModel) keepsNegative(l *known) bool {
	if m.spec.Kind != join.LeftOuter || m.spec.Negatives.Keep == 0 {
		return m.spec.Kind == join.LeftOuter
	}
	b := binary.LittleEndian.AppendUint64(nil, m.spec.Negatives.Seed)
	b = append(binary.LittleEndian.AppendUint64(b, l.Seq), l.Key...)
	return float64(xxhash.Sum64(b)) < m.spec.Negatives.Keep*math.Pow(2, 64)
}

// partners returns those that e can be paired with and that are kept until a time.
func (m *arrivalModel) partners(e *known, until int64) (found []*known) {
	for _, p := range m.events {
		l, r := e, p
		if e.side == join.Right {
			l, r = p, e
		}
		if p.side != e.side && matches(m.spec, p.Event, e.Event) && p.Time+m.keeps[p.side] >= until &&
			r.Time >= l.Time+m.lower && r.Time <= l.Time+m.upper {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *known) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq))
	})
	return found
}

func (m *arrivalModel) emit(l *known, rights []join.Event) {
	sample := join.Sample{Left: l.Event, Rights: rights}
	if l.emitted && m.spec.Kind == join.LeftOuter {
		sample.Correction = true
		m.s.Corrections++
	}
	l.emitted = true
	m.out.WriteString(sampleText(&sample))
}

func (m *arrivalModel) arrive(e *known) {
	m.took[e.side]++
	if e.Time < *m.watermarks.of(e.side, &e.Event) && (!m.spec.Correct || e.Time+m.keeps[e.side] < m.fired) {
		m.late[e.side]++
		return
	}
	m.watermarks.raise(e.side, &e.Event)
	partners := m.partners(e, m.fired)
	m.events = append(m.events, e)
	if e.side == join.Left {
		e.decided = e.Time+m.hold < m.fired
		if !e.decided && m.spec.Emit == join.OnWatermark {
			return
		}
		for _, r := range partners {
			e.rights = append(e.rights, r.Event)
			r.matched = true
			m.s.Pairs++
		}
		if len(e.rights) > 0 || e.decided && m.keepsNegative(e) {
			m.emit(e, e.rights)
		}
		return
	}
	for _, l := range partners {
		if !l.decided && m.spec.Emit == join.OnWatermark {
			continue
		}
		e.matched = true
		m.s.Pairs++
		l.rights = append(l.rights, e.Event)
		slices.SortFunc(l.rights, func(a, b join.Event) int {
			return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq))
		})
		if m.spec.Kind != join.LeftOuter {
			m.emit(l, []join.Event{e.Event})
		} else {
			m.emit(l, l.rights)
		}
	}
}

func (m *arrivalModel) summarize() {
	s := &m.s
	s.LeftIn, s.RightIn = m.took[join.Left], m.took[join.Right]
	s.LateLeft, s.LateRight = m.late[join.Left], m.late[join.Right]
	for _, e := range m.events {
		switch {
		case e.side == join.Right && e.matched:
			s.MatchedRight++
		case e.side == join.Right:
			s.UnmatchedRight++
		case len(e.rights) > 0:
			s.MatchedLeft++
		default:
			s.UnmatchedLeft++
		}
		if e.side == join.Left && e.emitted {
			s.Samples++
		} else if e.side == join.Left {
			s.NegativesDropped++
		}
	}
}

// TestTheLastWordOnMatchIsThatOnWatermark: whatever the order of arrival, the last
// sample of each left event is the one that is emitted on watermark.
func TestTheLastWordOnMatchIsThatOnWatermark(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 35))
		spec := thinned(r, randomSpec(r))
		spec.Kind = join.LeftOuter
		in := randomInput(r, 20+r.IntN(300))
		lines := func(emit join.Emit) []string {
			spec.Emit = emit
			last := map[uint64]string{}
			hooks := join.Hooks{Sample: func(s *join.Sample) error {
				if _, again := last[s.Left.Seq]; again != s.Correction {
					t.Errorf("seed %d, %v: left event %d is a correction: %v", seed, emit, s.Left.Seq, s.Correction)
				}
				s.Correction = false
				last[s.Left.Seq] = sampleText(s)
				return nil
			}}
			op := mustNew(t, newMapStore(), spec, hooks)
			if err := feedInOrder(r, op, randomSchedule(r, in)); err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, line := range last {
				all = append(all, line)
			}
			slices.Sort(all)
			return all
		}
		if match, watermark := lines(join.OnMatch), lines(join.OnWatermark); !slices.Equal(match, watermark) {
			t.Fatalf("seed %d, %+v: on match the last samples are\n%s\non watermark\n%s", seed, spec, match, watermark)
		}
	}
}

func TestAPositiveIsEmittedAtOnce(t *testing.T) {
	var out output
	spec := join.Spec{Upper: time.Minute, Emit: join.OnMatch, MaxDisorder: [2]time.Duration{time.Minute, time.Minute}}
	op := mustNew(t, newMapStore(), spec, out.hooks())
	for i, want := range []string{
		"",
		"\"k\" 5 #0 \"\": 7#1 \"\"\n",
		"again \"k\" 5 #0 \"\": 6#2 \"\" 7#1 \"\"\n",
	} {
		out.Reset()
		side, at := join.Right, int64(8-i)
		if i == 0 {
			side, at = join.Left, 5
		}
		if err := op.Add(side, join.Event{Key: []byte("k"), Time: at, Seq: uint64(i)}); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("event %d: got %q, want %q", i, out.String(), want)
		}
	}
}

func TestCorrectionsNeedAStoreThatExpires(t *testing.T) {
	_, err := join.New(deadKeeper{newMapStore()}, join.Spec{Correct: true}, (&output{}).hooks())
	if !errors.Is(err, statelab.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

// TestPairsOnMatchKeepNothingForLong: where each pair is emitted at once, an event
// is kept until the other side has passed its last partner, and no longer.
func TestPairsOnMatchKeepNothingForLong(t *testing.T) {
	for _, c := range []struct {
		lower, upper time.Duration
		want         [2]int64 // waiting, of 100 events of each side, a second apart
	}{
		{0, 28 * 24 * time.Hour, [2]int64{100, 1}},
		{-10 * time.Second, 20 * time.Second, [2]int64{21, 11}},
		{-10 * time.Second, -5 * time.Second, [2]int64{0, 11}},
		{5 * time.Second, 10 * time.Second, [2]int64{11, 0}},
	} {
		spec := join.Spec{Kind: join.Inner, Emit: join.OnMatch, Lower: c.lower, Upper: c.upper}
		op := mustNew(t, newMapStore(), spec, (&output{}).hooks())
		for i := range int64(100) {
			for _, side := range []join.Side{join.Left, join.Right} {
				if err := op.Add(side, join.Event{Key: []byte("k"), Time: i * 1e6, Seq: uint64(i)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := op.Flush(); err != nil {
			t.Fatal(err)
		}
		if s := op.Summary(); s.WaitingLeft != c.want[0] || s.WaitingRight != c.want[1] {
			t.Errorf("%v to %v: %d left and %d right events wait, want %d", c.lower, c.upper, s.WaitingLeft, s.WaitingRight, c.want)
		}
	}
}
