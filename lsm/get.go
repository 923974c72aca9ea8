package lsm

import "sync"

// getter looks a key up. It is reused, so that a look-up allocates nothing.
type getter struct {
	fold    fold
	cursors []*tableCursor // each holds the block of one layer
	used    int

	env             *tableEnv
	key, group      []byte
	hash, groupHash uint64
	near            []int32 // lookouts of tables to look into
	at              int     // the next of them
	stage           stage
	where           blockHandle // in its table, if that is known
	probes          probes

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
func (g *getter) begin(env *tableEnv, key []byte) {
	g.env, g.key, g.group = env, key, groupOf(env.prefix, key)
	g.hash = hashKey(key)
	g.groupHash = g.hash
	if len(g.group) < len(key) {
		g.groupHash = hashKey(g.group)
	}
	g.near, g.at, g.stage = g.near[:0], 0, atBounds
}

// gather folds what the layers hold of key. The result is valid until reset.
func (g *getter) gather(env *tableEnv, snap snapshot, key []byte) error {
	g.begin(env, key)
	g.inMemtables(snap)
	if g.fold.based {
		return nil
	}
	g.touch(snap)
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

// touch finds the tables that may hold the key.
func (g *getter) touch(snap snapshot) {
	near, touched := snap.view.version.near(g.near, g.key, g.key, g.groupHash)
	g.near = near
	g.touched ^= uint64(touched)
}

// inTables goes on with the tables, from newest to oldest, until one has a base. If
// that fails with errWanted it can be called again.
func (g *getter) inTables(snap snapshot) error {
	for ; g.at < len(g.near) && !g.fold.based; g.at++ {
		if err := g.inTable(&snap.view.version.lookouts[g.near[g.at]], snap.watermark); err != nil {
			return err
		}
		g.stage = atBounds
	}
	return nil
}

// inTable adds what a table holds of the key. It does what is left to do.
func (g *getter) inTable(l *lookout, watermark int64) error {
	t := l.table
	if g.stage == atBounds {
		where, may := g.probes.where(t, g.groupHash)
		if !may || !t.inBounds(g.key, g.key) || t.dead(watermark) && t.bases == 0 {
			return nil
		}
		g.where, g.stage = where, atFilter
	}
	if g.stage == atFilter {
		may, err := t.mayHoldKey(g.hash, g.fetch)
		if err != nil || !may {
			return err
		}
		g.stage = atBlock
	}
	return g.inBlock(t)
}

// inBlock adds what the table holds of the key that its filter lets pass.
func (g *getter) inBlock(t *table) error {
	if g.used == len(g.cursors) {
		g.cursors = append(g.cursors, new(tableCursor))
	}
	c := g.cursors[g.used]
	if g.stage == atBlock {
		c.fetch = g.fetch
		c.openAt(t, g.where)
		if c.failure != nil {
			return c.failure
		}
		g.stage = atRecord
	}
	c.failure = nil
	if !c.find(g.key) {
		if c.failure == nil {
			t.env.filterFalse.Add(1)
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
	g.probes.tell(g.env)
	g.used, g.env, g.key, g.group, g.fetch = 0, nil, nil, nil, nil
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
