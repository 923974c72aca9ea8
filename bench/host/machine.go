package host

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
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

	// Governor is the policy by which cpufreq sets the clock of the first
	// processor, such as "performance"; virtual machines often have none.
	Governor string `json:"governor,omitempty"`
	// Virtual names what pretends to be the machine: the maker and product that
	// the firmware states, or "hypervisor" where only the processor says that there is one.
	Virtual string `json:"virtual,omitempty"`
}

// Describe describes the machine as seen from a directory.
func Describe(dir string) Machine {
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // absent on other systems: nothing is said then
	meminfo, _ := os.ReadFile("/proc/meminfo")
	mountinfo, _ := os.ReadFile("/proc/self/mountinfo")
	memory, _ := procField(meminfo, "MemTotal")
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return Machine{
		CPU:      cpuField(cpuinfo, "model name"),
		Cores:    runtime.GOMAXPROCS(0),
		Memory:   memory,
		OS:       runtime.GOOS,
		Arch:     runtime.GOARCH,
		Kernel:   firstLine("/proc/sys/kernel/osrelease"),
		FS:       fsType(parseMounts(mountinfo), dir),
		Go:       runtime.Version(),
		Commit:   commit(),
		Governor: firstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		Virtual:  virtual(cpuinfo, firstLine("/sys/class/dmi/id/sys_vendor"), firstLine("/sys/class/dmi/id/product_name")),
	}
}

// SameAs says whether figures of two machines may be compared, and if not, the
// first field in which they differ. Go version and commit may: comparing
// those is the point. Fields that older results lack may be empty in one.
func (m *Machine) SameAs(o *Machine) (field string, same bool) {
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
	case m.Governor != "" && o.Governor != "" && m.Governor != o.Governor:
		return "governor", false
	case m.Virtual != "" && o.Virtual != "" && m.Virtual != o.Virtual:
		return "virtual machine", false
	}
	return "", true
}

// cpuField returns the first value of a field of /proc/cpuinfo, its lines being
// "name : value", or empty.
func cpuField(cpuinfo []byte, name string) string {
	for line := range bytes.Lines(cpuinfo) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && string(bytes.TrimSpace(key)) == name {
			return strings.Join(strings.Fields(string(value)), " ")
		}
	}
	return ""
}

// virtual says what kind of virtual machine this is, empty if it is none. The
// flag is what x86 processors show to guests; real machines have a maker too,
// so that the firmware counts only beside it.
func virtual(cpuinfo []byte, vendor, product string) string {
	guest := false
	for _, flag := range strings.Fields(cpuField(cpuinfo, "flags")) {
		guest = guest || flag == "hypervisor"
	}
	if !guest {
		return ""
	}
	if text := strings.TrimSpace(vendor + " " + product); text != "" {
		return text
	}
	return "hypervisor"
}

// firstLine returns the first line of a file, or empty if it cannot be read.
func firstLine(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}
