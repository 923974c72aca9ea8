package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Group is a control group that bounds the memory of the processes in it,
// the page cache that they fill included. Linux has two layouts, and this
// package knows both; the files are
//
//	what                     version 1                   version 2
//	bound, bytes             memory.limit_in_bytes       memory.max
//	swap                     memory.memsw.limit_in_bytes memory.swap.max
//	most that was held       memory.max_usage_in_bytes   memory.peak
//	page cache; anonymous    memory.stat: cache, rss     memory.stat: file, anon
//	processes killed         memory.oom_control          memory.events
//
// The parent makes a group, the child that is to be bounded joins it before it
// does anything else, and the parent removes it once the child has ended. What
// the child held before it joined, a few mebibytes, stays charged to its parent's
// group.
type Group struct {
	Dir string // which the child is told
}

// ErrNoGroup says that no group can be made here; what wraps it says why.
var ErrNoGroup = errors.New("no memory group")

// NewGroup makes a group that bounds memory at limit bytes, without swap. In
// version 1 it is below the group of this process. In version 2 a
// group with processes cannot bound its children, so that the new one is this
// process's sibling there, unless this process is in the root.
func NewGroup(name string, limit int64) (*Group, error) {
	return newGroup("", os.Mkdir, name, limit)
}

// newGroup is NewGroup in a tree of files below root, where mkdir also does
// what the kernel does.
func newGroup(root string, mkdir func(string, os.FileMode) error, name string, limit int64) (*Group, error) {
	parent, err := findParent(root, limit)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGroup, err)
	}
	g := &Group{Dir: filepath.Join(parent, name)}
	if err := mkdir(g.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGroup, err)
	}
	if err := g.bound(limit); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrNoGroup, err), os.Remove(g.Dir))
	}
	return g, nil
}

// findParent returns the directory below which a group can be made that
// bounds memory.
func findParent(root string, limit int64) (string, error) {
	self, err := os.ReadFile(root + "/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	mountinfo, err := os.ReadFile(root + "/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	memberships, mounts := parseMemberships(self), parseMounts(mountinfo)
	for _, m := range memberships {
		if slices.Contains(m.controllers, "memory") {
			own, err := ownDir(root, mounts, "cgroup", "memory", m.path)
			return own, err
		}
	}
	for _, m := range memberships {
		if m.hierarchy == 0 {
			own, err := ownDir(root, mounts, "cgroup2", "", m.path)
			if err != nil {
				return "", err
			}
			return unifiedParent(own, m.path == "/", limit)
		}
	}
	return "", errors.New("this process is in no group")
}

// unifiedParent finds a directory of version 2 that hands the memory controller
// to its children: that of this process's own group, or the one above it. In the
// latter case a bound on the own group would not hold for the new one, and so must not
// be the tighter.
func unifiedParent(own string, atTop bool, limit int64) (string, error) {
	if handsOnMemory(own) {
		return own, nil
	}
	if atTop {
		return "", fmt.Errorf("%s does not hand the memory controller on", own)
	}
	above := filepath.Dir(own)
	if !handsOnMemory(above) {
		return "", fmt.Errorf("%s does not hand the memory controller on", above)
	}
	if text := firstLine(filepath.Join(own, "memory.max")); text != "max" && text != "" {
		if bound, err := strconv.ParseInt(text, 10, 64); err != nil || bound < limit {
			return "", fmt.Errorf("this process may hold only %s bytes itself", text)
		}
	}
	return above, nil
}

func handsOnMemory(dir string) bool {
	return slices.Contains(strings.Fields(firstLine(filepath.Join(dir, "cgroup.subtree_control"))), "memory")
}

// A membership is a line of /proc/self/cgroup, which is, as cgroups(7) has it,
// hierarchy:controllers:path; version 2 is hierarchy 0 and names no controllers.
type membership struct {
	hierarchy   int
	controllers []string
	path        string
}

func parseMemberships(text []byte) []membership {
	var all []membership
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if n, err := strconv.Atoi(parts[0]); err == nil {
			all = append(all, membership{n, strings.Split(parts[1], ","), parts[2]})
		}
	}
	return all
}

// ownDir returns the directory of the group at a path of a hierarchy: that of its
// mount, plus what of the path lies below the mount's root.
func ownDir(root string, mounts []mount, fsType, controller, path string) (string, error) {
	for _, m := range mounts {
		if m.fsType != fsType || controller != "" && !slices.Contains(strings.Split(m.options, ","), controller) {
			continue
		}
		if !within(path, m.root) {
			continue
		}
		dir := filepath.Join(root+m.point, strings.TrimPrefix(path, m.root))
		if _, err := os.Stat(dir); err != nil {
			return "", err
		}
		return dir, nil
	}
	return "", fmt.Errorf("no mount of type %s shows the group %s", fsType, path)
}

// bound sets the limit. Without a limit on swap a store would be slowed where
// it should be stopped; kernels without swap accounting have no file for it.
func (g *Group) bound(limit int64) error {
	text := strconv.FormatInt(limit, 10)
	if g.unified() {
		if err := g.write("memory.max", text); err != nil {
			return err
		}
		return ignoreMissing(g.write("memory.swap.max", "0"))
	}
	if err := g.write("memory.limit_in_bytes", text); err != nil {
		return err
	}
	return ignoreMissing(g.write("memory.memsw.limit_in_bytes", text))
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// unified says whether the group is one of version 2.
func (g *Group) unified() bool {
	_, err := os.Stat(filepath.Join(g.Dir, "memory.max"))
	return err == nil
}

// write writes to one of the group's files, which the kernel has made.
func (g *Group) write(name, text string) error {
	f, err := os.OpenFile(filepath.Join(g.Dir, name), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Join moves this process into the group.
func (g *Group) Join() error {
	const self = "0"
	if err := g.write("cgroup.procs", self); err != nil {
		return fmt.Errorf("join memory group: %w", err)
	}
	return nil
}

// GroupMemory is what the processes of a group hold, in bytes.
type GroupMemory struct {
	Limit     int64
	Peak      int64 // the most there was, page cache included; 0 where the kernel is too old to tell
	PageCache int64
}

// Memory reads what the group holds now.
func (g *Group) Memory() (m GroupMemory, err error) {
	stat, err := os.ReadFile(filepath.Join(g.Dir, "memory.stat"))
	if err != nil {
		return m, fmt.Errorf("read memory group: %w", err)
	}
	limit, peak, cache := "memory.limit_in_bytes", "memory.max_usage_in_bytes", "cache"
	if g.unified() {
		limit, peak, cache = "memory.max", "memory.peak", "file"
	}
	m.PageCache, _ = keyedCount(string(stat), cache)
	m.Peak, _ = strconv.ParseInt(firstLine(filepath.Join(g.Dir, peak)), 10, 64) // memory.peak came with Linux 5.19
	if m.Limit, err = strconv.ParseInt(firstLine(filepath.Join(g.Dir, limit)), 10, 64); err != nil {
		return m, fmt.Errorf("read memory group: %w", err)
	}
	return m, nil
}

// Killed returns how many of the group's processes the kernel has killed because
// they did not fit.
func (g *Group) Killed() (int64, error) {
	name := "memory.oom_control"
	if g.unified() {
		name = "memory.events"
	}
	text, err := os.ReadFile(filepath.Join(g.Dir, name))
	if err != nil {
		return 0, fmt.Errorf("read memory group: %w", err)
	}
	n, _ := keyedCount(string(text), "oom_kill")
	return n, nil
}

// keyedCount returns the number in a line "name number".
func keyedCount(text, name string) (int64, bool) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// removeTries bounds how long Remove waits for the kernel to notice that the last
// process has gone.
const (
	removeTries = 100
	removePause = 10 * time.Millisecond
)

// Remove removes the group, whose processes must have ended.
func (g *Group) Remove() error {
	var err error
	for range removeTries {
		if err = syscall.Rmdir(g.Dir); !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(removePause)
	}
	if err != nil {
		return fmt.Errorf("remove memory group %s: %w", g.Dir, err)
	}
	return nil
}
