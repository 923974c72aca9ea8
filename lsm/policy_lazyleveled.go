package lsm

// lazyLeveled drops dead tables, else treats the oldest run as the last level,
// which holds most of the data, and the newer ones as tiered does. When these
// have grown to one part in fanIn of the last level, they are merged into it.
//
// So a look-up of what is in the last level finds few other places, and an
// element is rewritten once in each tier and about fanIn times in the last
// level: lazy leveling of Dayan and Idreos, "Dostoevsky" (2018).
func lazyLeveled(v *version) choice {
	if dead := deadTables(v); len(dead) > 0 {
		return choice{drop: dead}
	}
	last := len(v.runs) - 1
	if last >= 1 && totalSize(v.runs[:last])*fanIn >= v.runs[last].size && last+1 >= fanIn {
		return choice{begin: 0, end: last + 1, level: levelAbove(v.runs)}
	}
	if c := similar(v, 0, last); !c.nothing() {
		return c
	}
	if c := rewriteStale(v); !c.nothing() {
		return c
	}
	return mergeAll(v, 0)
}
