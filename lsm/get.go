package lsm

import (
	"sync"

	"github.com/statelab/statelab"
)

// getter looks a key up. It is reused, so that a look-up allocates nothing.
type getter struct {
	fold    fold
	cursors []*tableCursor // each holds the block of one layer
	used    int

	key, group      []byte
	hash, groupHash uint64
	run             int // to look into next
	stage           stage
	table           *table      // of that run
	where           blockHandle // in it, if that is known

	fetch   *fetch // shared with look-ups of other keys, or nil: see multiget.go
	touched uint64 // so that touching is not for nothing
}

// stage is how far the look-up has come in a table.
type stage uint8

const (
	atBounds stage = iota
	atFilter
	atBlock
	atRecord
)

// begin readies the getter for a key.
func (g *getter) begin(p statelab.Prefix, key []byte) {
	g.key, g.hash = key, hashKey(key)
	g.group, g.groupHash = groupOf(p, key), 0
	g.groupHash = g.hash
	if len(g.group) < len(key) {
		g.groupHash = hashKey(g.group)
	}
	g.run, g.stage = 0, atBounds
}

// gather folds what the layers hold of key. The result is valid until reset.
func (g *getter) gather(snap snapshot, key []byte) error {
	g.begin(snap.view.memtables[0].prefix, key)
	g.inMemtables(snap)
	if g.fold.based {
		return nil
	}
	g.touched = uint64(snap.view.version.touch(key, g.groupHash))
	return g.inTables(snap)
}

func (g *getter) inMemtables(snap snapshot) {
	for _, m := range snap.view.memtables {
		if ref := m.find(g.group, g.groupHash, g.key); ref != 0 {
			m.gather(&g.fold, ref, snap.seq)
			if g.fold.based {
				return
			}
		}
	}
}

// inTables goes on with the runs until one has a base. If that fails with
// errWanted it can be called again.
func (g *getter) inTables(snap snapshot) error {
	for runs := snap.view.version.runs; g.run < len(runs) && !g.fold.based; g.run++ {
		if err := g.inRun(runs[g.run], snap.watermark); err != nil {
			return err
		}
		g.stage = atBounds
	}
	return nil
}

// inRun adds what a run holds of the key. It does what is left to do.
func (g *getter) inRun(r *run, watermark int64) error {
	if g.stage == atBounds {
		t := r.find(g.key)
		if t == nil || t.dead(watermark) && t.bases == 0 {
			return nil
		}
		where, may := t.whereIs(g.groupHash)
		if !may {
			return nil
		}
		g.table, g.where, g.stage = t, where, atFilter
	}
	if g.stage == atFilter {
		may, err := g.table.mayHoldKey(g.hash, g.fetch)
		if err != nil || !may {
			return err
		}
		g.stage = atBlock
	}
	return g.inTable()
}

// inTable adds what the table holds of the key that its filter lets pass.
func (g *getter) inTable() error {
	if g.used == len(g.cursors) {
		g.cursors = append(g.cursors, new(tableCursor))
	}
	c := g.cursors[g.used]
	if g.stage == atBlock {
		c.fetch = g.fetch
		c.openAt(g.table, g.where)
		if c.failure != nil {
			return c.failure
		}
		g.stage = atRecord
	}
	c.failure = nil
	if !c.find(g.key) {
		if c.failure == nil {
			g.table.env.filterFalse.Add(1)
			c.close()
		}
		return c.failure
	}
	g.used++
	return c.gather(&g.fold)
}

// reset gives up the blocks.
func (g *getter) reset() {
	g.fold.reset()
	for _, c := range g.cursors[:min(g.used+1, len(g.cursors))] {
		c.close()
	}
	g.used, g.key, g.group, g.table, g.fetch = 0, nil, nil, nil, nil
}

// scratchPool keeps what look-ups and iterators work with.
type scratchPool struct {
	getters, many, iterations sync.Pool
}

func (p *scratchPool) getter() *getter {
	if g, ok := p.getters.Get().(*getter); ok {
		return g
	}
	return new(getter)
}

func (p *scratchPool) putGetter(g *getter) {
	g.reset()
	p.getters.Put(g)
}

func (p *scratchPool) manyGetter() *manyGetter {
	if g, ok := p.many.Get().(*manyGetter); ok {
		return g
	}
	return new(manyGetter)
}

func (p *scratchPool) putManyGetter(g *manyGetter) {
	g.reset()
	p.many.Put(g)
}

func (p *scratchPool) iteration() *iteration {
	if it, ok := p.iterations.Get().(*iteration); ok {
		return it
	}
	return new(iteration)
}
