package pool

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A model of a policy says whether a page is in the pool when it is asked for, by slices
// of pages with the youngest first.
type model func(id uint32) bool

// forgotten stands in a ghost's place that came back.
const forgotten = 1<<32 - 1

func lruModel(frames int) model {
	var q []uint32
	return func(id uint32) bool {
		i := slices.Index(q, id)
		if i >= 0 {
			q = slices.Delete(q, i, i+1)
		}
		q = slices.Insert(q, 0, id)
		q = q[:min(len(q), frames)]
		return i >= 0
	}
}

func clockModel(frames int) model {
	ids, used, hand := []uint32{}, []bool{}, 0
	return func(id uint32) bool {
		if i := slices.Index(ids, id); i >= 0 {
			used[i] = true
			return true
		}
		if len(ids) < frames {
			ids, used = append(ids, id), append(used, true)
			return false
		}
		for ; used[hand]; hand = (hand + 1) % frames {
			used[hand] = false
		}
		ids[hand], used[hand] = id, true
		hand = (hand + 1) % frames
		return false
	}
}

func twoQModel(frames int) model {
	var in, main, out []uint32
	last := func(q *[]uint32) uint32 {
		id := (*q)[len(*q)-1]
		*q = (*q)[:len(*q)-1]
		return id
	}
	return func(id uint32) bool {
		if slices.Contains(in, id) {
			return true
		}
		if i := slices.Index(main, id); i >= 0 {
			main = slices.Insert(slices.Delete(main, i, i+1), 0, id)
			return true
		}
		if len(in)+len(main) == frames {
			if len(in) > max(1, frames/4) || len(main) == 0 {
				out = slices.Insert(out, 0, last(&in))
				out = out[:min(len(out), frames/2)]
			} else {
				last(&main)
			}
		}
		if i := slices.Index(out, id); i >= 0 {
			out[i] = forgotten
			main = slices.Insert(main, 0, id)
		} else {
			in = slices.Insert(in, 0, id)
		}
		return false
	}
}

func s3fifoModel(frames int) model {
	var small, main, out []uint32
	uses := map[uint32]int{}
	last := func(q *[]uint32) uint32 {
		id := (*q)[len(*q)-1]
		*q = (*q)[:len(*q)-1]
		return id
	}
	fromMain := func() bool {
		for len(main) > 0 {
			id := last(&main)
			if uses[id] == 0 {
				return true
			}
			uses[id]--
			main = slices.Insert(main, 0, id)
		}
		return false
	}
	fromSmall := func() bool {
		for len(small) > 0 {
			id := last(&small)
			if uses[id] <= 1 {
				out = slices.Insert(out, 0, id)
				out = out[:min(len(out), frames-frames/10)]
				return true
			}
			uses[id] = 0
			main = slices.Insert(main, 0, id)
		}
		return false
	}
	return func(id uint32) bool {
		if slices.Contains(small, id) || slices.Contains(main, id) {
			uses[id] = min(uses[id]+1, mostUses)
			return true
		}
		if len(small)+len(main) == frames {
			if len(small) >= max(1, frames/10) || !fromMain() {
				_ = fromSmall() || fromMain()
			}
		}
		uses[id] = 0
		if i := slices.Index(out, id); i >= 0 {
			out[i] = forgotten
			main = slices.Insert(main, 0, id)
		} else {
			small = slices.Insert(small, 0, id)
		}
		return false
	}
}

// TestPoliciesFollowTheirModels asks for pages by a skewed law, with scans in between,
// and holds each hit and miss to the model's.
func TestPoliciesFollowTheirModels(t *testing.T) {
	models := []func(int) model{KindClock: clockModel, KindLRU: lruModel, Kind2Q: twoQModel, KindS3FIFO: s3fifoModel}
	hits := make([]int, len(models))
	for k, newModel := range models {
		kind := Kind(k)
		t.Run(kind.String(), func(t *testing.T) {
			p, err := New(newDisk(), testPage, 16<<10, kind)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			frames := p.Frames()
			want := newModel(frames)
			rng := rand.New(rand.NewPCG(5, 6))
			law := rand.NewZipf(rng, 1.1, 4, 500)
			scan := uint32(1000)
			for i := range 20_000 {
				id := uint32(law.Uint64())
				if i%400 < 80 {
					id = scan
					scan++
				}
				before := p.misses()
				h, err := p.Get(id)
				if err != nil {
					t.Fatal(err)
				}
				h.Unpin()
				hit := p.misses() == before
				if hit {
					hits[kind]++
				}
				if hit != want(id) {
					t.Fatalf("use %d, of page %d: a hit is %t", i, id, hit)
				}
			}
		})
	}
	if hits[Kind2Q] <= hits[KindLRU] || hits[KindS3FIFO] <= hits[KindLRU] {
		t.Errorf("policies that resist scans are no better than lru among scans: %v", hits)
	}
}

func (p *Pool) misses() (n int64) {
	for _, c := range p.Counts() {
		n += c.Misses
	}
	return n
}

// TestPoliciesBesideAWriter pins, changes, drops and lends frames under each policy.
func TestPoliciesBesideAWriter(t *testing.T) {
	for k := range KindNames() {
		p, err := New(newDisk(), testPage, 12<<10, Kind(k))
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(uint64(k), 8))
		made := map[uint32]byte{}
		for i := range 20_000 {
			id := uint32(rng.IntN(4 * p.Frames()))
			v, ok := made[id]
			switch {
			case !ok:
				h, err := p.New(id, 0, nil)
				if err != nil {
					t.Fatal(err)
				}
				h.Bytes()[0] = byte(i)
				h.Unpin()
				made[id] = byte(i)
			case rng.IntN(8) == 0:
				p.Drop(id)
				delete(made, id)
			default:
				h, err := p.Get(id)
				if err != nil || h.Bytes()[0] != v {
					t.Fatalf("%v: page %d is %d, not %d: %v", Kind(k), id, h.Bytes()[0], v, err)
				}
				h.Unpin()
			}
		}
		p.Close()
	}
}

// TestAClockPassesByFramesWithoutPages has the frames of a clock come and go, and asks
// for victims: each is one that has a page, and the first without a mark.
func TestAClockPassesByFramesWithoutPages(t *testing.T) {
	const frames = 150
	c := NewClock(frames)
	rng := rand.New(rand.NewPCG(3, 4))
	held, used, hand := make([]bool, frames), make([]bool, frames), 0
	for i := range 20_000 {
		switch f := rng.IntN(frames); {
		case !held[f] && rng.IntN(4) == 0:
			c.Added(f, 0)
			held[f], used[f] = true, true
		case !held[f]:
		case i%3 == 0:
			c.Touch(f)
			used[f] = true
		case i%3 == 1:
			c.Removed(f)
			held[f] = false
		default:
			for !held[hand] || used[hand] {
				used[hand] = false
				hand = (hand + 1) % frames
			}
			if got := c.Victim(func(int) bool { return true }); got != hand {
				t.Fatalf("step %d: victim %d, not %d", i, got, hand)
			}
			held[hand] = false
			hand = (hand + 1) % frames
		}
	}
	if got := NewClock(frames).Victim(func(int) bool { return true }); got >= 0 {
		t.Errorf("frame %d of an empty clock is taken", got)
	}
}
