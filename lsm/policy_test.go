package lsm

import (
	"testing"
)

func TestTieredChooses(t *testing.T) {
	testDrawings(t, tiered, []drawing{
		{"nothing in an empty store", ``, "nothing"},
		{"nothing with fewer runs than the fan-in", `
			L0  a----z
			L0  a----z
			L0  a----z`, "nothing"},
		{"equal runs", `
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z`, "merge 0..3 L1"},
		{"small ones beside a large one", `
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z
			L1  a----z:1000`, "merge 0..3 L1"},
		{"nothing while the large one outweighs the rest", `
			L0  a----z
			L0  a----z
			L0  a----z
			L1  a----z:1000`, "nothing"},
		{"the large one once enough has gathered", `
			L1  a----z:30
			L1  a----z:20
			L1  a----z:30
			L1  a----z:20
			L2  a----z:100`, "merge 0..3 L2"},
		{"all, where each run is about the sum of the newer ones", `
			L0  a----z:10
			L0  a----z:20
			L1  a----z:40
			L2  a----z:70`, "merge 0..3 L2"},
		{"the cheapest of several", `
			L1  a----z:9
			L1  a----z:9
			L1  a----z:9
			L1  a----z:9
			L0  a----z:1
			L0  a----z:1
			L0  a----z:1
			L0  a----z:1`, "merge 4..7 L1"},
		{"the newest of equals", `
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z
			L2  a----z:1000
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z`, "merge 0..3 L1"},
		{"many at once, which costs less for each", `
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z`, "merge 0..5 L1"},
		{"dead tables before all else", `
			watermark 100
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z@90`, "drop 30"},
	})
}

func TestEverythingIsMergedWhenTombstonesAbound(t *testing.T) {
	for _, choose := range []policy{tiered, lazyLeveled, func(v *version) choice { return leveled(v, 1000) },
		func(v *version) choice { return window(v, 8, 2*8) }} {
		testDrawings(t, choose, []drawing{
			{"4 tombstones over 10 records", `
				L0  a----z~4
				L0  a----z:100`, "nothing"},
			{"5 tombstones over 10 records", `
				L0  a----z~5
				L0  a----z:100`, "merge 0..1 L1"},
			{"the oldest run is all the tombstones are over", `
				L0  a----z~3
				L0  a----z~2
				L0  a----z:100`, "merge 0..2 L1"},
			{"but it is hardly anything", `
				L0  a--e~1  f--h~2  i--m~2  n--z~2
				L0  a----z:1000`, "nothing"},
			{"tombstones over nothing", `
				L0  a----z~9`, "nothing"},
		})
	}
}

func TestDeadTablesGoIfTheyHideNothing(t *testing.T) {
	for _, d := range []drawing{
		{"alive", `
			watermark 100
			L0  a----z@101+`, ""},
		{"dead, oldest", `
			watermark 100
			L0  a----z@101
			L0  a----z@100`, " 10"},
		{"dead, over what lives", `
			watermark 100
			L0  a--c@100
			L0     c--z@101+`, ""},
		{"dead, beside what lives", `
			watermark 100
			L0  a-b@100
			L0       c--z@101`, " 0"},
		{"dead merges, over what lives", `
			watermark 100
			L0  a--c@100+
			L0     c--z@101`, " 0"},
		{"dead all the way down", `
			watermark 100
			L0  a----z@100
			L0  a----z@99`, " 10 0"},
		{"dead, but for its table at the bottom", `
			watermark 100
			L0  a----z@100
			L0  a----z@90
			L0  c@never`, ""},
		{"one of a run", `
			watermark 100
			L0  a-b@100 c-d@101`, " 0"},
		{"tombstones alone, over nothing", `
			watermark 100
			L0  a-b~10
			L0       c-d@never`, " 0"},
	} {
		if got := numbers(deadTables(draw(t, d.picture))); got != d.want {
			t.Errorf("%s: drops%s, want%s, in%s", d.name, got, d.want, d.picture)
		}
	}
}

// Whatever policy drew it, a merge must not take what is newer past what is older.
func TestMergesThatWouldReverseTheOrderAreUnsound(t *testing.T) {
	v := draw(t, `
		L0  a----f  h-i
		L0     e----g  h-i
		L1  a-b      g---z`)
	tables := map[uint64]*table{}
	for tab := range v.tables {
		tables[tab.number] = tab
	}
	for _, c := range []struct {
		name       string
		begin, end int
		only       []uint64
		sound      bool
	}{
		{"whole runs", 0, 3, nil, true},
		{"a whole run", 1, 2, nil, true},
		{"past a table that overlaps and stays", 0, 3, []uint64{0, 20}, false},
		{"past a table that is taken along", 0, 3, []uint64{0, 10, 20, 21}, true},
		{"along a table, but short of another", 0, 3, []uint64{0, 10, 20}, false},
		{"only as far as the second run", 0, 2, []uint64{0, 10}, true},
		{"beside what stays", 0, 2, []uint64{1, 11}, true},
		{"a table of another run", 0, 1, []uint64{10}, false},
		{"runs that are not there", 1, 4, nil, false},
	} {
		ch := choice{begin: c.begin, end: c.end}
		for _, n := range c.only {
			ch.only = append(ch.only, tables[n])
		}
		if why := ch.unsound(v); (why == "") != c.sound {
			t.Errorf("%s: %q", c.name, why)
		}
	}
}

func TestLeveledChooses(t *testing.T) {
	testDrawings(t, func(v *version) choice { return leveled(v, 100) }, []drawing{
		{"nothing in an empty store", ``, "nothing"},
		{"nothing with few flushes", `
			L0  a----z
			L0  a----z
			L0  a----z
			L1  a----z:100`, "nothing"},
		{"flushes into a first level", `
			L0  a----m
			L0     f----z
			L0  a----m
			L0  a-------z`, "merge 0 10 20 30 L1"},
		{"flushes with what they overlap below", `
			L0        f--h
			L0          g-h
			L0        f--i
			L0            j-k
			L1  a--c:40  d--f:40     m--z:20`, "merge 0 10 20 30 41 L1"},
		{"flushes over level 2, which they do not touch yet", `
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z
			L2  a----z:500`, "merge 0 10 20 30 L1"},
		{"of a level that is too full the table that overlaps least", `
			L1  a---c:50  d---f:50  g---i:50
			L2  a-b:400   c-d:30 e-f:30  h-i:200`, "merge 1 11 12 L2"},
		{"of a level that is too full the table that overlaps none", `
			L1  a---c:50  d---f:50  g---i:50
			L2  a-b:400   e-f:30  j-k:30`, "merge 2 L2"},
		{"a level deeper", `
			L1  a---c:90
			L2  a-b:400   e-f:700
			L3  a-d:90`, "merge 11 L3"},
		{"the level that is fullest for its size", `
			L1  a---c:190
			L2  a-b:600   e-f:700
			L3  a-d:90`, "merge 0 10 L2"},
		{"runs that another policy has left in a level", `
			L0  a----z
			L2  a----z:100
			L1  a----z:100`, "merge 1..2 L2"},
		{"a table that is mostly dead", `
			watermark 100
			L1  a-f@20..116:40  g-z@200:40`, "merge 0 L1"},
		{"not one that is half dead", `
			watermark 100
			L1  a-f@20..180:40  g-z@200:40`, "nothing"},
	})
}

func TestLazyLeveledChooses(t *testing.T) {
	testDrawings(t, lazyLeveled, []drawing{
		{"nothing in an empty store", ``, "nothing"},
		{"nothing while little is over the last level", `
			L0  a----z
			L0  a----z
			L0  a----z
			L1  a----z:1000`, "nothing"},
		{"tiers over the last level", `
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z
			L2  a----z:1000`, "merge 0..3 L1"},
		{"into the last level at a quarter of its size", `
			L0  a----z
			L1  a----z:120
			L1  a----z:120
			L2  a----z:1000`, "merge 0..3 L2"},
		{"a last level that is mostly dead", `
			watermark 100
			L0  a----z
			L1  a-e@20..116:400 f-z@200:400`, "merge 10 L1"},
	})
}

func TestWindowChooses(t *testing.T) {
	testDrawings(t, func(v *version) choice { return window(v, 2, 4) }, []drawing{
		{"nothing in an empty store", ``, "nothing"},
		{"nothing with two runs a segment", `
			watermark 100
			L0  a----z@190..200
			L0  a----z@160..170
			L0  a----z@130..140
			L0  a----z@110..120`, "nothing"},
		{"dead tables before all else", `
			watermark 100
			L0  a----z@190..200
			L0  a----z@80..100`, "drop 10"},
		// The window is 100 long, a segment 50.
		{"a segment that is complete", `
			watermark 100
			L0  a----z@200
			L0  a----z@180
			L0  a----z@160
			L0  a----z@140
			L0  a----z@120`, "merge 2..4 L1"},
		{"not the current one, though it has more runs", `
			watermark 100
			L0  a----z@200
			L0  a----z@190
			L0  a----z@180
			L0  a----z@140
			L0  a----z@120`, "merge 3..4 L1"},
		{"the current one if there is no other", `
			watermark 100
			L0  a----z@200
			L0  a----z@190
			L0  a----z@180
			L0  a----z@175
			L0  a----z@110`, "merge 0..3 L1"},
		{"what is merged already stays as it is", `
			watermark 100
			L0  a----z@200
			L0  a----z@180
			L0  a----z@160
			L1  a----z@140:30
			L1  a----z@120:30`, "nothing"},
		{"unless there is too much of that", `
			watermark 100
			L0  a----z@200
			L1  a----z@160
			L1  a----z@155
			L1  a----z@150
			L1  a----z@140
			L1  a----z@105`, "merge 2..5 L2"},
		// The run of 130 was written late and counts to the segment of 170.
		{"late data counts to the segment of its neighbours", `
			watermark 100
			L0  a----z@200
			L0  a----z@198
			L0  a----z@130
			L0  a----z@170
			L0  a----z@165
			L0  a----z@120`, "merge 2..5 L1"},
		{"few that live long do not make the segment", `
			watermark 100
			L0  c@never:1  d---z@200
			L0  c@never:1  d---z@180
			L0  c@never:1  d---z@160
			L0  c@never:1  d---z@140
			L0  c@never:1  d---z@120`, "merge 2..4 L1"},
		{"what is left of segments that are over", `
			watermark 100
			L0  c@never  d---z@200:50
			L0  c@never  d---z@160:50
			L0  c@never
			L0  c@never
			L0  c@never
			L0  c@never`, "merge 2..5 L1"},
		{"nothing tells the time yet", `
			L0  a----z@200
			L0  a----z@180
			L0  a----z@160
			L0  a----z@140
			L0  a----z@100`, "merge 3..4 L1"},
		{"all without expiry, as tiered", `
			watermark 100
			L0  a----z
			L0  a----z
			L0  a----z
			L0  a----z
			L1  a----z:1000`, "merge 0..3 L1"},
		{"dead and stuck over what never dies", `
			watermark 100
			L0  a----z@200:40
			L0  a----z@90:40
			L0  c@never:1`, "merge 1..1 L0"},
		{"half dead, and the rest lives on for more than a segment", `
			watermark 100
			L0  a----z@200:40
			L0  a----z@0..180:120`, "merge 1..1 L0"},
		{"half dead, and the rest soon is", `
			watermark 100
			L0  a----z@200:40
			L0  a----z@20..140:120`, "nothing"},
	})
}
