package vfs

import (
	"maps"
	"math/rand/v2"
)

// sectorSize is what a disk writes whole or not at all, in bytes; some tear
// even that, so PowerCut tears at single bytes too.
const sectorSize = 512

// Kill returns the file system as another process finds it when this one has
// died and the kernel has not: all that was written is there, durable or not
// as before, and the locks are free.
func (m *Mem) Kill() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := killer{copies: map[*inode]*inode{}}
	c := &Mem{lastID: m.lastID, root: k.inode(m.root)}
	for _, ch := range m.unsynced {
		ch.node, ch.from, ch.to = k.inode(ch.node), k.inode(ch.from), k.inode(ch.to)
		c.unsynced = append(c.unsynced, ch)
	}
	return c
}

// A killer copies inodes, each once.
type killer struct{ copies map[*inode]*inode }

func (k *killer) inode(n *inode) *inode {
	if n == nil {
		return nil
	}
	if c, ok := k.copies[n]; ok {
		return c
	}
	c := &inode{id: n.id, diverged: n.diverged}
	k.copies[n] = c
	if n.isDir() {
		c.entries, c.durable = k.names(n.entries), k.names(n.durable)
		return c
	}
	c.current, c.synced = n.current.share(), n.synced.share()
	c.unsynced = n.unsynced[:len(n.unsynced):len(n.unsynced)]
	return c
}

func (k *killer) names(of map[string]*inode) map[string]*inode {
	names := make(map[string]*inode, len(of))
	for name, n := range of {
		names[name] = k.inode(n)
	}
	return names
}

// PowerCutStrict returns the file system as it looks after a power cut that
// kept nothing but what was sure to be kept.
func (m *Mem) PowerCutStrict() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cut(func([]nameChange) []bool { return make([]bool, len(m.unsynced)) },
		func(n *inode) content { return n.synced.share() })
}

// PowerCut returns the file system as it may look after a power cut: what was
// synced is there, and of the rest what the seed says. The same seed at the
// same state gives the same result. Seeds are as good as each other: each
// decides at random, for the names and for each file, between losing all,
// keeping all, keeping a beginning, losing one and deciding one by one.
func (m *Mem) PowerCut(seed int64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cut(
		func(changes []nameChange) []bool { return keepNames(changes, seed) },
		func(n *inode) content { return keepBytes(n, dice(seed, n.id)) })
}

// cut builds the file system that remains of m if keep says which changes of
// names took place and bytes which content a file has.
func (m *Mem) cut(keep func([]nameChange) []bool, bytes func(*inode) content) *Mem {
	names := map[*inode]map[string]*inode{}
	of := func(dir *inode) map[string]*inode {
		if _, ok := names[dir]; !ok {
			names[dir] = maps.Clone(dir.durable)
		}
		return names[dir]
	}
	for i, kept := range keep(m.unsynced) {
		if kept {
			m.unsynced[i].apply(of)
		}
	}
	copies := map[*inode]*inode{}
	var build func(n *inode) *inode
	build = func(n *inode) *inode {
		if c, ok := copies[n]; ok {
			return c
		}
		c := &inode{id: n.id}
		copies[n] = c
		if n.isDir() {
			c.entries = make(map[string]*inode)
			for name, child := range of(n) {
				c.entries[name] = build(child)
			}
			c.durable = maps.Clone(c.entries)
			return c
		}
		c.synced = bytes(n)
		c.current = c.synced.share()
		return c
	}
	return &Mem{lastID: m.lastID, root: build(m.root)}
}

// dice returns the source of decisions for one inode, or for the names (id 0).
func dice(seed int64, id uint64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed)*0x9e3779b97f4a7c15, id*0xd1342543de82ef95))
}

// keepNames decides which changes of names a power cut keeps. Of the changes
// to one inode it keeps the first few. (M3)
func keepNames(changes []nameChange, seed int64) []bool {
	d := dice(seed, 0)
	keep := make([]bool, len(changes))
	switch d.IntN(5) {
	case 0: // none
	case 1: // all
		for i := range keep {
			keep[i] = true
		}
	case 2: // a beginning, as a journal would
		for i := range d.IntN(len(keep) + 1) {
			keep[i] = true
		}
	case 3: // all but one inode's
		lost := d.IntN(len(keep) + 1)
		for i := range keep {
			keep[i] = lost == len(keep) || changes[i].node != changes[lost].node
		}
	default: // a beginning of each inode's
		over := map[*inode]bool{}
		for i, c := range changes {
			over[c.node] = over[c.node] || d.IntN(2) == 0
			keep[i] = !over[c.node]
		}
	}
	return keep
}

// keepBytes decides what a power cut leaves in a file.
func keepBytes(n *inode, d *rand.Rand) content {
	c := n.synced.share()
	if len(n.unsynced) == 0 {
		return c
	}
	mood := d.IntN(5)
	chosen := d.IntN(len(n.unsynced))
	for i, ch := range n.unsynced {
		kept := false
		switch mood {
		case 0: // lose all
		case 1: // keep all
			kept = true
		case 2: // a beginning, the last of it torn
			kept = i < chosen
		case 3: // all but one, and that torn
			kept = i != chosen
		default:
			kept = d.IntN(2) == 0
		}
		switch torn := mood > 1 && (i == chosen || mood == 4 && d.IntN(4) == 0); {
		case torn:
			ch.tear(&c, d)
		case kept:
			ch.apply(&c)
		}
	}
	return c
}

// tear makes a part of the change: of a write some of its bytes, of a change
// of length all or nothing.
func (c change) tear(to *content, d *rand.Rand) {
	if c.data == nil {
		if d.IntN(2) == 0 {
			c.apply(to)
		}
		return
	}
	end := c.off + int64(len(c.data))
	if d.IntN(4) == 0 && end > to.size {
		to.truncate(end) // the new length arrived, whether or not the bytes do
	}
	cut := int64(d.IntN(len(c.data) + 1))
	switch d.IntN(4) {
	case 0: // nothing
	case 1: // the front
		to.writeAt(c.data[:cut], c.off)
	case 2: // the back
		to.writeAt(c.data[cut:], c.off+cut)
	default: // some sectors
		for off := c.off; off < end; {
			next := min(end, (off/sectorSize+1)*sectorSize)
			if d.IntN(2) == 0 {
				to.writeAt(c.data[off-c.off:next-c.off], off)
			}
			off = next
		}
	}
}
