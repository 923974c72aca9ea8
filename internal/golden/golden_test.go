package golden

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// A taker takes what a failing comparison says.
type taker struct {
	testing.TB
	said string
}

func (*taker) Helper() {}

func (t *taker) Errorf(format string, args ...any) { t.said += fmt.Sprintf(format, args...) }

func TestCompareNamesTheLineAndUpdateRewritesIt(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	fs := flag.NewFlagSet("test", flag.PanicOnError)
	files := Flag(fs)
	says := func(got string) string {
		to := &taker{TB: t}
		files.Compare(to, "file", []byte(got))
		return to.said
	}
	if err := fs.Parse([]string{"-update"}); err != nil {
		t.Fatal(err)
	}
	if said := says("one\ntwo\n"); said != "" {
		t.Errorf("with -update a difference is an error: %s", said)
	}
	if err := fs.Parse([]string{"-update=false"}); err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		"one\ntwo\n":        "",
		"one\n2\n":          `line 2 is "2", want "two"`,
		"one\ntwo\nthree\n": `line 3 is "three", want ""`,
		"one":               `line 2 is absent, want "two"`,
	} {
		if said := says(got); (want == "") != (said == "") || !strings.Contains(said, want) {
			t.Errorf("of %q it says %q, want %q", got, said, want)
		}
	}
}
