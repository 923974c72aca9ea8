package source

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/vfs"
)

func openGenerator(t *testing.T, spec string) *Source {
	t.Helper()
	s, err := Open(vfs.NewMem(), strings.NewReader(""), Config{File: generatorPrefix + spec, Key: []string{"id"}, Time: "at"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// generated is a row, copied.
type generated struct {
	key   string
	time  int64
	value string
}

func readGenerated(t *testing.T, s *Source) (rows []generated) {
	t.Helper()
	for {
		var r Row
		err := s.Next(&r)
		if err == io.EOF {
			break
		}
		if err != nil || r.Class != Event {
			t.Fatalf("row %d: class %d, %v", len(rows), r.Class, err)
		}
		rows = append(rows, generated{string(r.Key), r.Time, string(r.Value)})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestGeneratedActionsFollowTheirImpressions(t *testing.T) {
	const params = "?rate=1000&count=20000&bytes=40&seed=3&acted=0.3"
	impressions, actions := readGenerated(t, openGenerator(t, "impressions"+params)), readGenerated(t, openGenerator(t, "actions"+params))
	shown := map[string]int64{}
	for _, i := range impressions {
		shown[i.key] = i.time
	}
	if len(impressions) != 20000 || len(shown) != 20000 {
		t.Fatalf("%d impressions of %d ids", len(impressions), len(shown))
	}
	var delays []int64
	acted := map[string]bool{}
	for _, a := range actions {
		at, ok := shown[a.key]
		if !ok || a.time < at {
			t.Fatalf("action %+v, whose impression is of %d", a, at)
		}
		delays, acted[a.key] = append(delays, a.time-at), true
	}
	slices.Sort(delays)
	for what, c := range map[string][3]float64{ // got, least, most
		"span of impressions, s":          {float64(impressions[19999].time-impressions[0].time) / 1e6, 19, 21},
		"share that is acted on":          {float64(len(acted)) / 20000, 0.29, 0.31},
		"actions of one that is acted on": {float64(len(actions)) / float64(len(acted)), 1.22, 1.28},
		"median delay, s":                 {float64(delays[len(delays)/2]) / 1e6, 57, 63},
		"p99 of delays, s":                {float64(delays[len(delays)*99/100]) / 1e6, 540, 690},
	} {
		if c[0] < c[1] || c[0] > c[2] {
			t.Errorf("%s: %v, not from %v to %v", what, c[0], c[1], c[2])
		}
	}
	inOrder := func(a, b generated) int { return int(a.time - b.time) }
	if !slices.IsSortedFunc(impressions, inOrder) || !slices.IsSortedFunc(actions, inOrder) {
		t.Error("rows are out of order, though no disorder was asked for")
	}
}

// A restart skips to where it was: what comes then is what would have come.
func TestAGeneratorGoesOnAfterASkip(t *testing.T) {
	for _, spec := range []string{"impressions?rate=10&count=500&disorder=30s", "actions?rate=10&count=500&acted=1&disorder=30s&delay=job"} {
		all := readGenerated(t, openGenerator(t, spec))
		s := openGenerator(t, spec)
		if err := s.Skip(137); err != nil {
			t.Fatal(err)
		}
		if rest := readGenerated(t, s); !slices.Equal(rest, all[137:]) {
			t.Errorf("%s: after 137 rows come %d others than the %d before", spec, len(rest), len(all)-137)
		}
		greatest, furthest := all[0].time, int64(0)
		for _, r := range all {
			furthest, greatest = max(furthest, greatest-r.time), max(greatest, r.time)
		}
		if furthest < 10e6 || furthest > 30e6 {
			t.Errorf("%s: rows are up to %d us out of order", spec, furthest)
		}
	}
}

func TestWrongGeneratorsAreRefused(t *testing.T) {
	for spec, want := range map[string]string{
		"clicks":                  `nothing that can be generated is called "clicks"; there are impressions, actions`,
		"actions?rate=0":          "rate",
		"actions?acted=1.5":       "not a number from 0 to 1",
		"actions?color=red":       "color",
		"impressions?delay=never": "lognormal",
		"actions?median":          "has no value",
	} {
		_, err := Open(vfs.NewMem(), nil, Config{File: generatorPrefix + spec, Key: []string{"id"}, Time: "at"})
		var wrong *Error
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", spec, err)
		}
	}
	for _, c := range []Config{
		{File: "generate:actions", Key: []string{"name"}, Time: "at"},
		{File: "generate:actions", Key: []string{"id"}, Time: "text"},
		{File: "generate:actions", Key: []string{"id"}, Time: "at", TimeFormat: UnixS},
		{File: "generate:actions", Key: []string{"id"}, Time: "at", Follow: true},
		{File: "generate:actions", Key: []string{"id"}, Time: "at", Format: CSV},
	} {
		if s, err := Open(vfs.NewMem(), nil, c); err == nil {
			t.Errorf("%+v is not refused: %v", c, s.Close())
		}
	}
}
