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
	search          search
	at              int // the next of its candidates
	stage           stage

	fetch   *fetch // shared with look-ups of other keys, or nil: see multiget.go
	touched uint64 // so that touching is not for nothing
}

// stage is how far the look-up has come in a table.
type stage uint8

const (
	unsought stage = iota
	atBounds
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
	g.at, g.stage = 0, unsought
}

// gather folds what the layers hold of key. The result is valid until reset.
func (g *getter) gather(env *tableEnv, snap snapshot, key []byte) error {
	g.begin(env, key)
	g.inMemtables(snap)
	if g.fold.based {
		return nil
	}
	g.search.touch(snap.view.version, g.groupHash)
	return g.inTables(snap)
}

func (g *getter) inMemtables(snap snapshot) {
	g.touched ^= snap.view.touch(g.groupHash)
	for _, m := range snap.view.memtables {
		if ref := m.find(g.group, g.groupHash, g.key); ref != 0 {
			m.gather(&g.fold, ref, snap.seq)
			if g.fold.based {
				return
			}
		}
	}
}

// inTables goes on with the tables, from newest to oldest, until one has a base. If
// that fails with errWanted it can be called again.
func (g *getter) inTables(snap snapshot) error {
	v := snap.view.version
	if g.stage == unsought {
		g.search.find(v, g.key, g.key, g.groupHash)
		g.stage = atBounds
	}
	for all := g.search.candidates; g.at < len(all) && !g.fold.based; g.at++ {
		p := &all[g.at]
		if err := g.inTable(v.lookouts[p.at].table, p, snap.watermark); err != nil {
			return err
		}
		g.stage = atBounds
	}
	return nil
}

// inTable adds what a table holds of the key. It does what is left to do. The filter
// is not asked of the last table if extents say that the group is there: then there
// the key is, or nowhere.
func (g *getter) inTable(t *table, p *candidate, watermark int64) error {
	if g.stage == atBounds {
		if !t.inBounds(g.key, g.key) || t.dead(watermark) && t.bases == 0 {
			return nil
		}
		g.stage = atFilter
		if p.listed && g.at == len(g.search.candidates)-1 {
			g.stage = atBlock
		}
	}
	if g.stage == atFilter {
		may, err := t.mayHoldKey(g.hash, g.fetch)
		if err != nil || !may {
			return err
		}
		g.stage = atBlock
	}
	return g.inBlock(t, p.where(t))
}

// inBlock adds what the table holds of the key, in the block if it is known.
func (g *getter) inBlock(t *table, where blockHandle) error {
	if g.used == len(g.cursors) {
		g.cursors = append(g.cursors, new(tableCursor))
	}
	c := g.cursors[g.used]
	if g.stage == atBlock {
		c.fetch = g.fetch
		c.openAt(t, where)
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
	g.search.tell(g.env)
	g.used, g.env, g.key, g.group, g.fetch = 0, nil, nil, nil, nil
}

// scratchPool keeps what look-ups, iterators and rewrites work with.
type scratchPool struct {
	getters, many, iterations, writers sync.Pool
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

func (p *scratchPool) tableWriter(format *tableFormat) *tableWriter {
	if w, ok := p.writers.Get().(*tableWriter); ok {
		return w
	}
	return newTableWriter(format)
}

// putTableWriter takes back a writer of the store's format.
func (p *scratchPool) putTableWriter(w *tableWriter) {
	w.file = nil
	p.writers.Put(w)
}
