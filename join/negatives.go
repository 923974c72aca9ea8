package join

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"
)

// Negatives thins out the samples without a pair, which far outnumber the
// others where few impressions are clicked. A model trained on the kept ones
// overestimates the odds by 1/Keep; LogOddsCorrection undoes it.
type Negatives struct {
	// Keep is the share to keep, in (0, 1]; zero means 1.
	Keep float64
	// Seed selects which. The choice is a hash of (Seed, key, sequence), so it
	// is the same in every run and whatever else is in the input.
	Seed uint64
}

// LogOddsCorrection is what to add to the log odds that a model trained on the
// samples predicts, to get those of the full stream: ln(Keep). (He et al.,
// "Practical lessons from predicting clicks on ads at Facebook", section 6.3.)
func (n Negatives) LogOddsCorrection() float64 {
	if n.Keep == 0 {
		return 0
	}
	return math.Log(n.Keep)
}

// keepsAll says whether nothing is thinned out.
func (n Negatives) keepsAll() bool { return n.Keep == 0 || n.Keep == 1 }

// keepsNegative says whether a left event without a pair is emitted. An inner join
// keeps none.
func (o *Operator) keepsNegative(e *Event) (keeps bool) {
	keeps, o.bound = o.spec.keepsNegative(o.bound, e)
	return keeps
}

// keepsNegative chooses by a hash of (seed, key, sequence), for which it uses buf.
func (s *Spec) keepsNegative(buf []byte, e *Event) (keeps bool, _ []byte) {
	n := s.Negatives
	if s.Kind != LeftOuter || n.keepsAll() {
		return s.Kind == LeftOuter, buf
	}
	b := binary.LittleEndian.AppendUint64(buf[:0], n.Seed)
	b = binary.LittleEndian.AppendUint64(b, e.Seq)
	b = append(b, e.Key...)
	return xxhash.Sum64(b) < uint64(math.Ldexp(n.Keep, 64)), b
}
