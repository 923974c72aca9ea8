package report

import (
	"slices"
	"strings"
)

// longestName is how long a name may be before parameters are left out of it.
const longestName = 26

// abbreviate shortens long specs for charts and sentences: of the parameters it
// keeps the first that no other spec of the engine has, such as "lsm … memtable=btree".
// A spec that no one parameter sets apart stays whole. Short names differ as the
// whole ones do.
func abbreviate(specs []string) []string {
	short := slices.Clone(specs)
	for i, spec := range specs {
		if len(spec) <= longestName {
			continue
		}
		engine, params, _ := strings.Cut(spec, "?")
		for _, p := range strings.Split(params, "&") {
			name := engine + " … " + p
			if p != "" && len(name) < len(spec) && isOnly(specs, i, engine, p) && !slices.Contains(short, name) {
				short[i] = name
				break
			}
		}
	}
	return short
}

// isOnly says whether no other spec of the engine has a parameter.
func isOnly(specs []string, at int, engine, param string) bool {
	for i, spec := range specs {
		e, params, _ := strings.Cut(spec, "?")
		if i != at && e == engine && slices.Contains(strings.Split(params, "&"), param) {
			return false
		}
	}
	return true
}
