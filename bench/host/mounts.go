package host

import (
	"bytes"
	"slices"
	"strings"
)

// A mount is one line of /proc/self/mountinfo, which is, as
// proc_pid_mountinfo(5) has it,
//
//	36 35 98:0 /root /mount/point options [optional fields] - type source options
type mount struct {
	root    string // the directory of the file system that is mounted
	point   string
	fsType  string
	options string // of the file system, separated by commas
}

// parseMounts reads mountinfo; lines that are none are left out.
func parseMounts(mountinfo []byte) []mount {
	var mounts []mount
	for line := range bytes.Lines(mountinfo) {
		fields := strings.Fields(string(line))
		dash := slices.Index(fields, "-")
		if dash < 5 || dash+1 >= len(fields) {
			continue
		}
		m := mount{root: unescapeMount(fields[3]), point: unescapeMount(fields[4]), fsType: fields[dash+1]}
		if dash+3 < len(fields) {
			m.options = fields[dash+3]
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// unescapeMount undoes the escapes of mount points that contain blanks.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// fsType finds the type of the file system that holds a path: that of the
// mount whose point is the longest prefix, the last one if several are equal.
func fsType(mounts []mount, path string) string {
	best, found := "", ""
	for _, m := range mounts {
		if len(m.point) >= len(best) && within(path, m.point) {
			best, found = m.point, m.fsType
		}
	}
	return found
}

// within says whether path is dir or below it.
func within(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(dir, "/"))
}
