package btree

import "sync"

// views are the open iterators, in the order in which they were opened, so that
// the oldest can be made to fail (I8).
type views struct {
	mu             sync.Mutex
	oldest, newest *overlay
}

// add makes o the newest.
func (v *views) add(o *overlay) {
	v.mu.Lock()
	defer v.mu.Unlock()
	o.older, o.younger, o.failed = v.newest, nil, false
	if v.newest == nil {
		v.oldest = o
	} else {
		v.newest.younger = o
	}
	v.newest = o
}

// remove takes o out, and says whether it was still there: it is not if it has failed.
func (v *views) remove(o *overlay) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if o.failed {
		return false
	}
	v.unlink(o)
	return true
}

// failOldest takes the oldest out, which fails from now on, and returns it; nil
// if there is none.
func (v *views) failOldest() *overlay {
	v.mu.Lock()
	defer v.mu.Unlock()
	o := v.oldest
	if o != nil {
		v.unlink(o)
		o.failed = true
	}
	return o
}

func (v *views) unlink(o *overlay) {
	if o.older == nil {
		v.oldest = o.younger
	} else {
		o.older.younger = o.younger
	}
	if o.younger == nil {
		v.newest = o.older
	} else {
		o.younger.older = o.older
	}
	o.older, o.younger = nil, nil
}
