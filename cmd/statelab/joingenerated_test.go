package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// A join over what is generated has the same output whatever the number of partitions, in batch mode too.
func TestAGeneratedJoinIsTheSameHoweverItIsRun(t *testing.T) {
	const definition = `
left:   {file: "generate:impressions?rate=10&count=3000&bytes=20&disorder=5s", key: [id], time: at, max_disorder: 5s}
right:  {file: "generate:actions?rate=10&count=3000&bytes=10&disorder=5s", key: [id], time: at, max_disorder: 5s}
join:   {kind: left_outer, lower: 0s, upper: 10m}
state:  {backend: skiplist, dir: state, checkpoint_every: 60s}
output: {file: out.jsonl}
`
	var first []byte
	for _, args := range [][]string{{}, {"-partitions", "2"}, {"-mode", "batch"}} {
		code, stdout, stderr := joinIn(t, map[string]string{"p.yaml": definition}, append([]string{"-f", "p.yaml"}, args...)...)
		if code != exitDone {
			t.Fatal(stderr)
		}
		if !strings.Contains(stdout, "left   3000 in: ") || !strings.Contains(stdout, "3000 samples") {
			t.Errorf("%v: %s", args, stdout)
		}
		output, err := os.ReadFile("out.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = output
		}
		if !bytes.Equal(output, first) {
			t.Errorf("%v: another output, of %d bytes instead of %d", args, len(output), len(first))
		}
	}
}
