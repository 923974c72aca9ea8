package storetest

import (
	"fmt"
	"math/rand/v2"

	"github.com/statelab/statelab"
)

// A mix says what a random history is made of: how often each kind of step
// comes, in relation to the others.
type mix struct {
	apply, advance, read, iterate, sync, check, checkpoint, reopen, crash int
	large                                                                 int // of 1000 values, how many span pages
	bulk                                                                  int // most batches that fill the store at the beginning
	maxKey                                                                int // bytes of the longest key; 0 is statelab.MaxKeySize
}

var (
	// randomMix is for histories that are compared with the model step by step.
	randomMix = mix{apply: 42, advance: 8, read: 14, iterate: 28, sync: 3, check: 1, checkpoint: 1, reopen: 1, crash: 1, large: 50, bulk: 24}
	// besideMix is for histories with readers beside the writer.
	besideMix = mix{apply: 60, advance: 12, read: 4, iterate: 12, sync: 4, check: 1, checkpoint: 1, reopen: 1, crash: 1, large: 20, bulk: 16}
	// crashMix is for histories amid which the power fails.
	crashMix = mix{apply: 60, advance: 10, read: 3, iterate: 5, sync: 10, checkpoint: 2, reopen: 2, large: 20, bulk: 8}
	// faultMix is for histories amid which a file operation fails.
	faultMix = mix{apply: 50, advance: 10, read: 10, iterate: 10, sync: 10, check: 2, checkpoint: 5, reopen: 3, large: 20, bulk: 8}
)

// A generator makes up a history. It follows the watermark, so that expiries
// fall near it, and knows which iterators are open.
type generator struct {
	*rand.Rand
	mix     mix
	now     int64
	groups  int // of keys with a common prefix
	members int // of a group
	fill    int // bytes added to keys, for trees that are deep
	heavy   bool
	iters   []int
	nIters  int
	nValues int
	soon    []int64 // expiries given last, to be reached exactly
}

// generate returns a history that suits the store.
func (c *Config) generate(seed uint64, steps int, m mix) []step {
	m.maxKey = c.MaxKey
	if c.Volatile {
		m.checkpoint, m.reopen, m.crash = 0, 0, 0
	}
	return generate(seed, steps, m)
}

// generate returns the history that seed stands for.
func generate(seed uint64, steps int, m mix) []step {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x5eed)), mix: m}
	g.groups = 1 + g.IntN(8)
	g.members = []int{3, 10, 40, 200}[g.IntN(4)]
	g.fill = []int{0, 0, 200, 800}[g.IntN(4)]
	if g.heavy = seed%4 == 3; g.heavy { // much is written and little stays: logs are shortened, files merged
		g.members, g.fill = min(g.members, 10), 0
	}
	var history []step
	if g.members > 10 || g.IntN(3) == 0 {
		for range m.bulk {
			history = append(history, g.bulk())
		}
	}
	for len(history) < steps {
		history = append(history, g.step())
	}
	return history[:steps]
}

// bulk returns a batch of some ten KiB, so that a few fill a small budget.
func (g *generator) bulk() step {
	s := step{verb: "apply"}
	for range 20 {
		g.nValues++
		o := opText{kind: statelab.OpPut, key: g.key(), expireAt: g.expiry()}
		o.value = text{head: fmt.Sprint("v", g.nValues, "."), fill: g.IntN(1200)}
		if g.heavy {
			o.value.fill *= 3
		}
		if g.IntN(4) == 0 {
			o.kind = statelab.OpAppend
		}
		s.ops = append(s.ops, o)
	}
	return s
}

func (g *generator) step() step {
	m := g.mix
	kinds := []struct {
		weight int
		make   func() step
	}{
		{m.apply, g.apply}, {m.advance, g.advance}, {m.read, g.read}, {m.iterate, g.iterate},
		{m.sync, verb("sync")}, {m.check, verb("check")}, {m.checkpoint, verb("checkpoint")}, {m.reopen, g.reopen}, {m.crash, g.crash},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	at := g.IntN(total)
	for _, k := range kinds {
		if at -= k.weight; at < 0 {
			return k.make()
		}
	}
	panic("unreachable: weights do not add up")
}

func verb(v string) func() step { return func() step { return step{verb: v} } }

func (g *generator) reopen() step {
	g.iters = nil
	return step{verb: "reopen"}
}

func (g *generator) crash() step {
	g.iters = nil
	if g.IntN(2) == 0 {
		return step{verb: "kill"}
	}
	return step{verb: "power-cut", at: g.Int64N(1000)}
}

func (g *generator) apply() step {
	if g.heavy && g.IntN(3) > 0 {
		return g.bulk()
	}
	n := 1 + g.IntN(4)
	if g.IntN(12) == 0 {
		n = 1 + g.IntN(40)
	}
	s := step{verb: "apply"}
	for range n {
		o := opText{kind: statelab.OpPut, key: g.key(), expireAt: never}
		switch at := g.IntN(10); {
		case at < 3:
			o.kind = statelab.OpAppend
		case at < 5:
			o.kind = statelab.OpDelete
		}
		if len(s.ops) > 0 && g.IntN(4) == 0 {
			o.key = s.ops[g.IntN(len(s.ops))].key // one key several times
		}
		if o.kind != statelab.OpDelete {
			o.value, o.expireAt = g.value(), g.expiry()
		}
		s.ops = append(s.ops, o)
	}
	return s
}

var oddKeys = []text{{}, {head: "\x00"}, {head: "\x00\x00"}, {head: "\xff"}, {head: "\xff\xff"}, {head: "g"}, {head: "g0/\xff"}}

func (g *generator) key() text {
	t := g.anyKey()
	if g.mix.maxKey > 0 {
		t.fill = min(t.fill, g.mix.maxKey-len(t.head))
	}
	return t
}

func (g *generator) anyKey() text {
	switch at := g.IntN(400); {
	case at < 8:
		return oddKeys[g.IntN(len(oddKeys))]
	case at < 16:
		return text{head: fmt.Sprintf("g%d/long%d", g.IntN(g.groups), g.IntN(4)), fill: 100 + g.IntN(3)*900}
	case at == 16:
		head := fmt.Sprintf("g%d/max", g.IntN(g.groups))
		return text{head: head, fill: statelab.MaxKeySize - len(head)}
	}
	return text{head: fmt.Sprintf("g%d/%02d", g.IntN(g.groups), g.IntN(g.members)), fill: g.fill}
}

func (g *generator) value() text {
	g.nValues++
	t := text{head: fmt.Sprint("v", g.nValues, ".")}
	switch at := g.IntN(1000); {
	case at < g.mix.large/5:
		t.fill = g.IntN(40 << 10)
	case at < g.mix.large:
		t.fill = g.IntN(10 << 10)
	case at < 300:
		t.fill = g.IntN(600)
	case at < 330:
		t.head = ""
	}
	return t
}

func (g *generator) expiry() int64 {
	switch at := g.IntN(100); {
	case at < 40:
		return never
	case at < 85:
		at := g.now + 1 + g.Int64N(60)
		g.soon = append(g.soon[max(0, len(g.soon)-20):], at)
		return at
	case at < 97:
		return g.now - 3 + g.Int64N(7)
	case at < 98:
		return statelab.MinWatermark
	case at < 99:
		return statelab.MinWatermark + 1
	}
	return never - 1
}

func (g *generator) advance() step {
	at := g.now + g.Int64N(12)
	switch k := g.IntN(12); {
	case k == 0: // back
		at = g.now - g.Int64N(20)
	case k == 1:
		at = g.now + 100
	case k < 8 && len(g.soon) > 0:
		at = g.soon[g.IntN(len(g.soon))]
	}
	g.now = max(g.now, at)
	return step{verb: "advance", at: at}
}

func (g *generator) read() step {
	switch g.IntN(8) {
	case 0:
		return step{verb: "scan"}
	case 1:
		s := step{verb: "multiget"}
		for range g.IntN(6) {
			s.keys = append(s.keys, g.key())
		}
		return s
	case 2:
		return step{verb: "elements", keys: []text{g.key()}}
	case 3:
		if g.IntN(4) == 0 {
			lower, upper := g.bounds()
			return step{verb: "delete-range", keys: []text{lower, upper}}
		}
	}
	return step{verb: "get", keys: []text{g.key()}}
}

// bounds returns a range: mostly of a group or between two keys, now and then
// open, empty or inverted.
func (g *generator) bounds() (lower, upper text) {
	switch g.IntN(6) {
	case 0:
		return text{none: true}, text{none: true}
	case 1, 2:
		n := g.IntN(g.groups)
		return text{head: fmt.Sprintf("g%d/", n)}, text{head: fmt.Sprintf("g%d0", n)}
	case 3:
		return text{none: true}, g.key()
	case 4:
		return g.key(), text{none: true}
	}
	lower, upper = g.key(), g.key()
	if lower.string() > upper.string() && g.IntN(8) > 0 {
		lower, upper = upper, lower
	}
	return lower, upper
}

func (g *generator) iterate() step {
	if len(g.iters) == 0 || len(g.iters) < 6 && g.IntN(10) == 0 {
		g.nIters++
		g.iters = append(g.iters, g.nIters)
		lower, upper := g.bounds()
		return step{verb: "iter", iter: g.nIters, keys: []text{lower, upper}}
	}
	i := g.IntN(len(g.iters))
	s := step{iter: g.iters[i]}
	switch at := g.IntN(20); {
	case at == 0:
		s.verb = "close-iter"
		g.iters = append(g.iters[:i:i], g.iters[i+1:]...)
	case at == 1:
		s.verb = "first"
	case at == 2:
		s.verb = "last"
	case at < 6:
		s.verb, s.keys = "seek-ge", []text{g.key()}
	case at < 9:
		s.verb, s.keys = "seek-lt", []text{g.key()}
	case at < 15:
		s.verb = "next"
	default:
		s.verb = "prev"
	}
	return s
}
