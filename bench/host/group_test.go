package host

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// plant makes files with these contents below a root of its own.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// kernelMkdir returns a mkdir that, as the kernel does, fills a new group with files.
func kernelMkdir(files map[string]string) func(string, os.FileMode) error {
	return func(dir string, mode os.FileMode) error {
		if err := os.Mkdir(dir, mode); err != nil {
			return err
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				return err
			}
		}
		return nil
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	mountsV1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	mountsV2 = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
)

func filesV1() map[string]string {
	return map[string]string{
		"memory.limit_in_bytes": "9223372036854771712\n", "memory.memsw.limit_in_bytes": "9223372036854771712\n",
		"memory.max_usage_in_bytes": "5000\n", "cgroup.procs": "",
		"memory.stat": "cache 3000\nrss 1000\n", "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
	}
}

func filesV2() map[string]string {
	return map[string]string{
		"memory.max": "max\n", "memory.swap.max": "max\n", "memory.peak": "5000\n", "cgroup.procs": "",
		"memory.stat": "anon 1000\nfile 3000\n", "memory.events": "low 0\noom 1\noom_kill 2\n",
	}
}

// Life of a group in both layouts: made below the right parent, bounded without
// swap, joined, read.
func TestAGroupBoundsMemoryInBothLayouts(t *testing.T) {
	const limit = 64 << 20
	for _, c := range []struct {
		name  string
		tree  map[string]string
		files map[string]string
		want  string
		bound []string // files that hold the limit, or 0 for swap of version 2
	}{
		{"version 1", map[string]string{
			"proc/self/cgroup":    "5:devices:/\n4:memory:/box/it\n0::/\n",
			"proc/self/mountinfo": mountsV1, "sys/fs/cgroup/memory/box/it/memory.limit_in_bytes": "1",
		}, filesV1(), "sys/fs/cgroup/memory/box/it/run", []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"}},
		{"version 1 within a container", map[string]string{
			"proc/self/cgroup":    "4:cpu,memory:/docker/abc/inner\n",
			"proc/self/mountinfo": "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpu,memory\n", "sys/fs/cgroup/memory/inner/tasks": "",
		}, filesV1(), "sys/fs/cgroup/memory/inner/run", []string{"memory.limit_in_bytes"}},
		{"version 2, beside its own group", map[string]string{
			"proc/self/cgroup": "0::/user/mine\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/user/cgroup.subtree_control":      "cpu memory pids\n",
			"sys/fs/cgroup/user/mine/cgroup.subtree_control": "\n", "sys/fs/cgroup/user/mine/memory.max": "max\n",
		}, filesV2(), "sys/fs/cgroup/user/run", []string{"memory.max"}},
		{"version 2, in the root", map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountsV2, "sys/fs/cgroup/cgroup.subtree_control": "memory\n",
		}, filesV2(), "sys/fs/cgroup/run", []string{"memory.max"}},
	} {
		root := plant(t, c.tree)
		g, err := newGroup(root, kernelMkdir(c.files), "run", limit)
		if err != nil || g.Dir != filepath.Join(root, c.want) {
			t.Errorf("%s: error %v, group %+v", c.name, err, g)
			continue
		}
		for _, name := range c.bound {
			if got := read(t, filepath.Join(g.Dir, name)); got != strconv.Itoa(limit) {
				t.Errorf("%s: %s is %s", c.name, name, got)
			}
		}
		if g.unified() && read(t, filepath.Join(g.Dir, "memory.swap.max")) != "0" {
			t.Errorf("%s: the group may swap", c.name)
		}
		if err := g.Join(); err != nil || read(t, filepath.Join(g.Dir, "cgroup.procs")) != "0" {
			t.Errorf("%s: error %v, or nobody joined", c.name, err)
		}
		m, err := g.Memory()
		if err != nil || m != (GroupMemory{Limit: limit, Peak: 5000, PageCache: 3000}) {
			t.Errorf("%s: error %v, memory %+v", c.name, err, m)
		}
		if n, err := g.Killed(); err != nil || n != 2 {
			t.Errorf("%s: error %v, %d killed", c.name, err, n)
		}
	}
}

func TestAGroupThatCannotBeMadeSaysWhy(t *testing.T) {
	inMine := map[string]string{"proc/self/cgroup": "0::/user/mine\n", "proc/self/mountinfo": mountsV2}
	for name, c := range map[string]struct {
		tree  map[string]string
		files map[string]string
		want  string
	}{
		"no proc":    {nil, nil, "no such file"},
		"no mount":   {map[string]string{"proc/self/cgroup": "4:memory:/\n", "proc/self/mountinfo": mountsV2}, nil, "no mount of type cgroup shows the group /"},
		"no group":   {map[string]string{"proc/self/cgroup": "junk\n3:cpu:/\n", "proc/self/mountinfo": mountsV1}, nil, "this process is in no group"},
		"not there":  {map[string]string{"proc/self/cgroup": "4:memory:/gone\n", "proc/self/mountinfo": mountsV1}, nil, "no such file"},
		"not handed": {with(inMine, "sys/fs/cgroup/user/mine/x", ""), nil, "user does not hand the memory controller on"},
		"at the top of a container": {map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountsV2, "sys/fs/cgroup/cgroup.subtree_control": "cpu\n",
		}, nil, "cgroup does not hand the memory controller on"},
		// A sibling would escape the bound that this process is under.
		"tighter itself": {with(with(inMine, "sys/fs/cgroup/user/mine/memory.max", "4096\n"), "sys/fs/cgroup/user/cgroup.subtree_control", "memory\n"),
			nil, "this process may hold only 4096 bytes itself"},
		"no controller files": {with(with(inMine, "sys/fs/cgroup/user/mine/x", ""), "sys/fs/cgroup/user/cgroup.subtree_control", "memory\n"),
			map[string]string{}, "no such file"},
	} {
		root := plant(t, c.tree)
		g, err := newGroup(root, kernelMkdir(c.files), "run", 1<<20)
		if !errors.Is(err, ErrNoGroup) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: group %v, error %v, not %q", name, g, err, c.want)
		}
		if left, _ := filepath.Glob(root + "/sys/fs/cgroup/user/run"); left != nil {
			t.Errorf("%s: %v is left behind", name, left)
		}
	}
}

func with(tree map[string]string, name, text string) map[string]string {
	more := map[string]string{name: text}
	for k, v := range tree {
		more[k] = v
	}
	return more
}

// Where this machine permits it: a process that does not fit its group is killed, and one that
// fits is told what it held. The processes are this test's binary.
func TestAProcessIsHeldToItsGroup(t *testing.T) {
	const limit = 256 << 20 // the race detector needs several times what is held
	g, err := NewGroup("statelab-test-"+strconv.Itoa(os.Getpid()), limit)
	if err != nil {
		t.Skipf("memory cannot be bounded here: %v", err)
	}
	defer func() {
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
	}()
	run := func(bytesHeld int) (string, error) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHoldMemory$", "-hold.group", g.Dir, "-hold.bytes", strconv.Itoa(bytesHeld))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(16 << 20); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n, err := g.Killed(); err != nil || n != 0 {
		t.Errorf("error %v, %d killed of a process that fits", err, n)
	}
	if m, err := g.Memory(); err != nil || m.Limit != limit || m.Peak < 16<<20 {
		t.Errorf("error %v, memory %+v", err, m)
	}
	if out, err := run(2 * limit); err == nil {
		t.Errorf("a process holds twice what its group may:\n%s", out)
	}
	if n, err := g.Killed(); err != nil || n != 1 {
		t.Errorf("error %v, %d killed", err, n)
	}
}

var (
	holdGroup = flag.String("hold.group", "", "`directory` of the group that TestHoldMemory joins")
	holdBytes = flag.Int("hold.bytes", 0, "how many `bytes` it then holds")
)

// TestHoldMemory is the process of the test above; by itself it has nothing to do.
func TestHoldMemory(t *testing.T) {
	if *holdGroup == "" {
		return
	}
	if err := (&Group{Dir: *holdGroup}).Join(); err != nil {
		t.Fatal(err)
	}
	held := bytes.Repeat([]byte{1}, *holdBytes)
	t.Logf("%d bytes held", len(held))
}
