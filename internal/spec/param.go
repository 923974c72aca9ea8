package spec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The constructors below make the Params of common shapes. field returns the
// place in the options that the parameter sets; def is the default as a person
// would write it.

// Enum is a parameter that takes one of the words of values; the field becomes
// the word's index.
func Enum[O any, E ~uint8 | ~int](name, doc, def string, values []string, field func(*O) *E) Param[O] {
	set := func(o *O, value string) error {
		for i, v := range values {
			if v == value {
				*field(o) = E(i)
				return nil
			}
		}
		return errors.New("unknown value")
	}
	return Param[O]{Name: name, Doc: doc, Default: def, Values: values, Set: set}
}

// Int is a parameter that takes a whole number of least to most.
func Int[O any, I ~int | ~int64](name, doc, def string, least, most I, field func(*O) *I) Param[O] {
	set := func(o *O, value string) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return errors.New("not a whole number")
		}
		return setWithin(field(o), n, least, most)
	}
	return Param[O]{Name: name, Doc: doc, Default: def, Values: []string{fmt.Sprintf("%d to %d", least, most)}, Set: set}
}

// Bool is a parameter that takes true or false.
func Bool[O any](name, doc, def string, field func(*O) *bool) Param[O] {
	set := func(o *O, value string) error {
		if value != "true" && value != "false" {
			return errors.New("neither true nor false")
		}
		*field(o) = value == "true"
		return nil
	}
	return Param[O]{Name: name, Doc: doc, Default: def, Values: []string{"true", "false"}, Set: set}
}

// Size is a parameter that takes a number of bytes of least to most, as
// ParseSize reads it.
func Size[O any, I ~int | ~int64](name, doc, def string, least, most I, field func(*O) *I) Param[O] {
	set := func(o *O, value string) error {
		n, err := ParseSize(value)
		if err != nil {
			return err
		}
		return setWithin(field(o), n, least, most)
	}
	allowed := fmt.Sprintf("%s to %s", FormatSize(int64(least)), FormatSize(int64(most)))
	return Param[O]{Name: name, Doc: doc, Default: def, Values: []string{allowed}, Set: set}
}

// AutoSize is a parameter that takes a size of least to most, or one of words, the
// default first: that sets the field to 0, and the second to -1.
func AutoSize[O any, I ~int | ~int64](name, doc string, words []string, least, most I, field func(*O) *I) Param[O] {
	p := Size(name, doc, words[0], least, most, field)
	p.Values = []string{strings.Join(words, ", ") + ", " + p.Values[0]}
	size := p.Set
	p.Set = func(o *O, value string) error {
		for i, w := range words {
			if value == w {
				*field(o) = I(-i)
				return nil
			}
		}
		return size(o, value)
	}
	return p
}

// Duration is a parameter that takes a span of time of least to most, such as
// 500ms or 1m30s.
func Duration[O any](name, doc, def string, least, most time.Duration, field func(*O) *time.Duration) Param[O] {
	set := func(o *O, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil {
			return errors.New("not a duration such as 500ms or 1m30s")
		}
		return setWithin(field(o), int64(d), least, most)
	}
	return Param[O]{Name: name, Doc: doc, Default: def, Values: []string{fmt.Sprintf("%v to %v", least, most)}, Set: set}
}

func setWithin[I ~int | ~int64](field *I, n int64, least, most I) error {
	if n < int64(least) || n > int64(most) {
		return errors.New("out of range")
	}
	*field = I(n)
	return nil
}
