package sink

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/row"
)

// A Parquet writes packed samples as a parquet file, which has a row for each line that a
// Printer would print, and columns by the names of its members:
//
//	key                  list of string: the parts of the join key
//	time                 timestamp(µs, UTC): the left event's
//	label                int32: 1 or 0 (left outer join)
//	left                 group: the columns of the left row
//	right                list of such groups (left outer join), or one, null if there is none
//	right_1, right_2     groups, in place of right: of its first and second source (three-way)
//	row                  group, in place of left and right (deduplication)
//	end, events          timestamp, and list of groups, in place of left and right (sessions)
//	log_odds_correction  double, if negatives are thinned out
//	correction           boolean (emit: on_match, late: corrections)
//
// Columns of rows may be null and are strings, booleans, int64 or uint64, float, double, or
// timestamps in the unit of their source. A row of a JSON lines file is one column of
// JSON. Bytes that are not valid UTF-8 become U+FFFD. Within a group columns stand in the order of their
// names, which is the order of package parquet-go. Pages are compressed by Snappy.
//
// The file is a function of the samples: how they were divided among partitions, and when they
// were committed, does not show.
type Parquet struct {
	w        *parquet.GenericWriter[any]
	kind     join.Kind
	keyParts int
	logOdds  float64

	columns map[string]int // index of the leaf, by the name of a column that is not of a row; -1: there is none
	left    rowColumns
	rights  []rowColumns // of the right side; of a three-way join of each of its sources

	row      parquet.Row
	values   [][]parquet.Value // by column
	sample   join.Sample
	buffered int // bytes of keys and values since the last row group
}

// rowColumns are the leaves that an event's row is written to.
type rowColumns struct {
	leaves  []int
	defined int // definition level of the row itself
	types   []row.Type
	objects bool
}

// rowGroupBytes is how many bytes of keys and values make a row group, whose pages are in
// memory, compressed, until it is written.
const rowGroupBytes = 4 << 20

// pageChunkBytes is in what pieces memory is taken for those pages: a buffer that doubles as it
// grows would take twice what they need, and leave as much to the collector.
const pageChunkBytes = 128 << 10

// NewParquet begins a file in a part. The schemas are those of the sources of each side, which are the same but for those of
// the right side of a three-way join.
func NewParquet(part *Part, spec join.Spec, keyParts int, schemas [2][]*row.Schema) *Parquet {
	p := &Parquet{kind: spec.Kind, keyParts: keyParts, logOdds: logOdds(spec), columns: map[string]int{}}
	root := parquet.Group{
		"key":  parquet.List(parquet.String()),
		"time": parquet.Timestamp(parquet.Microsecond),
	}
	left, right := nodeOf(schemas[join.Left][0]), parquet.Node(nil)
	if len(schemas[join.Right]) > 0 {
		right = nodeOf(schemas[join.Right][0])
	}
	switch spec.Kind {
	case join.LeftOuter:
		root["label"] = parquet.Leaf(parquet.Int32Type)
		root["left"], root["right"] = left, parquet.List(right)
		if spec.Emit == join.OnMatch || spec.Correct {
			root["correction"] = parquet.Leaf(parquet.BooleanType)
		}
		if p.logOdds != 0 {
			root["log_odds_correction"] = parquet.Leaf(parquet.DoubleType)
		}
	case join.Dedup:
		root["row"] = left
	case join.Session:
		root["end"] = parquet.Timestamp(parquet.Microsecond)
		root["events"] = parquet.List(left)
	case join.ThreeWay:
		root["left"] = left
		for i, s := range schemas[join.Right] {
			root[rightColumn(i)] = nodeOf(s)
		}
	default:
		root["left"], root["right"] = left, parquet.Optional(right)
	}
	schema := parquet.NewSchema("sample", root)
	p.bind(schema, schemas)
	p.w = parquet.NewGenericWriter[any](partWriter{part}, schema,
		parquet.Compression(snappyCodec{}), parquet.CreatedBy("statelab", "", ""),
		parquet.ColumnPageBuffers(parquet.NewChunkBufferPool(pageChunkBytes)))
	p.values = make([][]parquet.Value, len(schema.Columns()))
	return p
}

// rightColumn is the name of the column of a source of a three-way join's right side.
func rightColumn(source int) string { return fmt.Sprintf("right_%d", source+1) }

// nodeOf describes a row.
func nodeOf(s *row.Schema) parquet.Node {
	columns, ok := s.Columns()
	if !ok {
		return parquet.JSON()
	}
	group := parquet.Group{}
	for _, c := range columns {
		group[c.Name] = parquet.Optional(leafOf(c.Type))
	}
	return group
}

func leafOf(t row.Type) parquet.Node {
	switch t {
	case row.Bool:
		return parquet.Leaf(parquet.BooleanType)
	case row.Int:
		return parquet.Int(64)
	case row.Uint:
		return parquet.Uint(64)
	case row.Float:
		return parquet.Leaf(parquet.FloatType)
	case row.Double:
		return parquet.Leaf(parquet.DoubleType)
	case row.Millis:
		return parquet.Timestamp(parquet.Millisecond)
	case row.Micros:
		return parquet.Timestamp(parquet.Microsecond)
	case row.Nanos:
		return parquet.Timestamp(parquet.Nanosecond)
	}
	return parquet.String()
}

// bind finds the columns.
func (p *Parquet) bind(schema *parquet.Schema, schemas [2][]*row.Schema) {
	index := func(path ...string) int {
		if leaf, ok := schema.Lookup(path...); ok {
			return leaf.ColumnIndex
		}
		return -1
	}
	rows := func(s *row.Schema, defined int, path ...string) rowColumns {
		columns, ok := s.Columns()
		if !ok {
			return rowColumns{leaves: []int{index(path...)}, defined: defined, objects: true}
		}
		r := rowColumns{defined: defined}
		for _, c := range columns {
			r.leaves = append(r.leaves, index(append(path[:len(path):len(path)], c.Name)...))
			r.types = append(r.types, c.Type)
		}
		return r
	}
	for _, name := range []string{"time", "label", "end", "log_odds_correction", "correction"} {
		p.columns[name] = index(name)
	}
	p.columns["key"] = index("key", "list", "element")
	left := schemas[join.Left][0]
	switch p.kind {
	case join.Dedup:
		p.left = rows(left, 0, "row")
	case join.Session:
		p.left = rows(left, 1, "events", "list", "element")
	case join.LeftOuter:
		p.left = rows(left, 0, "left")
		p.rights = []rowColumns{rows(schemas[join.Right][0], 1, "right", "list", "element")}
	case join.ThreeWay:
		p.left = rows(left, 0, "left")
		for i, s := range schemas[join.Right] {
			p.rights = append(p.rights, rows(s, 0, rightColumn(i)))
		}
	default:
		p.left = rows(left, 0, "left")
		p.rights = []rowColumns{rows(schemas[join.Right][0], 1, "right")}
	}
}

// Add adds a packed sample.
func (p *Parquet) Add(packed []byte) error {
	if err := unpack(packed, &p.sample); err != nil {
		return err
	}
	return p.AddSample(&p.sample)
}

// AddSample adds a sample, of which it keeps nothing.
func (p *Parquet) AddSample(s *join.Sample) error {
	if err := p.addSample(s); err != nil {
		return err
	}
	p.buffered += len(s.Left.Key) + len(s.Left.Value)
	for i := range s.Rights {
		p.buffered += len(s.Rights[i].Value)
	}
	if p.buffered < rowGroupBytes {
		return nil
	}
	p.buffered = 0
	return writeError(p.w.Flush())
}

func (p *Parquet) addSample(s *join.Sample) error {
	switch p.kind {
	case join.LeftOuter, join.Dedup, join.Session, join.ThreeWay:
		return p.addRow(s, s.Rights)
	case join.Temporal:
		if len(s.Rights) == 0 {
			return p.addRow(s, nil)
		}
	}
	for i := range s.Rights {
		if err := p.addRow(s, s.Rights[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// addRow adds a row of a left event and right ones; of a session all are events.
func (p *Parquet) addRow(s *join.Sample, rights []join.Event) error {
	for i := range p.values {
		p.values[i] = p.values[i][:0]
	}
	if err := p.putKey(s.Left.Key); err != nil {
		return err
	}
	p.put("time", parquet.Int64Value(s.Left.Time))
	err := p.left.put(p.values, 0, s.Left.Value)
	switch p.kind {
	case join.LeftOuter:
		p.put("label", parquet.Int32Value(int32(min(len(rights), 1))))
		p.put("correction", parquet.BooleanValue(s.Correction))
		p.put("log_odds_correction", parquet.DoubleValue(p.logOdds))
	case join.Session:
		end := s.Left.Time
		for i := range rights {
			end = rights[i].Time
			if err == nil {
				err = p.left.put(p.values, 1, rights[i].Value)
			}
		}
		p.put("end", parquet.Int64Value(end))
	}
	if err == nil {
		err = p.putRights(rights)
	}
	if err != nil {
		return err
	}
	p.row = p.row[:0]
	for _, column := range p.values {
		p.row = append(p.row, column...)
	}
	_, err = p.w.WriteRows([]parquet.Row{p.row})
	return writeError(err)
}

// putRights adds right rows: one for each source of a three-way join, else any number of the same columns.
func (p *Parquet) putRights(rights []join.Event) error {
	switch {
	case p.rights == nil:
		return nil
	case p.kind == join.ThreeWay && len(rights) != len(p.rights):
		return errPacked
	case len(rights) == 0:
		p.rights[0].putNothing(p.values)
	}
	for i := range rights {
		columns, repeats := &p.rights[0], min(i, 1)
		if p.kind == join.ThreeWay {
			columns, repeats = &p.rights[i], 0
		}
		if err := columns.put(p.values, repeats, rights[i].Value); err != nil {
			return err
		}
	}
	return nil
}

// put adds the value of a column that is not of a row, if there is that column.
func (p *Parquet) put(name string, v parquet.Value) {
	if i := p.columns[name]; i >= 0 {
		p.values[i] = append(p.values[i], v.Level(0, 0, i))
	}
}

func (p *Parquet) putKey(key []byte) error {
	i, rest := p.columns["key"], key
	for n := range p.keyParts {
		part := rest
		if n < p.keyParts-1 {
			var ok bool
			if part, rest, ok = join.CutKeyPart(nil, rest); !ok {
				return errKeyParts
			}
		}
		p.values[i] = append(p.values[i], parquet.ByteArrayValue(validText(part)).Level(min(n, 1), 1, i))
	}
	return nil
}

// put adds a row, which repeats at a level.
func (r *rowColumns) put(values [][]parquet.Value, repeats int, event []byte) error {
	if r.objects {
		i := r.leaves[0]
		values[i] = append(values[i], parquet.ByteArrayValue(event).Level(repeats, r.defined, i))
		return nil
	}
	for n, i := range r.leaves {
		f, rest, ok := row.CutField(event)
		if !ok {
			return errPacked
		}
		event = rest
		v, defined := parquet.NullValue(), r.defined
		if !f.Null {
			v, defined = valueOf(&f, r.types[n]), r.defined+1
		}
		values[i] = append(values[i], v.Level(repeats, defined, i))
	}
	if len(event) > 0 {
		return errPacked
	}
	return nil
}

// putNothing says that there is no row.
func (r *rowColumns) putNothing(values [][]parquet.Value) {
	for _, i := range r.leaves {
		values[i] = append(values[i], parquet.NullValue().Level(0, 0, i))
	}
}

// valueOf is a field as a value of its column.
func valueOf(f *row.Field, t row.Type) parquet.Value {
	switch t {
	case row.String:
		return parquet.ByteArrayValue(validText(f.Bytes))
	case row.Bool:
		return parquet.BooleanValue(f.Bool)
	case row.Uint:
		return parquet.Int64Value(int64(f.Uint))
	case row.Float:
		return parquet.FloatValue(float32(f.Double))
	case row.Double:
		return parquet.DoubleValue(f.Double)
	}
	return parquet.Int64Value(f.Int)
}

// validText replaces bytes that are not valid UTF-8, each by U+FFFD.
func validText(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	var valid []byte
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		valid = utf8.AppendRune(valid, r)
		b = b[size:]
	}
	return valid
}

// Close writes what ends the file. The part is the caller's to publish and to close.
func (p *Parquet) Close() error { return writeError(p.w.Close()) }

func writeError(err error) error {
	if err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

// partWriter writes to a part.
type partWriter struct{ part *Part }

func (w partWriter) Write(b []byte) (int, error) {
	if err := w.part.Extend(append(w.part.Buffer(), b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// logOdds is the correction that samples carry; 0 if they carry none.
func logOdds(spec join.Spec) float64 {
	if c := spec.Negatives.LogOddsCorrection(); !math.IsInf(c, 0) {
		return c
	}
	return 0
}
