package sink

import (
	"errors"
	"strconv"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/row"
)

// A Printer prints samples as JSON lines. A left outer join has one line for
// each sample,
//
//	{"key":["k"],"time":1,"label":1,"left":{...},"right":[{...},...]}
//
// with "log_odds_correction" at the end of each if negatives are thinned out, and
// then "correction":true if the line takes the place of an earlier one of the same
// left event (emit: on_match, late: corrections). Inner, tumbling-window and
// regular joins have one for each pair:
//
//	{"key":["k"],"time":1,"left":{...},"right":{...}}
//
// a three-way join has one for each triple, with the rows of both sources as "right", in a list;
// a temporal join has one for each left event, with the version in force or null
// as "right"; deduplication one for each event that is kept, and sessions one each,
// with the time of the last event as "end":
//
//	{"key":["k"],"time":1,"row":{...}}
//	{"key":["k"],"time":1,"end":5,"events":[{...},...]}
//
// Key holds the parts of the join key, as text; time is the left event's, in
// microseconds since 1970; label is 1 if there is a right event. A late event of
// a side output is
//
//	{"side":"left","key":["k"],"time":1,"row":{...}}
//
// and a bad row
//
//	{"side":"left","file":"in.csv","at":"line 17","reason":"...","row":...}
type Printer struct {
	kind     join.Kind
	keyParts int
	schemas  [2][]*row.Schema
	logOdds  []byte // the member, if there is one
	part     []byte // of a key
}

// NewPrinter returns a printer of a join's samples, whose keys have so many
// parts. These schemas, by side, print the rows of each of its sources.
func NewPrinter(spec join.Spec, keyParts int, schemas [2][]*row.Schema) *Printer {
	p := &Printer{kind: spec.Kind, keyParts: keyParts, schemas: schemas}
	if c := logOdds(spec); c != 0 {
		p.logOdds = row.AppendFloatText([]byte(`,"log_odds_correction":`), c, 64)
	}
	return p
}

// schema prints the rows of an event's source.
func (p *Printer) schema(side join.Side, e *join.Event) *row.Schema {
	if list := p.schemas[side]; len(list) > 1 {
		return list[join.SourceOf(e.Seq)]
	}
	return p.schemas[side][0]
}

var errKeyParts = errors.New("a key has fewer parts than its join")

// AppendSample appends the lines of a sample.
func (p *Printer) AppendSample(dst []byte, s *join.Sample) ([]byte, error) {
	switch p.kind {
	case join.LeftOuter:
		return p.appendSample(dst, s)
	case join.Temporal:
		if len(s.Rights) == 0 {
			return p.appendPair(dst, &s.Left, nil)
		}
	case join.Dedup:
		return p.appendRow(append(dst, '{'), join.Left, &s.Left)
	case join.Session:
		return p.appendSession(dst, s)
	case join.ThreeWay:
		return p.appendTriple(dst, s)
	}
	for i := range s.Rights {
		var err error
		if dst, err = p.appendPair(dst, &s.Left, &s.Rights[i]); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (p *Printer) appendSample(dst []byte, s *join.Sample) ([]byte, error) {
	dst, err := p.appendKeyTime(append(dst, '{'), &s.Left)
	if err != nil {
		return dst, err
	}
	if len(s.Rights) > 0 {
		dst = append(dst, `,"label":1,"left":`...)
	} else {
		dst = append(dst, `,"label":0,"left":`...)
	}
	if dst, err = p.schema(join.Left, &s.Left).AppendJSON(dst, s.Left.Value); err != nil {
		return dst, err
	}
	if dst, err = p.appendList(append(dst, `,"right":[`...), join.Right, s.Rights); err != nil {
		return dst, err
	}
	dst = append(dst, p.logOdds...)
	if s.Correction {
		dst = append(dst, `,"correction":true`...)
	}
	return append(dst, '}', '\n'), nil
}

func (p *Printer) appendTriple(dst []byte, s *join.Sample) ([]byte, error) {
	dst, err := p.appendKeyTime(append(dst, '{'), &s.Left)
	if err != nil {
		return dst, err
	}
	if dst, err = p.schema(join.Left, &s.Left).AppendJSON(append(dst, `,"left":`...), s.Left.Value); err != nil {
		return dst, err
	}
	dst, err = p.appendList(append(dst, `,"right":[`...), join.Right, s.Rights)
	return append(dst, '}', '\n'), err
}

func (p *Printer) appendSession(dst []byte, s *join.Sample) ([]byte, error) {
	dst, err := p.appendKeyTime(append(dst, '{'), &s.Left)
	if err != nil {
		return dst, err
	}
	end := s.Left.Time
	if n := len(s.Rights); n > 0 {
		end = s.Rights[n-1].Time
	}
	dst = strconv.AppendInt(append(dst, `,"end":`...), end, 10)
	if dst, err = p.schema(join.Left, &s.Left).AppendJSON(append(dst, `,"events":[`...), s.Left.Value); err != nil {
		return dst, err
	}
	if len(s.Rights) > 0 {
		dst = append(dst, ',')
	}
	dst, err = p.appendList(dst, join.Left, s.Rights)
	return append(dst, '}', '\n'), err
}

// appendList appends the rows of events, and the end of the list.
func (p *Printer) appendList(dst []byte, side join.Side, events []join.Event) ([]byte, error) {
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = p.schema(side, &events[i]).AppendJSON(dst, events[i].Value); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendPair appends a line with one right event, or with null.
func (p *Printer) appendPair(dst []byte, left, right *join.Event) ([]byte, error) {
	dst, err := p.appendKeyTime(append(dst, '{'), left)
	if err != nil {
		return dst, err
	}
	if dst, err = p.schema(join.Left, left).AppendJSON(append(dst, `,"left":`...), left.Value); err != nil {
		return dst, err
	}
	dst = append(dst, `,"right":`...)
	if right == nil {
		dst = append(dst, "null"...)
	} else if dst, err = p.schema(join.Right, right).AppendJSON(dst, right.Value); err != nil {
		return dst, err
	}
	return append(dst, '}', '\n'), nil
}

// AppendLate appends the line of a late event.
func (p *Printer) AppendLate(dst []byte, side join.Side, e *join.Event) ([]byte, error) {
	dst = append(append(append(dst, `{"side":"`...), side.String()...), `",`...)
	return p.appendRow(dst, side, e)
}

// AppendBad appends the line of a bad row, of which members say what is wrong.
func AppendBad(dst []byte, side join.Side, members []byte) []byte {
	dst = append(append(append(dst, `{"side":"`...), side.String()...), `",`...)
	return append(append(dst, members...), '}', '\n')
}

// appendRow appends the key, time and row of an event, and ends the line.
func (p *Printer) appendRow(dst []byte, side join.Side, e *join.Event) ([]byte, error) {
	dst, err := p.appendKeyTime(dst, e)
	if err != nil {
		return dst, err
	}
	if dst, err = p.schema(side, e).AppendJSON(append(dst, `,"row":`...), e.Value); err != nil {
		return dst, err
	}
	return append(dst, '}', '\n'), nil
}

func (p *Printer) appendKeyTime(dst []byte, e *join.Event) ([]byte, error) {
	dst = append(dst, `"key":[`...)
	rest := e.Key
	for range p.keyParts - 1 {
		var ok bool
		if p.part, rest, ok = join.CutKeyPart(p.part[:0], rest); !ok {
			return dst, errKeyParts
		}
		dst = append(row.AppendQuoted(dst, p.part), ',')
	}
	dst = append(row.AppendQuoted(dst, rest), `],"time":`...)
	return strconv.AppendInt(dst, e.Time, 10), nil
}
