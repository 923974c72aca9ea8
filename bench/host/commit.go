package host

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

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
