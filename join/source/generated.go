package source

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/statelab/statelab/internal/draw"
	"github.com/statelab/statelab/internal/spec"
	"github.com/statelab/statelab/join/row"
)

// A source whose file's name begins with generatorPrefix has no file: it draws its rows from
// a seed. What follows is a spec, as that of a backend is written:
//
//	generate:impressions?rate=1000&count=1000000
//	generate:actions?rate=1000&count=1000000
//
// Impressions come at a steady rate; actions follow some of them up, after delays of a law. Both draw
// all of it and show their part, so that with equal parameters they belong together. Rows
// have the columns id (16 hexadecimal digits, the same for an impression and its actions),
// at (a time in microseconds) and text (as long as bytes says, compressible about two to one).
const generatorPrefix = "generate:"

// Generated is the format of a source that is drawn from a seed.
const Generated Format = "generated"

// IsGenerated says whether a file's name stands for a generator.
func IsGenerated(name string) bool { return strings.HasPrefix(name, generatorPrefix) }

// Streams that can be generated.
const (
	impressionRole uint8 = iota
	actionRole
)

// Constants of what is generated.
const (
	firstTime      = 1_704_067_200_000_000 // 2024-01-01, in µs
	generateStream = 10                    // the number of the random stream
	disorderedPart = 0.2
	logNormalSigma = 1 // as skewed as the delays of clicks
	textPool       = 1 << 18
)

// A generator draws rows.
type generator struct {
	role     uint8
	random   *draw.Random
	delay    *draw.DelayLaw
	options  generatorOptions
	acted    draw.Share
	another  draw.Share
	lagging  draw.Share
	gap      uint64 // µs
	clock    int64  // of the next impression
	drawn    int64  // impressions
	shown    int64  // rows
	agenda   draw.Agenda
	pool     []byte
	id, time []byte // of the current row
	at       int64
	text     []byte
}

// openGenerated returns what a name stands for that IsGenerated.
func openGenerated(name string) (reader, error) {
	stream, params, err := spec.Parse(strings.TrimPrefix(name, generatorPrefix))
	if err != nil {
		return nil, err
	}
	g := &generator{}
	switch stream {
	case "impressions":
		g.role = impressionRole
	case "actions":
		g.role = actionRole
	default:
		return nil, fmt.Errorf("nothing that can be generated is called %q; there are %s", stream, strings.Join(Generators(), ", "))
	}
	o := &g.options
	table := generatorParams()
	for i := range table {
		if err := table[i].Set(o, table[i].Default); err != nil {
			return nil, err
		}
	}
	if err := spec.Apply(o, params, table); err != nil {
		return nil, err
	}
	g.begin()
	return g, nil
}

func (g *generator) begin() {
	o := &g.options
	g.random = draw.New(uint64(o.seed), generateStream)
	switch o.law {
	case 1:
		g.delay = draw.Installations()
	case 2:
		g.delay = draw.JobRuns()
	default:
		g.delay = draw.LogNormal(o.median.Seconds(), logNormalSigma)
	}
	g.acted, g.another, g.lagging = draw.ShareOf(o.acted), draw.ShareOf(o.another), draw.ShareOf(disorderedPart)
	g.gap = max(1, uint64(1_000_000/o.rate))
	g.clock = firstTime
	g.pool = newTextPool(uint64(o.seed))
}

// newTextPool returns what texts are cut from: letters and digits, each 16 of which come twice.
func newTextPool(seed uint64) []byte {
	r := draw.New(seed, generateStream+1)
	pool := make([]byte, 0, textPool)
	var piece [8]byte
	for len(pool) < textPool {
		binary.LittleEndian.PutUint64(piece[:], r.Next())
		n := len(pool)
		pool = hex.AppendEncode(pool, piece[:])
		pool = append(pool, pool[n:]...)
	}
	return pool
}

// read makes the next row the current one.
func (g *generator) read() error {
	for at, ok := g.agenda.Next(); !ok || at >= g.clock; at, ok = g.agenda.Next() {
		if g.drawn == g.options.count {
			if !ok {
				return io.EOF
			}
			break
		}
		g.draw()
	}
	due := g.agenda.Take()
	var id [8]byte
	binary.BigEndian.PutUint64(id[:], draw.Mix(due.Of^draw.Mix(uint64(g.options.seed))))
	g.id = hex.AppendEncode(g.id[:0], id[:])
	g.at = due.Since
	from := draw.Mix(uint64(g.shown)<<1|uint64(g.role)) % uint64(len(g.pool)-int(g.options.bytes))
	g.text = g.pool[from : from+uint64(g.options.bytes)]
	g.shown++
	return nil
}

// draw plans an impression and its actions, as far as they are of the stream's role.
func (g *generator) draw() {
	g.plan(impressionRole, g.clock)
	if g.random.Hits(g.acted) {
		for range g.options.most {
			g.plan(actionRole, g.clock+g.delay.Draw(g.random))
			if !g.random.Hits(g.another) {
				break
			}
		}
	}
	g.drawn++
	g.clock += 1 + int64(g.random.Below(2*g.gap-1))
}

// plan plans a row of the impression at hand. All roles draw alike.
func (g *generator) plan(role uint8, at int64) {
	arrival := at
	if d := g.options.disorder.Microseconds(); d > 0 && g.random.Hits(g.lagging) {
		arrival += int64(g.random.Below(uint64(d) + 1))
	}
	if role == g.role {
		g.agenda.Plan(draw.Due{Time: arrival, Of: uint64(g.drawn), Since: at})
	}
}

// generatedColumns are those of every generator's rows.
var generatedColumns = []string{"id", "at", "text"}

func (g *generator) bind(name string) (int, error) { return findColumn(generatedColumns, name) }

func (g *generator) timeFormat(i int, given TimeFormat) (TimeFormat, error) {
	switch {
	case i != 1:
		return "", fmt.Errorf("column %s is not a time; column %s is", generatedColumns[i], generatedColumns[1])
	case given != "" && given != UnixUS:
		return "", fmt.Errorf("column %s is in the format %s, not %s", generatedColumns[i], UnixUS, given)
	}
	return UnixUS, nil
}

func (g *generator) schema() *row.Schema {
	return row.Typed([]row.Column{{Name: "id"}, {Name: "at", Type: row.Micros}, {Name: "text"}})
}

func (g *generator) skip(n uint64) (skipped uint64, err error) {
	for ; skipped < n; skipped++ {
		if err := g.read(); err != nil {
			return skipped, err
		}
	}
	return skipped, nil
}

func (g *generator) field(i int) (text []byte, null bool, err error) {
	switch i {
	case 0:
		return g.id, false, nil
	case 1:
		g.time = strconv.AppendInt(g.time[:0], g.at, 10)
		return g.time, false, nil
	}
	return g.text, false, nil
}

func (g *generator) appendRow(dst []byte) ([]byte, error) {
	return row.AppendString(row.AppendInt(row.AppendString(dst, g.id), g.at), g.text), nil
}

func (g *generator) where() string { return fmt.Sprintf("row %d", g.shown) }

func (g *generator) appendRaw(dst []byte) []byte {
	return fmt.Appendf(dst, `{"id":%q,"at":%d}`, g.id, g.at)
}

func (g *generator) close() error { return nil }
