package trace

// Reuse is the distribution of reuse distances: between two uses of a key, how
// many other keys were used. A cache of so many keys that drops the least recently
// used one serves every use of a smaller distance.
//
// Past reuseExact uses the distances are of a sample of the keys, chosen by their
// hashes and scaled up, as SHARDS does it (Waldspurger et al., Efficient MRC
// Construction with SHARDS, FAST 2015).
type Reuse struct {
	Percentiles         // of the uses of keys used before
	Cold        float64 `json:"first_use_share"` // of all uses in the sample
	Sampled     float64 `json:"sampled"`         // share of the keys; 1 if all
}

// reuseExact is how many uses are measured at most, by expectation: each takes
// four bytes of the tree, and each key about forty of the map.
const reuseExact = 4 << 20

// reuse measures distances with a Fenwick tree over the order of uses, in which
// the latest use of each key counts one (Bennett and Kruskal, LRU Stack
// Processing, 1975).
type reuse struct {
	threshold uint64 // keys whose hash, mixed, is up to this are sampled
	share     float64
	last      map[uint64]int // the latest use of a key, from 1
	tree      []int32        // from 1
	hist      *histogram
	cold      int64
}

func newReuse(uses uint64) *reuse {
	r := &reuse{threshold: ^uint64(0), share: 1, last: map[uint64]int{}, tree: make([]int32, 1), hist: newHistogram(1 << 40)}
	if uses > reuseExact {
		r.share = reuseExact / float64(uses)
		r.threshold = uint64(r.share * (1 << 63) * 2)
	}
	return r
}

func (r *reuse) add(hash uint64) {
	if mix(hash) > r.threshold {
		return
	}
	before := r.last[hash]
	if before == 0 {
		r.cold++
	} else {
		others := r.prefix(len(r.tree)-1) - r.prefix(before)
		r.hist.add(int64(float64(others) / r.share))
		r.count(before, -1)
	}
	r.push()
	r.last[hash] = len(r.tree) - 1
}

// push adds a use at the end that counts one.
func (r *reuse) push() {
	n := len(r.tree)
	sum := int32(1)
	for below, least := n-1, n-n&-n; below > least; below -= below & -below {
		sum += r.tree[below]
	}
	r.tree = append(r.tree, sum)
}

func (r *reuse) count(at int, by int32) {
	for ; at < len(r.tree); at += at & -at {
		r.tree[at] += by
	}
}

func (r *reuse) prefix(at int) int32 {
	sum := int32(0)
	for ; at > 0; at -= at & -at {
		sum += r.tree[at]
	}
	return sum
}

func (r *reuse) distances() Reuse {
	d := Reuse{Percentiles: r.hist.percentiles(), Sampled: r.share}
	if all := r.cold + d.Count; all > 0 {
		d.Cold = float64(r.cold) / float64(all)
	}
	return d
}
