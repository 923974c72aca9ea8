package trace

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

const fixedPrefixName = "statelab-first-"

// FixedPrefix is the prefix of keys whose join key is their first n bytes.
func FixedPrefix(n int) statelab.Prefix {
	return statelab.Prefix{
		Name: fixedPrefixName + strconv.Itoa(n),
		Len:  func(key []byte) int { return min(len(key), n) },
	}
}

// ParsePrefix returns the prefix of that name, which a Header gives.
func ParsePrefix(name string) (statelab.Prefix, error) {
	if name == "" {
		return statelab.Prefix{}, nil
	}
	if name == join.Prefix().Name {
		return join.Prefix(), nil
	}
	if digits, ok := strings.CutPrefix(name, fixedPrefixName); ok {
		if n, err := strconv.Atoi(digits); err == nil && n > 0 && n <= statelab.MaxKeySize {
			return FixedPrefix(n), nil
		}
	}
	return statelab.Prefix{}, fmt.Errorf("unknown prefix of keys %q", name)
}
