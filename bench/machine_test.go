package bench

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

func TestTheMachineIsDescribed(t *testing.T) {
	m := DescribeMachine(t.TempDir())
	if m.Cores < 1 || m.OS != runtime.GOOS || m.Arch != runtime.GOARCH || m.Go == "" {
		t.Errorf("machine %+v", m)
	}
	if runtime.GOOS == "linux" && (m.Memory < 1<<20 || m.Kernel == "" || m.FS == "") {
		t.Errorf("machine %+v lacks what Linux tells", m)
	}
}

func TestFSTypeIsThatOfTheInnermostMount(t *testing.T) {
	mountinfo := []byte(`22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /tmp rw - tmpfs tmpfs rw
31 22 8:1 / /data rw shared:2 master:1 - xfs /dev/sdb rw
32 31 8:2 / /data/a\040b rw - btrfs /dev/sdc rw
33 30 0:30 / /tmp rw - overlay overlay rw
broken line
`)
	for path, want := range map[string]string{
		"/":             "ext4",
		"/home/x":       "ext4",
		"/tmp":          "overlay", // mounted over the one below
		"/tmp/x":        "overlay",
		"/tmpfile":      "ext4",
		"/data/x":       "xfs",
		"/data/a b/c/d": "btrfs",
	} {
		if got := fsType(mountinfo, path); got != want {
			t.Errorf("%s is on %q, not %q", path, got, want)
		}
	}
}

func TestCPUModel(t *testing.T) {
	text := []byte("processor\t: 0\nmodel name\t: Example  CPU @ 3.00GHz \nflags : x\n\nmodel name\t: other\n")
	if got := cpuModel(text); got != "Example CPU @ 3.00GHz" {
		t.Errorf("model %q", got)
	}
	if got := cpuModel([]byte("Features : x")); got != "" {
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

func TestProcFields(t *testing.T) {
	c, ok := parseIO([]byte("rchar: 1\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n"))
	if !ok || c.sentDown() != 4096 {
		t.Errorf("counters %+v, found %v", c, ok)
	}
	if _, ok := parseIO([]byte("write_bytes: 8192\n")); ok {
		t.Error("counters are taken for complete that are not")
	}
	for _, text := range []string{"", "VmRSS:", "VmRSS: many kB", "XVmRSS: 1 kB"} {
		if n, ok := procField([]byte(text), "VmRSS"); ok {
			t.Errorf("%q gives %d", text, n)
		}
	}
	if n, ok := procField([]byte("VmPeak:\t 5 kB\nVmRSS:\t   17 kB\n"), "VmRSS"); !ok || n != 17<<10 {
		t.Errorf("%d, found %v", n, ok)
	}
}

func TestTheProcessIsMeasured(t *testing.T) {
	if processCPU() <= 0 {
		t.Error("a running process has used no processor time")
	}
	if runtime.GOOS != "linux" {
		return
	}
	if now, peak, ok := readRSS(); !ok || now <= 0 || peak < now {
		t.Errorf("resident %d, peak %d, found %v", now, peak, ok)
	}
}
