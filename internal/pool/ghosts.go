package pool

// Ghosts remember pages that were given up last, in a ring: so many, the oldest of
// which is forgotten for the next one.
type ghosts struct {
	ring  []uint32
	at    int
	full  bool
	table table // from page to place in the ring
}

func newGhosts(most int) ghosts {
	most = max(1, most)
	return ghosts{ring: make([]uint32, most), table: newTable(most)}
}

// add remembers a page.
func (g *ghosts) add(id uint32) {
	if g.table.find(id) >= 0 {
		return
	}
	if old := g.ring[g.at]; g.full && g.table.find(old) == g.at {
		g.table.remove(old)
	}
	g.ring[g.at] = id
	g.table.put(id, g.at)
	if g.at++; g.at == len(g.ring) {
		g.at, g.full = 0, true
	}
}

// take forgets a page, and says whether it was remembered.
func (g *ghosts) take(id uint32) bool {
	if g.table.find(id) < 0 {
		return false
	}
	g.table.remove(id)
	return true
}
