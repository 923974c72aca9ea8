package cachegrind

import (
	"errors"
	"strings"
	"testing"
)

func TestSimulatorsAreReadByName(t *testing.T) {
	if s, err := ParseSimulator("cachegrind"); s != Cachegrind || err != nil {
		t.Errorf("%q, error %v", s, err)
	}
	if _, err := ParseSimulator("perf"); err == nil || !strings.Contains(err.Error(), `"perf" is neither cachegrind nor callgrind`) {
		t.Errorf("error %v", err)
	}
	s, err := ParseSimulator("callgrind")
	if canRequest && (s != Callgrind || err != nil) || !canRequest && !errors.Is(err, ErrUnmarked) {
		t.Errorf("%q, error %v", s, err)
	}
}

// In names of files, valgrind takes % for the beginning of a variable.
func TestDirectoriesMayHaveAnyName(t *testing.T) {
	args := strings.Join(Callgrind.args(DefaultGeometry(), "/tmp/5%p", "/tmp/5%p/log"), " ")
	for _, want := range []string{"--callgrind-out-file=/tmp/5%%p/callgrind.out", "--log-file=/tmp/5%%p/log"} {
		if !strings.Contains(args, want) {
			t.Errorf("no %q in %q", want, args)
		}
	}
}
