package pool

// A Page is a handle to a pinned page, to be unpinned once. The zero Page is
// a handle to nothing.
type Page struct {
	pool  *Pool
	frame int32
	lent  bool // and so neither pinned nor unpinned
}

// Bytes returns the page, valid until it is unpinned.
func (h Page) Bytes() []byte { return h.pool.bytes(int(h.frame)) }

// Unpin gives the handle up.
func (h Page) Unpin() {
	if h.lent {
		return
	}
	p := h.pool
	if p.frames[h.frame].unpin() == 0 && p.waiters.Load() > 0 {
		p.mu.Lock()
		p.changed.Broadcast()
		p.mu.Unlock()
	}
}

// Pin returns another handle to a pinned page.
func (h Page) Pin() Page {
	if !h.lent {
		h.pool.frames[h.frame].state.Add(onePin)
	}
	return h
}

// Stamp returns what SetStamp last gave the page since it came into the pool,
// or zero. Stamps are the writer's, who tells by them what it has done to a
// page already; they are forgotten when the page leaves the pool.
func (h Page) Stamp() uint64 { return h.pool.frames[h.frame].stamp }

// SetStamp marks the page for its writer.
func (h Page) SetStamp(s uint64) { h.pool.frames[h.frame].stamp = s }

// Stamped says whether page id is in the pool, not pinned, under this stamp.
func (p *Pool) Stamped(id uint32, stamp uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.table.find(id)
	return f >= 0 && p.frames[f].pins() == 0 && p.frames[f].stamp == stamp
}

func (p *Pool) bytes(frame int) []byte {
	at := frame * p.stride
	return p.memory[at : at+p.pageSize : at+p.pageSize]
}
