package lsm

import "sync"

// getter looks a key up. It is reused, so that a look-up allocates nothing.
type getter struct {
	fold    fold
	cursors []*tableCursor // each holds the block of one layer
	used    int
	touched uint32 // so that touching is not for nothing
}

// gather folds what the layers hold of key. The result is valid until reset.
func (g *getter) gather(snap snapshot, key []byte) error {
	group := groupOf(snap.view.memtables[0].prefix, key)
	groupHash := hashKey(group)
	for _, m := range snap.view.memtables {
		if ref := m.find(group, groupHash, key); ref != 0 {
			m.gather(&g.fold, ref, snap.seq)
			if g.fold.based {
				return nil
			}
		}
	}
	hash := hashKey(key)
	g.touched = snap.view.version.touch(key, groupHash)
	for _, r := range snap.view.version.runs {
		t := r.find(key)
		if t == nil || t.dead(snap.watermark) && t.bases == 0 {
			continue
		}
		where, may := t.whereIs(groupHash)
		if !may {
			continue
		}
		if err := g.gatherTable(t, where, key, hash); err != nil {
			return err
		}
		if g.fold.based {
			return nil
		}
	}
	return nil
}

// gatherTable adds what a table holds of key, in the block at where if that is known.
func (g *getter) gatherTable(t *table, where blockHandle, key []byte, hash uint64) error {
	may, err := t.mayHoldKey(hash)
	if err != nil || !may {
		return err
	}
	if g.used == len(g.cursors) {
		g.cursors = append(g.cursors, new(tableCursor))
	}
	c := g.cursors[g.used]
	g.used++
	c.openAt(t, where)
	if !c.find(key) {
		t.env.filterFalse.Add(1)
		return c.err()
	}
	return c.gather(&g.fold)
}

// reset gives up the blocks.
func (g *getter) reset() {
	g.fold.reset()
	for _, c := range g.cursors[:g.used] {
		c.close()
	}
	g.used = 0
}

// scratchPool keeps what look-ups and iterators work with.
type scratchPool struct {
	getters, iterations sync.Pool
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

func (p *scratchPool) iteration() *iteration {
	if it, ok := p.iterations.Get().(*iteration); ok {
		return it
	}
	return new(iteration)
}
