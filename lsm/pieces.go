package lsm

import (
	"bytes"
	"cmp"
	"slices"
)

// A piece of a merge is a range of keys that no table of the merge crosses the
// end of. So pieces are done one after the other, and one that is a single
// table with nothing to win by rewriting it moves: it just changes its run.
//
//	newest   ├──a──┤             ├──d──┤
//	         ├────b────┤  ├─c─┤
//	oldest                               ├───e───┤
//
//	pieces   a and b merge, c moves, d moves, e moves
type piece struct {
	sources [][]*table // to merge, the newest run's first
	moves   bool       // there is but one table, and it is taken as it is
}

// moveShare is how small a table may be, as a share of the size at which tables
// are ended, to be moved beside tables that are rewritten anyway. Smaller ones
// are rewritten with their neighbours, so that merges make tables fewer.
const moveShare = 4

// pieces cuts a merge of runs, newest first, into pieces in the order of keys.
// What stays of the run that takes the outcome in lies between pieces.
func pieces(runs []*run, c choice, watermark, tableSize int64) []piece {
	var result []piece
	var joined clustered
	rewrite := func() {
		if len(joined.tables) > 0 {
			t := joined.only()
			result = append(result, piece{joined.sources(len(runs)), t != nil && c.leaves(t, watermark)})
		}
		joined = clustered{}
	}
	for _, cl := range cluster(runs, c) {
		switch t := cl.only(); {
		case t != nil && !c.takes(t):
			rewrite()
		case t != nil && c.leaves(t, watermark) && t.size >= tableSize/moveShare:
			rewrite()
			result = append(result, piece{[][]*table{{t}}, true})
		default:
			joined = joined.join(cl)
		}
	}
	rewrite()
	return result
}

// leaves says whether there is nothing to win by rewriting the table alone.
func (c choice) leaves(t *table, watermark int64) bool {
	return t.deadBytes(watermark) == 0 && t.tombstones == 0 && !(c.refresh && c.takes(t))
}

// clustered are tables whose bounds hang together, in the order of first keys,
// and beside each the index of its run.
type clustered struct {
	tables []*table
	of     []int
}

func (c clustered) only() *table {
	if len(c.tables) == 1 {
		return c.tables[0]
	}
	return nil
}

func (c clustered) join(d clustered) clustered {
	return clustered{append(c.tables, d.tables...), append(c.of, d.of...)}
}

// sources parts the tables by their runs, of which there are n.
func (c clustered) sources(n int) [][]*table {
	all := make([][]*table, n)
	for i, t := range c.tables {
		all[c.of[i]] = append(all[c.of[i]], t)
	}
	return slices.DeleteFunc(all, func(tables []*table) bool { return len(tables) == 0 })
}

// cluster sorts the tables of a merge, and those beside them that stay in the
// run which takes the outcome in, by key, and puts those together that overlap,
// directly or by way of others.
func cluster(runs []*run, c choice) []clustered {
	var all clustered
	for i, r := range runs {
		for _, t := range r.tables {
			if c.takes(t) || i == len(runs)-1 && r.level == c.level {
				all = all.join(clustered{[]*table{t}, []int{i}})
			}
		}
	}
	order := make([]int, len(all.tables))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(bytes.Compare(all.tables[i].first, all.tables[j].first), cmp.Compare(i, j))
	})
	var result []clustered
	var last []byte
	for _, i := range order {
		one := clustered{all.tables[i : i+1 : i+1], all.of[i : i+1 : i+1]}
		if n := len(result); n > 0 && bytes.Compare(one.tables[0].first, last) <= 0 {
			result[n-1] = result[n-1].join(one)
		} else {
			result, last = append(result, one), nil
		}
		if bytes.Compare(one.tables[0].last, last) > 0 {
			last = one.tables[0].last
		}
	}
	return result
}
