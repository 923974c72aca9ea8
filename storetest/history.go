package storetest

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/statelab/statelab"
)

// A step is one call on a store, or on one of its iterators. It prints as a
// line and is read back from it:
//
//	apply put "k" "v" 17; append "k" "w"+5000 never; delete "z"
//	advance 17                   sync
//	get "k"                      multiget "a" "b"
//	elements "k"                 scan
//	iter 3 "a" -                 close-iter 3       an iterator over ["a", end)
//	first 3   last 3   next 3   prev 3   seek-ge 3 "k"   seek-lt 3 "k"
//	delete-range "a" "b"         check
//	checkpoint                   a copy is made, opened, compared
//	reopen                       Close and Open
//	kill                         the process dies, another opens what the kernel has
//	power-cut 5                  the power fails; 5 decides what of the unsynced is left
//
// "w"+5000 stands for w and 5000 bytes more, which follow from w.
type step struct {
	verb string
	ops  []opText // of apply
	keys []text   // what a key or a bound is; of multiget all
	iter int
	at   int64 // of advance the watermark, of power-cut the seed
}

// A text is a string of bytes that prints short.
type text struct {
	none bool // nil: no bound
	head string
	fill int // bytes that follow
}

type opText struct {
	kind       statelab.OpKind
	key, value text
	expireAt   int64
}

// string returns the bytes. Half of what fills is letters, so that it can be compressed.
func (t text) string() string {
	if t.fill == 0 {
		return t.head
	}
	b := make([]byte, 0, len(t.head)+t.fill+8)
	b = append(b, t.head...)
	x := checksum(b) | 1
	for len(b) < len(t.head)+t.fill {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
		b = append(b, "fill"...)
	}
	return string(b[:len(t.head)+t.fill])
}

func (t text) bytes() []byte {
	if t.none {
		return nil
	}
	return []byte(t.string())
}

func (t text) String() string {
	switch {
	case t.none:
		return "-"
	case t.fill > 0:
		return fmt.Sprintf("%q+%d", t.head, t.fill)
	}
	return strconv.Quote(t.head)
}

func (o opText) op() statelab.Op {
	op := statelab.Op{Kind: o.kind, Key: []byte(o.key.string()), ExpireAt: o.expireAt}
	if o.kind != statelab.OpDelete {
		op.Value = []byte(o.value.string())
	}
	return op
}

func (s step) batch() []statelab.Op {
	ops := make([]statelab.Op, len(s.ops))
	for i, o := range s.ops {
		ops[i] = o.op()
	}
	return ops
}

// bounds returns the range of an iter or a delete-range.
func (s step) bounds() statelab.Range {
	return statelab.Range{Lower: s.keys[0].bytes(), Upper: s.keys[1].bytes()}
}

// A shape says what follows a verb.
type shape struct {
	iter, at bool
	keys     int // -1: any number
}

var shapes = map[string]shape{
	"advance": {at: true}, "power-cut": {at: true},
	"get": {keys: 1}, "multiget": {keys: -1}, "elements": {keys: 1}, "delete-range": {keys: 2},
	"iter": {iter: true, keys: 2}, "close-iter": {iter: true},
	"first": {iter: true}, "last": {iter: true}, "next": {iter: true}, "prev": {iter: true},
	"seek-ge": {iter: true, keys: 1}, "seek-lt": {iter: true, keys: 1},
	"scan": {}, "check": {}, "sync": {}, "checkpoint": {}, "reopen": {}, "kill": {},
}

func (s step) String() string {
	var b strings.Builder
	b.WriteString(s.verb)
	for i, o := range s.ops {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, " %s %s", o.kind, o.key)
		if o.kind != statelab.OpDelete {
			fmt.Fprintf(&b, " %s %s", o.value, timeText(o.expireAt))
		}
	}
	if shapes[s.verb].iter {
		fmt.Fprintf(&b, " %d", s.iter)
	}
	if shapes[s.verb].at {
		b.WriteString(" " + timeText(s.at))
	}
	for _, k := range s.keys {
		b.WriteString(" " + k.String())
	}
	return b.String()
}

// parseSteps reads steps, a line each; empty lines and those that begin with #
// say nothing.
func parseSteps(lines string) ([]step, error) {
	var steps []step
	for i, line := range strings.Split(lines, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := parseStep(line)
		if err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func parseStep(line string) (step, error) {
	p := parser{rest: line}
	s := step{verb: p.word()}
	sh, known := shapes[s.verb]
	switch {
	case s.verb == "apply":
		for p.more() {
			s.ops = append(s.ops, p.op())
		}
	case !known:
		p.fail("unknown step %q", s.verb)
	}
	if sh.iter {
		s.iter = int(p.number())
	}
	if sh.at {
		s.at = p.time()
	}
	for sh.keys < 0 && p.more() || len(s.keys) < sh.keys {
		s.keys = append(s.keys, p.text())
	}
	if p.more() {
		p.fail("%q follows", p.rest)
	}
	return s, p.err
}

// A parser reads words, numbers and texts from a line. Its first error stays.
type parser struct {
	rest string
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	p.rest = ""
}

func (p *parser) more() bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	return p.rest != "" && p.err == nil
}

func (p *parser) word() string {
	p.more()
	end := strings.IndexAny(p.rest, " ;")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

func (p *parser) number() int64 {
	word := p.word()
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		p.fail("%q is not a number", word)
	}
	return n
}

func (p *parser) time() int64 {
	switch word := p.word(); word {
	case "never":
		return statelab.NoExpiry
	case "start":
		return statelab.MinWatermark
	default:
		p.rest = word + p.rest
		return p.number()
	}
}

func (p *parser) text() text {
	p.more()
	if rest, ok := strings.CutPrefix(p.rest, "-"); ok {
		p.rest = rest
		return text{none: true}
	}
	quoted, err := strconv.QuotedPrefix(p.rest)
	if err != nil {
		p.fail("no text in quotes at %q", p.rest)
		return text{}
	}
	p.rest = p.rest[len(quoted):]
	head, err := strconv.Unquote(quoted)
	if err != nil {
		p.fail("text %s: %w", quoted, err)
	}
	t := text{head: head}
	if rest, ok := strings.CutPrefix(p.rest, "+"); ok {
		p.rest = rest
		if t.fill = int(p.number()); t.fill < 0 || t.fill > statelab.MaxRecordSize {
			p.fail("%d bytes more are too many or too few", t.fill)
			t.fill = 0
		}
	}
	return t
}

func (p *parser) op() opText {
	o := opText{expireAt: statelab.NoExpiry}
	switch word := p.word(); word {
	case "put":
		o.kind = statelab.OpPut
	case "append":
		o.kind = statelab.OpAppend
	case "delete":
		o.kind = statelab.OpDelete
	default:
		p.fail("unknown operation %q", word)
		return o
	}
	o.key = p.text()
	if o.kind != statelab.OpDelete {
		o.value = p.text()
		o.expireAt = p.time()
	}
	p.rest = strings.TrimPrefix(p.rest, ";")
	return o
}

func printSteps(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.String())
		b.WriteByte('\n')
	}
	return b.String()
}
