package trace

import (
	"errors"
	"io"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/statelab/statelab"
)

// A Summary says what the load of a trace is like.
type Summary struct {
	Header  Header `json:"provenance"`
	Records uint64 `json:"records"`
	Warm    uint64 `json:"warm_records"` // before measuring began; 0 if that is not marked
	Answers string `json:"answers"`      // the digest, in hexadecimal

	Calls Calls `json:"calls"`
	Bytes Bytes `json:"bytes"`
	Keys  Keys  `json:"keys"`

	Sizes      Percentiles  `json:"element_bytes"`       // of what was put and appended
	Found      Percentiles  `json:"found_bytes"`         // of the values that Gets found
	PerProbe   Percentiles  `json:"records_per_probe"`   // that the moves of a probe led to
	PerScan    Percentiles  `json:"records_per_scan"`    // of the iterators that are no probes
	TTL        Percentiles  `json:"ttl_us"`              // of elements: expiry less event time, not below 0
	Immortal   int64        `json:"never_expire"`        // elements
	BornDead   int64        `json:"dead_on_arrival"`     // elements whose expiry is not after their event time
	Reuse      Reuse        `json:"reuse_distance"`      //
	WorkingSet []WorkingSet `json:"working_set"`         // of equal shares of the records
	FirstEvent int64        `json:"first_event_time_us"` // the least event time but 0, which stands for unknown
	LastEvent  int64        `json:"last_event_time_us"`  // the greatest
	Elapsed    uint64       `json:"last_arrival_us"`     // of wall time since recording began
}

// Calls counts the calls of a trace by what they were.
type Calls struct {
	Get     int64 `json:"get"`
	Found   int64 `json:"get_found"`
	Put     int64 `json:"put"`
	Append  int64 `json:"append"`
	Delete  int64 `json:"delete"`
	Batches int64 `json:"batches"` // that the puts, appends and deletes were applied in
	Probe   int64 `json:"probe"`
	Scan    int64 `json:"scan"` // iterators that are no probes
	Advance int64 `json:"advance"`
	Sync    int64 `json:"sync"`
}

// Bytes counts what went in and out.
type Bytes struct {
	Written int64 `json:"written"` // keys and elements that were put and appended
	Got     int64 `json:"got"`     // values that Gets found
	Scanned int64 `json:"scanned"` // values of the records that iterators stood on
}

// A WorkingSet is what was used in one of the equal shares of a trace.
type WorkingSet struct {
	Until   int64 `json:"until_event_time_us"` // the greatest event time in it
	Records int64 `json:"records"`
	Keys    int64 `json:"keys"`       // distinct ones that were used
	Fresh   int64 `json:"fresh_keys"` // of them, those never used before
}

// shares is how many shares a trace is cut into to show its working set.
const shares = 20

// Percentiles of a distribution, to three digits. With a Count of 0 there are
// none.
type Percentiles struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P10   int64   `json:"p10"`
	P50   int64   `json:"p50"`
	P90   int64   `json:"p90"`
	P99   int64   `json:"p99"`
	Max   int64   `json:"max"`
}

// Summarize reads a trace to its end, which it must have. records is how many it
// holds, which Stat says.
func Summarize(r *Reader, records uint64) (*Summary, error) {
	s := newSummarizer(records)
	var rec Record
	for {
		err := r.Next(&rec)
		if errors.Is(err, io.EOF) {
			return s.summary(r), nil
		}
		if err != nil {
			return nil, err
		}
		s.add(&rec)
	}
}

// A summarizer gathers what a Summary tells.
type summarizer struct {
	sum     Summary
	records uint64
	seen    uint64
	uses    uses
	reuse   *reuse
	sizes   *histogram
	found   *histogram
	probes  *histogram
	scans   *histogram
	ttls    *histogram
	open    map[int]openScan // by slot
}

// An openScan is an iterator whose moves are not all known yet.
type openScan struct {
	probe   bool
	records int
}

func newSummarizer(records uint64) *summarizer {
	records = max(1, records)
	return &summarizer{
		records: records,
		sum:     Summary{WorkingSet: make([]WorkingSet, min(shares, records))},
		reuse:   newReuse(records),
		sizes:   newHistogram(statelab.MaxRecordSize), found: newHistogram(statelab.MaxRecordSize),
		probes: newHistogram(math.MaxInt64 / 4), scans: newHistogram(math.MaxInt64 / 4), ttls: newHistogram(math.MaxInt64 / 4),
		open: map[int]openScan{},
	}
}

func (s *summarizer) add(r *Record) {
	s.seeTime(r)
	if key, ok := usedKey(r); ok {
		s.use(key)
	}
	s.seen++
	switch r.Kind {
	case Get:
		s.addGet(r)
	case Put, Append, Delete:
		s.addChange(r)
	case Scan:
		s.addScan(Probes(r.Range), records(r.Legs))
	case Open:
		s.open[r.Slot] = openScan{probe: Probes(r.Range)}
	case Moves:
		s.addMoves(r)
	case Advance:
		s.sum.Calls.Advance++
	case Sync:
		s.sum.Calls.Sync++
	}
	s.sum.Bytes.Scanned += r.Bytes
}

// usedKey returns the key that a record uses: that of a Get or a change, and the
// lower bound of a probe.
func usedKey(r *Record) ([]byte, bool) {
	switch r.Kind {
	case Get, Put, Append, Delete:
		return r.Key, true
	case Scan, Open:
		return r.Range.Lower, Probes(r.Range)
	}
	return nil, false
}

func (s *summarizer) use(key []byte) {
	hash := keyHash(key)
	fresh, again := s.uses.add(hash, s.share())
	w := &s.sum.WorkingSet[s.share()]
	if !again {
		w.Keys++
	}
	if fresh {
		w.Fresh++
	}
	s.reuse.add(hash)
}

// share returns which of the equal shares the record at hand is in.
func (s *summarizer) share() int {
	n := uint64(len(s.sum.WorkingSet))
	return int(min(s.seen*n/s.records, n-1))
}

func (s *summarizer) seeTime(r *Record) {
	w := &s.sum.WorkingSet[s.share()]
	if w.Until = max(w.Until, r.Time); w.Records == 0 {
		w.Until = r.Time
	}
	w.Records++
	if r.Time != 0 {
		if s.sum.FirstEvent == 0 || r.Time < s.sum.FirstEvent {
			s.sum.FirstEvent = r.Time
		}
		if s.sum.LastEvent == 0 || r.Time > s.sum.LastEvent {
			s.sum.LastEvent = r.Time
		}
	}
}

func (s *summarizer) addGet(r *Record) {
	s.sum.Calls.Get++
	if r.Found {
		s.sum.Calls.Found++
		s.sum.Bytes.Got += int64(r.Size)
		s.found.add(int64(r.Size))
	}
}

func (s *summarizer) addChange(r *Record) {
	if r.Last {
		s.sum.Calls.Batches++
	}
	switch r.Kind {
	case Delete:
		s.sum.Calls.Delete++
		return
	case Put:
		s.sum.Calls.Put++
	case Append:
		s.sum.Calls.Append++
	}
	s.sum.Bytes.Written += int64(len(r.Key) + r.Size)
	s.sizes.add(int64(r.Size))
	switch ttl := r.Expiry - r.Time; {
	case r.Expiry == statelab.NoExpiry:
		s.sum.Immortal++
	case r.Expiry <= r.Time:
		s.sum.BornDead++
		s.ttls.add(0)
	default:
		s.ttls.add(ttl)
	}
}

func (s *summarizer) addScan(probe bool, records int) {
	if probe {
		s.sum.Calls.Probe++
		s.probes.add(int64(records))
		return
	}
	s.sum.Calls.Scan++
	s.scans.add(int64(records))
}

func (s *summarizer) addMoves(r *Record) {
	o := s.open[r.Slot]
	o.records += records(r.Legs)
	s.open[r.Slot] = o
	if r.Last {
		s.addScan(o.probe, o.records)
		delete(s.open, r.Slot)
	}
}

func (s *summarizer) summary(r *Reader) *Summary {
	for _, o := range s.open { // left open: their number is all that counts
		s.addScan(o.probe, o.records)
	}
	sum := &s.sum
	totals := r.Totals()
	sum.Header, sum.Records, sum.Warm, sum.Elapsed = r.Header(), totals.Records, totals.Warm, totals.Elapsed
	sum.Answers = AnswersText(totals.Answers)
	sum.Keys = s.uses.keys()
	sum.Sizes, sum.Found, sum.TTL = s.sizes.percentiles(), s.found.percentiles(), s.ttls.percentiles()
	sum.PerProbe, sum.PerScan = s.probes.percentiles(), s.scans.percentiles()
	sum.Reuse = s.reuse.distances()
	return sum
}

// A histogram of natural numbers.
type histogram struct{ *hdrhistogram.Histogram }

func newHistogram(most int64) *histogram {
	const digits = 3
	return &histogram{hdrhistogram.New(1, most, digits)}
}

// add counts a value; one that is over the greatest counts as that.
func (h *histogram) add(v int64) {
	_ = h.RecordValue(min(max(v, 0), h.HighestTrackableValue())) // it is within bounds
}

func (h *histogram) percentiles() Percentiles {
	if h.TotalCount() == 0 {
		return Percentiles{}
	}
	return Percentiles{
		Count: h.TotalCount(), Mean: h.Mean(),
		P10: h.ValueAtPercentile(10), P50: h.ValueAtPercentile(50), P90: h.ValueAtPercentile(90), P99: h.ValueAtPercentile(99),
		Max: h.Max(),
	}
}
