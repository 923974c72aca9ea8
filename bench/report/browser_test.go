package report

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"html"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// browserPage shows the report in a frame of a given width, and writes what it
// measured of it into its own document as JSON.
//
//go:embed testdata/browser.html
var browserPage string

// found is what browserPage writes.
type found struct {
	Width, ScrollWidth int // of the report, in pixels
	Charts             int
	Empty              []string // charts that take no room
	Overlaps           []string // texts of a chart that overlap
	Outside            []string // texts of a chart that leave it
	Small              float64  // size of the smallest text in a chart, in pixels
	Ground             string   // colour of the page's ground
	Focusable          int      // charts that a keyboard reaches
	Described          int      // charts with a title and a description
	Errors             []string
}

// browser finds a Chromium, or skips the test.
func browser(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starting a browser is not short")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no chromium, chromium-browser or google-chrome here: the page is not tested in a browser")
	return ""
}

// runBrowser runs a headless browser on an address, and returns its standard output. Anything
// that the page writes to the console fails the test.
func runBrowser(t *testing.T, path, address string, flags ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--enable-logging=stderr", "--user-data-dir=" + t.TempDir(),
	}, flags...)
	cmd := exec.CommandContext(ctx, path, append(args, address)...)
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("run %s: %v\n%s", path, err, stderr.Bytes())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, ":CONSOLE") {
			t.Errorf("the page writes to the console: %s", line)
		}
	}
	return stdout.Bytes()
}

// serve serves the report at /report, and at / the page that measures it in a
// frame that is ?width= wide.
func serve(t *testing.T, report string) string {
	t.Helper()
	mux := http.NewServeMux()
	write := func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if _, err := w.Write([]byte(text)); err != nil {
			t.Errorf("serve: %v", err)
		}
	}
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, _ *http.Request) { write(w, report) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { write(w, browserPage) })
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the page asks for %s", r.URL)
		http.NotFound(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func measure(t *testing.T, path, address string, flags ...string) found {
	t.Helper()
	dom := runBrowser(t, path, address, append(flags, "--dump-dom", "--virtual-time-budget=20000")...)
	m := regexp.MustCompile(`(?s)<pre id="found">(.*?)</pre>`).FindSubmatch(dom)
	var f found
	if m == nil {
		t.Fatalf("the measuring page has found nothing:\n%s", dom)
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &f); err != nil {
		t.Fatalf("%v:\n%s", err, m[1])
	}
	return f
}

func TestThePageInABrowser(t *testing.T) {
	path := browser(t)
	results := append(sample(10, 5), resized(sample(10, 5), 250000)...)
	page := render(t, results)
	charts := strings.Count(page, `role="img"`)
	address := serve(t, page)
	for _, c := range []struct {
		name, query, ground string
		flags               []string
	}{
		{"phone", "?width=390", "rgb(255, 255, 255)", nil},
		{"desk, dark", "?width=1280", "rgb(21, 24, 28)", []string{"--force-dark-mode"}},
	} {
		f := measure(t, path, address+"/"+c.query, c.flags...)
		if f.ScrollWidth > f.Width || f.Width == 0 {
			t.Errorf("%s: the page is %d pixels wide in %d", c.name, f.ScrollWidth, f.Width)
		}
		if f.Charts != charts || charts < 100 || len(f.Empty) > 0 || f.Focusable != charts || f.Described != charts {
			t.Errorf("%s: %d charts of %d, of which take no room: %v; %d can be reached, %d are described", c.name, f.Charts, charts, f.Empty, f.Focusable, f.Described)
		}
		if len(f.Overlaps) > 0 || len(f.Outside) > 0 {
			t.Errorf("%s: texts overlap: %q, or leave their chart: %q", c.name, f.Overlaps, f.Outside)
		}
		if f.Small < 9 {
			t.Errorf("%s: a text is %.1f pixels high", c.name, f.Small)
		}
		if f.Ground != c.ground {
			t.Errorf("%s: the ground is %s, not %s", c.name, f.Ground, c.ground)
		}
		if len(f.Errors) > 0 {
			t.Errorf("%s: errors %q", c.name, f.Errors)
		}
	}
}

// The test above would be worth nothing if it let these through.
func TestTheBrowserTestFindsFaults(t *testing.T) {
	path := browser(t)
	const bad = `<!DOCTYPE html><title>bad</title><div style="width:2000px">wide</div>
<svg viewBox="0 0 100 40" width="100"><text x="0" y="20">one</text><text x="5" y="20">two</text><text x="90" y="38">outside</text></svg>`
	f := measure(t, path, serve(t, bad)+"/?width=390")
	if f.ScrollWidth < 2000 || len(f.Overlaps) != 1 || len(f.Outside) != 1 || f.Focusable != 0 || f.Described != 0 {
		t.Errorf("found %+v", f)
	}
}

var screenshot = flag.String("screenshot", "", "`file` for the screenshot that TestThePageIsPainted takes")

// A screenshot is not blank. Somebody should look at it all the same.
func TestThePageIsPainted(t *testing.T) {
	path := browser(t)
	file := filepath.Join(t.TempDir(), "page.png")
	if *screenshot != "" {
		file = *screenshot
	}
	runBrowser(t, path, serve(t, render(t, sample(3, 5)))+"/report", "--screenshot="+file, "--window-size=1100,5000")
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	colours := map[color.Color]bool{}
	for y := 0; y < picture.Bounds().Dy(); y += 3 {
		for x := range picture.Bounds().Dx() {
			colours[picture.At(x, y)] = true
		}
	}
	if len(colours) < 50 {
		t.Errorf("the page has %d colours", len(colours))
	}
}
