package btree

import "bytes"

// An overlay is a place in a snapshot of the main tree with the write buffer
// laid over it: it stands on the nearer of the records on which two cursors
// stand, or where both have the key on what they have together. When an overlay
// goes forwards each cursor stands on the first record that is not before its
// place, and so backwards.
type overlay struct {
	main, buffer cursor
	snaps        [2]*snapshot // of main and buffer
	older        *overlay     // neighbours among the open ones
	younger      *overlay
	failed       bool // with ErrSnapshotTooOld; changes while the gate is closed
	state        int
	dir          int     // 1 forwards, -1 backwards; of the last move
	now          *cursor // on which the overlay stands
	both         bool    // the other one has the key too

	lower, upper []byte // copies
	target       []byte // the caller's, during a seek

	copied bool // all there is in the range is in rows, and there is no snapshot
	rows   rows
}

// open makes the overlay stand nowhere in the trees as they are, whose range is
// in lower and upper.
func (o *overlay) open(main, buffer *tree, hasLower, hasUpper bool) {
	o.state, o.now, o.copied = fresh, nil, false
	for i, t := range [2]*tree{main, buffer} {
		c := [2]*cursor{&o.main, &o.buffer}[i]
		c.pager, c.pos, c.state = t.pager, t.shown.position, fresh
		c.lower, c.upper, c.hasLower, c.hasUpper = o.lower, o.upper, hasLower, hasUpper
		if c.key == nil {
			c.key, c.value = []byte{}, []byte{}
		}
	}
}

// copyAll copies all records of the range, and says whether that was worth it.
// If not, or a read failed, the overlay must be opened again.
func (o *overlay) copyAll() bool {
	o.rows.reset()
	ok, err := o.first()
	for ok && o.rows.add(o.now.key, o.now.value) {
		ok, err = o.next()
	}
	if ok || err != nil {
		return false
	}
	o.copied, o.state = true, fresh
	return true
}

// standOn stands on a row that was copied.
func (o *overlay) standOn(i int) (bool, error) {
	o.state = o.rows.stand(i)
	return o.state == on, nil
}

func (o *overlay) seekTargetGE() (bool, error) { return o.seekGE(o.target) }
func (o *overlay) seekTargetLT() (bool, error) { return o.seekLT(o.target) }

func (o *overlay) first() (bool, error) {
	if o.copied {
		return o.standOn(0)
	}
	return o.seekGE(o.lower)
}

func (o *overlay) last() (bool, error) {
	if o.copied {
		return o.standOn(len(o.rows.at) - 1)
	}
	return o.start(-1, func(c *cursor) (bool, error) { return c.last() })
}

func (o *overlay) seekGE(key []byte) (bool, error) {
	if o.copied {
		return o.standOn(o.rows.search(key))
	}
	return o.start(1, func(c *cursor) (bool, error) { return c.seekGE(key) })
}

func (o *overlay) seekLT(key []byte) (bool, error) {
	if o.copied {
		return o.standOn(o.rows.search(key) - 1)
	}
	return o.start(-1, func(c *cursor) (bool, error) { return c.seekLT(key) })
}

// start moves both cursors, and stands on the first record from there on.
func (o *overlay) start(dir int, move func(*cursor) (bool, error)) (bool, error) {
	o.dir = dir
	if _, err := move(&o.main); err != nil {
		return false, err
	}
	if _, err := move(&o.buffer); err != nil {
		return false, err
	}
	return o.settle()
}

func (o *overlay) next() (bool, error) {
	switch o.state {
	case fresh, before:
		return o.first()
	case on:
		return o.step(1)
	}
	return false, nil
}

func (o *overlay) prev() (bool, error) {
	switch o.state {
	case fresh, after:
		return o.last()
	case on:
		return o.step(-1)
	}
	return false, nil
}

// step goes to the next record in a direction.
func (o *overlay) step(dir int) (bool, error) {
	if o.copied {
		return o.standOn(o.rows.on + dir)
	}
	if dir != o.dir {
		if err := o.turn(dir); err != nil {
			return false, err
		}
	}
	if err := o.advance(); err != nil {
		return false, err
	}
	return o.settle()
}

// key returns the key of the record on which the overlay stands.
func (o *overlay) key() []byte {
	if o.copied {
		return o.rows.key()
	}
	return o.now.key
}

// value returns the value of the record on which the overlay stands.
func (o *overlay) value() []byte {
	if o.copied {
		return o.rows.value()
	}
	return o.now.value
}

// turn brings the cursor on which the overlay does not stand to the other side
// of its place, if it is not on it.
func (o *overlay) turn(dir int) error {
	o.dir = dir
	if o.both {
		return nil
	}
	var err error
	if other := o.other(); dir > 0 {
		_, err = other.seekGE(o.now.key)
	} else {
		_, err = other.seekLT(o.now.key)
	}
	return err
}

func (o *overlay) other() *cursor {
	if o.now == &o.main {
		return &o.buffer
	}
	return &o.main
}

// advance moves the cursors that stand on the overlay's key on.
func (o *overlay) advance() error {
	if _, err := o.now.step(o.dir); err != nil || !o.both {
		return err
	}
	_, err := o.other().step(o.dir)
	return err
}

// settle stands on the nearer of the two records, if it is live, or on the next
// one that is.
func (o *overlay) settle() (bool, error) {
	for {
		if !o.choose() {
			o.state = after
			if o.dir < 0 {
				o.state = before
			}
			return false, nil
		}
		if o.both && !o.buffer.covers {
			o.main.value = append(o.main.value, o.buffer.value...)
			o.main.live = o.main.live || o.buffer.live
		}
		if o.now.live {
			o.state = on
			return true, nil
		}
		if err := o.advance(); err != nil {
			return false, err
		}
	}
}

// choose says on which cursor the overlay stands; false means on none.
func (o *overlay) choose() bool {
	o.both = false
	inMain, inBuffer := o.main.state == on, o.buffer.state == on
	switch {
	case inMain && inBuffer:
		c := bytes.Compare(o.buffer.key, o.main.key) * o.dir
		o.now, o.both = &o.buffer, c == 0
		if c > 0 || c == 0 && !o.buffer.covers {
			o.now = &o.main
		}
	case inMain:
		o.now = &o.main
	case inBuffer:
		o.now = &o.buffer
	default:
		return false
	}
	return true
}
