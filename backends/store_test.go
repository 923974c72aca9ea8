package backends

import (
	"flag"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/storetest"
)

var (
	effort = storetest.Flags(flag.CommandLine)
	specs  = flag.String("backend", "", "specs of the backends to prove, with spaces between them (none: some variants, briefly)")
)

// TestStore proves stores that are opened by a spec: those from the command
// line, or some that no engine's own tests prove, which shows that the table
// hands on what it is given.
func TestStore(t *testing.T) {
	of, effort := strings.Fields(*specs), *effort
	if len(of) == 0 {
		of = []string{"skiplist?hash=off"}
		if !testing.Short() {
			of = append(of, "btree?update=inplace")
		}
		if effort == (storetest.Effort{}) {
			effort = storetest.Effort{Seeds: 1, Steps: 100, Points: 4}
		}
	}
	for _, spec := range of {
		t.Run(spec, func(t *testing.T) {
			if err := Validate(spec); err != nil {
				t.Fatal(err)
			}
			storetest.Run(t, storetest.Config{
				Open: func(dir string, o *statelab.Options) (statelab.Store, error) {
					return Open(spec, dir, o)
				},
				MemoryResident: MemoryResident(spec),
				Effort:         effort,
			})
		})
	}
}
