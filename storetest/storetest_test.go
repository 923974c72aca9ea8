package storetest

import (
	"flag"
	"os"
	"regexp"
	"testing"
)

var effort = Flags(flag.CommandLine)

// TestReference runs the whole kit over a store that keeps the contract.
func TestReference(t *testing.T) {
	Run(t, Config{Open: openRef, MemoryResident: true, Effort: *effort})
}

// TestClausesAreTheContracts holds the kit's clauses against the numbered
// sentences of the documentation of package statelab, and the cases against both.
func TestClausesAreTheContracts(t *testing.T) {
	source, err := os.ReadFile("../doc.go")
	if err != nil {
		t.Fatal(err)
	}
	numbered := regexp.MustCompile(`(?m)^//\t([A-Z]\d+) +(.+)$`).FindAllStringSubmatch(string(source), -1)
	clauses := Clauses()
	if len(numbered) != len(clauses) {
		t.Fatalf("the contract has %d clauses and the kit %d", len(numbered), len(clauses))
	}
	cases := map[string]int{}
	for _, c := range allCases() {
		cases[c.clause]++
	}
	for i, c := range clauses {
		if c.ID != numbered[i][1] || c.Text != numbered[i][2] {
			t.Errorf("the contract says\n%s %s\nand the kit\n%s %s", numbered[i][1], numbered[i][2], c.ID, c.Text)
		}
		if cases[c.ID] == 0 {
			t.Errorf("%s has no case", c.ID)
		}
		delete(cases, c.ID)
	}
	for id := range cases {
		t.Errorf("a case proves %s, which is no clause", id)
	}
}
