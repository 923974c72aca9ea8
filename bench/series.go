package bench

import "slices"

// A Curve is a measured function, such as a miss ratio by cache size or a
// latency by percentile. CurveDocs says what the points of each name mean.
type Curve struct {
	Name string    `json:"name"`
	X    []float64 `json:"x"`
	Y    []float64 `json:"y"` // as many as X
}

// A CurveDoc says what a curve means.
type CurveDoc struct {
	Name         string
	XUnit, YUnit string
	Better       Direction // of Y
	Doc          string
}

// CurveDocs returns the documentation of every curve, in the order in which
// reports show them.
func CurveDocs() []CurveDoc {
	return slices.Concat(latencyCurves(), missRatioCurves(), measuredMissRatioCurves())
}

// A Timeline is the measured phase cut into slots of equal length.
type Timeline struct {
	Slot   float64  `json:"slot_s"` // wall time of one slot, in seconds
	Series []Series `json:"series"`
	Marks  []Mark   `json:"marks,omitempty"`
}

// A Series is one value a slot. Its name is that of a metric where it is one
// of a slot alone, such as events_per_s or get_max_us.
type Series struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// A Mark is something that happened in the measured phase: a flush, a
// compaction, a checkpoint, a collection.
type Mark struct {
	Kind string  `json:"kind"`  // such as "flush", "gc"
	At   float64 `json:"at_s"`  // seconds from the beginning of the phase
	For  float64 `json:"for_s"` // how long it took; 0 if not known
	Note string  `json:"note,omitempty"`
}
