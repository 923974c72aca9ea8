package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// A Machine says where a result comes from. What could not be found out is empty.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"` // that the process may use
	Memory int64  `json:"memory_bytes"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Kernel string `json:"kernel"`
	FS     string `json:"fs"` // type of the file system that holds the stores
	Go     string `json:"go"`
	Commit string `json:"commit"` // of this program; "+changes" if the tree had any
}

// DescribeMachine describes the machine as seen from a directory.
func DescribeMachine(dir string) Machine {
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // absent on other systems: nothing is said then
	meminfo, _ := os.ReadFile("/proc/meminfo")
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	memory, _ := procField(meminfo, "MemTotal")
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return Machine{
		CPU:    cpuModel(cpuinfo),
		Cores:  runtime.GOMAXPROCS(0),
		Memory: memory,
		OS:     runtime.GOOS,
		Arch:   runtime.GOARCH,
		Kernel: string(bytes.TrimSpace(release)),
		FS:     fsType(mounts, dir),
		Go:     runtime.Version(),
		Commit: commit(),
	}
}

// sameAs says whether figures of two machines may be compared, and if not, the
// first field in which they differ. Go version and commit may: comparing
// those is the point.
func (m *Machine) sameAs(o *Machine) (field string, same bool) {
	const gib = 1 << 30 // kernels differ in how much memory they keep to themselves
	switch {
	case m.CPU != o.CPU:
		return "cpu", false
	case m.Cores != o.Cores:
		return "cores", false
	case (m.Memory+gib/2)/gib != (o.Memory+gib/2)/gib:
		return "memory", false
	case m.OS != o.OS || m.Arch != o.Arch:
		return "os or architecture", false
	case m.Kernel != o.Kernel:
		return "kernel", false
	case m.FS != o.FS:
		return "file system", false
	}
	return "", true
}

func cpuModel(cpuinfo []byte) string {
	for line := range bytes.Lines(cpuinfo) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && string(bytes.TrimSpace(key)) == "model name" {
			return strings.Join(strings.Fields(string(value)), " ")
		}
	}
	return ""
}

// fsType finds the type of the file system that holds a path: that of the
// mount whose point is the longest prefix, the last one if several are equal.
// A line of mountinfo is, as proc_pid_mountinfo(5) has it,
//
//	36 35 98:0 /root /mount/point options [optional fields] - type source options
func fsType(mountinfo []byte, path string) string {
	best, found := "", ""
	for line := range bytes.Lines(mountinfo) {
		fields := strings.Fields(string(line))
		dash := -1
		for i, f := range fields {
			if f == "-" {
				dash = i
				break
			}
		}
		if dash < 5 || dash+1 >= len(fields) {
			continue
		}
		point := unescapeMount(fields[4])
		if len(point) >= len(best) && within(path, point) {
			best, found = point, fields[dash+1]
		}
	}
	return found
}

// within says whether path is dir or below it.
func within(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(dir, "/"))
}

// unescapeMount undoes the escapes of mount points that contain blanks.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// commit says which commit this program was built from: what the linker
// noted, or, for go run, which notes nothing, what git says of the module
// that the working directory belongs to.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, changes := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changes = "+changes"
		}
	}
	if revision != "" {
		return revision + changes
	}
	return gitCommit(info.Main.Path)
}

// gitCommit asks git, if the working directory is within the module.
func gitCommit(module string) string {
	root := moduleRoot(module)
	if root == "" {
		return ""
	}
	head, err := exec.Command("git", "-C", root, "rev-parse", "HEAD").Output()
	if err != nil {
		return "" // no git, or no repository
	}
	changes := ""
	if status, err := exec.Command("git", "-C", root, "status", "--porcelain").Output(); err == nil && len(status) > 0 {
		changes = "+changes"
	}
	return string(bytes.TrimSpace(head)) + changes
}

// moduleRoot returns the directory of the go.mod above the working directory,
// if it is that of the module.
func moduleRoot(module string) string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			line, _, _ := strings.Cut(string(text), "\n")
			if strings.TrimSpace(line) == "module "+module {
				return dir
			}
			return ""
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
