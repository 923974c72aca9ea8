package host

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

func TestTheMachineIsDescribed(t *testing.T) {
	m := Describe(t.TempDir())
	if m.Cores < 1 || m.OS != runtime.GOOS || m.Arch != runtime.GOARCH || m.Go == "" {
		t.Errorf("machine %+v", m)
	}
	if runtime.GOOS == "linux" && (m.Memory < 1<<20 || m.Kernel == "" || m.FS == "") {
		t.Errorf("machine %+v lacks what Linux tells", m)
	}
}

func TestFSTypeIsThatOfTheInnermostMount(t *testing.T) {
	mounts := parseMounts([]byte(`22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /tmp rw - tmpfs tmpfs rw
31 22 8:1 / /data rw shared:2 master:1 - xfs /dev/sdb rw
32 31 8:2 / /data/a\040b rw - btrfs /dev/sdc rw
33 30 0:30 / /tmp rw - overlay overlay rw
broken line
`))
	for path, want := range map[string]string{
		"/":             "ext4",
		"/home/x":       "ext4",
		"/tmp":          "overlay", // mounted over the one below
		"/tmp/x":        "overlay",
		"/tmpfile":      "ext4",
		"/data/x":       "xfs",
		"/data/a b/c/d": "btrfs",
	} {
		if got := fsType(mounts, path); got != want {
			t.Errorf("%s is on %q, not %q", path, got, want)
		}
	}
}

func TestCPUModel(t *testing.T) {
	text := []byte("processor\t: 0\nmodel name\t: Example  CPU @ 3.00GHz \nflags : x\n\nmodel name\t: other\n")
	if got := cpuField(text, "model name"); got != "Example CPU @ 3.00GHz" {
		t.Errorf("model %q", got)
	}
	if got := cpuField([]byte("Features : x"), "model name"); got != "" {
		t.Errorf("model %q of a machine that names none", got)
	}
}

func TestTheCommitIsFoundWithinTheModule(t *testing.T) {
	head, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Skip("not in a git repository")
	}
	if got := gitCommit("github.com/statelab/statelab"); !strings.HasPrefix(got, strings.TrimSpace(string(head))) {
		t.Errorf("commit %q, and git says %q", got, head)
	}
	if got := gitCommit("example.com/other"); got != "" {
		t.Errorf("commit %q of a module that this is not", got)
	}
	t.Chdir(t.TempDir())
	if got := gitCommit("github.com/statelab/statelab"); got != "" {
		t.Errorf("commit %q outside of the module", got)
	}
}

// The firmware of a real machine names a maker too.
func TestOnlyAGuestIsVirtual(t *testing.T) {
	guest, host := []byte("flags\t\t: fpu hypervisor lm\n"), []byte("flags\t\t: fpu lm\n")
	for _, c := range []struct {
		cpuinfo               []byte
		vendor, product, want string
	}{
		{guest, "Example", "Cloud 1", "Example Cloud 1"},
		{guest, "", "", "hypervisor"},
		{host, "Example", "Desktop", ""},
		{nil, "", "", ""},
	} {
		if got := virtual(c.cpuinfo, c.vendor, c.product); got != c.want {
			t.Errorf("%q on %q %q is %q, not %q", c.cpuinfo, c.vendor, c.product, got, c.want)
		}
	}
}

// Results that were made before a field was known can still be compared.
func TestMachinesDifferOnlyInWhatBothTell(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "performance", ""},
		{"performance", "performance", ""},
		{"performance", "powersave", "governor"},
	} {
		a, b := Machine{Governor: c.a}, Machine{Governor: c.b}
		if field, same := a.SameAs(&b); field != c.want || same != (c.want == "") {
			t.Errorf("%q and %q differ in %q", c.a, c.b, field)
		}
	}
	a, b := Machine{Virtual: "x", Go: "1", Commit: "1"}, Machine{Virtual: "y", Go: "2", Commit: "2"}
	if field, _ := a.SameAs(&b); field != "virtual machine" {
		t.Errorf("they differ in %q", field)
	}
	b.Virtual = "x"
	if field, same := a.SameAs(&b); !same {
		t.Errorf("machines of another commit and Go version differ in %q", field)
	}
}
