package statelab_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestREADMEShowsTheFilesItNames holds each fenced block of the README that
// follows a comment <!-- file: NAME --> against the part of that file which it
// shows, so that what a reader copies is what the tests run.
func TestREADMEShowsTheFilesItNames(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- file: ([^ ]+) -->\n\n```[a-z]*\n(.*?)\n```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 2 {
		t.Fatalf("found %d blocks that name a file, want the pipeline and the library's example", len(blocks))
	}
	for _, b := range blocks {
		file, err := os.ReadFile(b[1])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(file), b[2]) {
			t.Errorf("README.md shows what %s does not hold:\n%s", b[1], b[2])
		}
	}
}

// TestDocsLinkToWhatIsThere follows every relative link of the documents.
func TestDocsLinkToWhatIsThere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for name, dir := range map[string]string{
		"README.md": "", "docs/ARCHITECTURE.md": "docs/", "docs/GLOSSARY.md": "docs/", "docs/HACKING.md": "docs/", "docs/DATA.md": "docs/", "docs/TRACES.md": "docs/",
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(dir + m[1]); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}
