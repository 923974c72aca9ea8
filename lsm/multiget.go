package lsm

import (
	"errors"
	"fmt"
)

// manyAtOnce is how many keys MultiGet looks up side by side: enough for a disk to
// be busy with, of which 16 reads at a time make the most, if half of the keys
// need one, and few enough that the blocks which they pin are a small part of a cache.
const manyAtOnce = 32

// manyGetter looks keys up side by side. Nothing that one of them waits for, memory
// or a block of a file, does the next have to wait for alone:
//
//	touch      slots of the memtables' hash tables, all keys
//	touch      the records they lead to, all keys
//	touch      lines of extents, all keys
//	rounds     each key looks as far as the cache goes, and says which block it wants;
//	           all that are wanted are read at the same time
//
// A key looks into one table after the other as Get does, and so the blocks that
// are read, and what the cache counts of them, are those of Gets.
type manyGetter struct {
	fetch   fetch
	keys    [manyAtOnce]getter
	used    int
	waiting []*getter
	value   []byte
}

// MultiGet implements statelab.MultiGetStore. All keys are read as of one moment.
func (s *Store) MultiGet(keys [][]byte, found func(i int, value []byte)) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.exit()
	snap := s.acquire()
	defer s.release(snap.view)
	g := s.pool.manyGetter()
	defer s.pool.putManyGetter(g)
	for at := 0; at < len(keys); at += manyAtOnce {
		some := keys[at:min(at+manyAtOnce, len(keys))]
		if err := g.gather(s.env, snap, some); err != nil {
			return err
		}
		for i := range some {
			if value, ok := g.valueOf(&g.keys[i].fold, snap.watermark); ok {
				found(at+i, value)
			}
		}
		g.reset()
	}
	return nil
}

// gather folds what the layers hold of up to manyAtOnce keys. The results are
// valid until reset.
func (g *manyGetter) gather(env *tableEnv, snap snapshot, keys [][]byte) error {
	g.used = len(keys)
	all := g.keys[:g.used]
	for i, key := range keys {
		all[i].begin(env, key)
		all[i].fetch = &g.fetch
	}
	for _, m := range snap.view.memtables {
		m.touch(all)
	}
	g.waiting = g.waiting[:0]
	for i := range all {
		all[i].inMemtables(snap)
		if !all[i].fold.based {
			g.waiting = append(g.waiting, &all[i])
		}
	}
	for _, one := range g.waiting {
		one.search.touch(snap.view.version, one.groupHash)
	}
	for {
		left := g.waiting[:0]
		for _, one := range g.waiting {
			err := one.inTables(snap)
			if err == nil {
				err = one.fold.load(snap.watermark, cached, one.fetch)
			}
			if errors.Is(err, errWanted) {
				left = append(left, one)
			} else if err != nil {
				return fmt.Errorf("get key %.32x: %w", one.key, err)
			}
		}
		g.waiting = left
		if len(left) == 0 {
			return nil
		}
		g.fetch.read()
	}
}

// valueOf returns the value of a folded record, if it is live. It is not copied if
// it is in one piece, and valid until reset.
func (g *manyGetter) valueOf(f *fold, watermark int64) ([]byte, bool) {
	if len(f.elements) == 1 {
		e := f.elements[0]
		return e.data, e.live(watermark)
	}
	if !f.anyLive(watermark) {
		return nil, false
	}
	g.value = f.appendValue(keepSmall(g.value)[:0], watermark)
	return g.value, true
}

// reset gives up the blocks.
func (g *manyGetter) reset() {
	for i := range g.keys[:g.used] {
		g.keys[i].reset()
	}
	g.used = 0
	g.fetch.forget()
}

// touch reads from where the look-ups of some keys begin, first from the hash table
// and then from the records, so that the processor waits for memory twice, and not
// twice for each key.
func (m *memtable) touch(keys []getter) {
	within := m.epoch.Enter()
	slots := m.slots()
	var leads [manyAtOnce]uint64
	for i := range keys {
		leads[i] = slots.at(slots.home(keys[i].groupHash)).Load()
	}
	for i, s := range leads[:len(keys)] {
		if ref := slotRef(s); ref != 0 && (s^keys[i].groupHash)>>(64-memTagBits) == 0 {
			keys[i].touched ^= m.record(ref).seq
		}
	}
	m.epoch.Leave(within)
}
