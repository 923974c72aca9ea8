package bench

import (
	"strings"
	"testing"
)

// layered returns results of three backends: one with every layer, one whose
// files were not traced, and one that wrote nothing. No machine has measured them.
func layered() []Result {
	settings := Settings{Device: DefaultDevice()}
	full := Metrics{}
	full.set("logical_bytes", 80<<20)
	full.set("written_flush_bytes", 40<<20)
	full.set("written_compaction_bytes", 120<<20)
	full.set("written_log_bytes", 0)
	full.set("written_meta_bytes", 1000)
	full.set("write_amp_engine", 2)
	full.set("write_amp_fs", 1.5)
	full.set("write_amp_sent", 1.49)
	full.set("write_amp_device", 1.1)
	full.set("write_amp_total", 1.64)
	untraced := Metrics{}
	untraced.set("logical_bytes", 80<<20)
	untraced.set("written_page_bytes", 160<<20)
	untraced.set("write_amp_engine", 2)
	untraced.set("write_amp_fs", 3)
	memory := Metrics{}
	memory.set("logical_bytes", 80<<20)
	memory.set("write_amp_engine", 0)
	memory.set("write_amp_total", 0)
	return []Result{
		{Workload: "J1s", Backend: "lsm", Settings: settings, Metrics: full},
		{Workload: "J1s", Backend: "peer", Settings: settings, Metrics: untraced, Notes: []string{"disturbed", deviceNote + "store is not traced"}},
		{Workload: "J1s", Backend: "memory", Settings: settings, Metrics: memory},
	}
}

func TestTheLayersOfWriteAmplification(t *testing.T) {
	goldens.Compare(t, "layers.txt", []byte(layersBlock(GroupResults(layered()))))
}

// Repetitions are divided each by what it was given, and the middle shown.
func TestALayerIsTheMedianOfRatios(t *testing.T) {
	var g Group
	for _, x := range []float64{1, 2, 100} {
		m := Metrics{}
		m.set("logical_bytes", 10*x)
		m.set("written_page_bytes", 10*x*x)
		g.Results = append(g.Results, Result{Metrics: m})
	}
	if v, ok := perLogical("written_page_bytes")(&g); !ok || v != 2 {
		t.Errorf("%v, %v", v, ok)
	}
	if _, ok := perLogical("written_log_bytes")(&g); ok {
		t.Error("there is a ratio of what was not measured")
	}
}

func TestRunsThatWriteNothingHaveNoLayers(t *testing.T) {
	m := Metrics{}
	m.set("logical_bytes", 0)
	if text := layersBlock([]Group{{Results: []Result{{Metrics: m}}}}); text != "" {
		t.Errorf("printed:\n%s", text)
	}
}

func TestEveryPurposeHasAColumn(t *testing.T) {
	for _, doc := range MetricDocs() {
		if !strings.HasPrefix(doc.Name, "written_") {
			continue
		}
		found := false
		for _, p := range purposes {
			found = found || p.metric == doc.Name
		}
		if !found {
			t.Errorf("%s has no column", doc.Name)
		}
	}
}
