package source

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/statelab/statelab/internal/spec"
)

// Generators returns the names of what can be generated.
func Generators() []string { return []string{"impressions", "actions"} }

// generatorOptions are a generator's parameters.
type generatorOptions struct {
	seed     int64
	rate     int64 // impressions in a second
	count    int64 // impressions
	bytes    int64
	acted    float64
	another  float64
	most     int64
	law      generatorLaw
	median   time.Duration
	disorder time.Duration
}

type generatorLaw uint8

// maxText bounds the length of a row's text.
const maxText = 32 << 10

// A GeneratorParam describes a parameter of generators.
type GeneratorParam struct{ Name, Default, Doc, Values string }

// GeneratorParams returns those of every generator.
func GeneratorParams() []GeneratorParam {
	var list []GeneratorParam
	for _, p := range generatorParams() {
		list = append(list, GeneratorParam{p.Name, p.Default, p.Doc, strings.Join(p.Values, ", ")})
	}
	return list
}

func generatorParams() []spec.Param[generatorOptions] {
	type o = generatorOptions
	return []spec.Param[o]{
		spec.Int("seed", "what everything is drawn from", "1", 0, 1<<62, func(o *o) *int64 { return &o.seed }),
		spec.Int("rate", "impressions in a second of event time, in the mean", "100", 1, 500_000, func(o *o) *int64 { return &o.rate }),
		spec.Int("count", "impressions in all", "100000", 1, 1<<40, func(o *o) *int64 { return &o.count }),
		spec.Int("bytes", "length of a row's text", "100", 0, maxText, func(o *o) *int64 { return &o.bytes }),
		shareParam("acted", "share of impressions that get actions", "0.2", func(o *o) *float64 { return &o.acted }),
		shareParam("another", "probability of one more action, after each", "0.2", func(o *o) *float64 { return &o.another }),
		spec.Int("most", "actions of one impression at most", "5", 1, 1000, func(o *o) *int64 { return &o.most }),
		spec.Enum("delay", "law of the delays of actions", "lognormal", []string{"lognormal", "installation", "job"}, func(o *o) *generatorLaw { return &o.law }),
		spec.Duration("median", "median of the law lognormal", "1m", time.Millisecond, 1000*time.Hour, func(o *o) *time.Duration { return &o.median }),
		spec.Duration("disorder", "how far rows are out of order at most; one in five is", "0s", 0, 1000*time.Hour, func(o *o) *time.Duration { return &o.disorder }),
	}
}

// shareParam is a parameter that takes a number from 0 to 1.
func shareParam(name, doc, def string, field func(*generatorOptions) *float64) spec.Param[generatorOptions] {
	set := func(o *generatorOptions, value string) error {
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || !(v >= 0 && v <= 1) {
			return errors.New("not a number from 0 to 1")
		}
		*field(o) = v
		return nil
	}
	return spec.Param[generatorOptions]{Name: name, Doc: doc, Default: def, Values: []string{"0 to 1"}, Set: set}
}
