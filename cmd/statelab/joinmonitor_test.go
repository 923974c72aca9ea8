package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join/pipeline"
)

func TestMetricsAreServed(t *testing.T) {
	t.Chdir("../..")
	m, err := serveMetrics("localhost:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	f := joinFlags{file: "examples/rides.yaml", summary: "text", mode: "stream", output: "-"}
	def, err := f.definition()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.Run(t.Context(), def, pipeline.Options{OpenStore: backends.Open, TempDir: t.TempDir(), Stdout: io.Discard, Monitor: m.monitor}); err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(m.url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := `statelab_join_samples_total{pipeline="rides"} 40`; !strings.Contains(string(text), want) || response.StatusCode != http.StatusOK {
		t.Errorf("%s\n%s\nhas no %s", response.Status, text, want)
	}
	if err := m.close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(m.url); err == nil {
		t.Error("it is served still")
	}
}

func TestJoinLogsAsJSON(t *testing.T) {
	code, _, stderr := joinIn(t, map[string]string{"p.yaml": views, "in.csv": "id,kind,at\n1,view,1\n"}, "-f", "p.yaml", "-log", "json", "-metrics", "localhost:0")
	if code != exitDone {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	var messages []string
	for line := range strings.Lines(stderr) {
		var record struct{ Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		messages = append(messages, record.Msg)
	}
	if got := strings.Join(messages, ", "); !strings.HasPrefix(got, "metrics are served, ") || !strings.HasSuffix(got, "is done") {
		t.Errorf("logged %q", got)
	}
}
