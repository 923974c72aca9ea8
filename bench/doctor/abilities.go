package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/statelab/statelab/bench/cachegrind"
	"github.com/statelab/statelab/bench/host"
	"github.com/statelab/statelab/bench/pagecache"
	"github.com/statelab/statelab/bench/perf"
)

// Names of the abilities that verdicts are made of.
const (
	counterAbility    = "CPU counters"
	cachegrindAbility = "cachegrind"
	groupAbility      = "memory bound"
	dropAbility       = "drop caches"
	residencyAbility  = "page cache residency"
	directAbility     = "O_DIRECT"
)

// findAbilities tries what can be tried without harm, and looks for the rest.
func findAbilities(ctx context.Context, r *Report, _ Options, dir string) error {
	for _, a := range []struct {
		name string
		try  func() (note string, err error)
	}{
		{counterAbility, tryCounters},
		{cachegrindAbility, func() (string, error) {
			tool, err := cachegrind.Find(ctx)
			return tool.Version, err
		}},
		{groupAbility, tryGroup},
		{dropAbility, tryDrop},
		{residencyAbility, func() (string, error) { return "cachestat or mincore", tryResidency(dir) }},
		{directAbility, func() (string, error) { return "", tryDirect(dir) }},
		{"browser", tryBrowser},
		{"cgo", tryCgo},
		{"librocksdb", tryHeader("rocksdb/c.h", "librocksdb-dev")},
		{"liblmdb", tryHeader("lmdb.h", "liblmdb-dev")},
	} {
		note, err := a.try()
		if err != nil {
			note = reason(err)
		}
		r.Abilities = append(r.Abilities, Ability{a.name, err == nil, note})
	}
	return nil
}

func tryCounters() (string, error) {
	set, err := perf.Open(perf.Hardware())
	if err != nil {
		return "", err
	}
	note := ""
	if n := len(set.Missing()); n > 0 {
		note = fmt.Sprintf("%d of %d kinds of events", len(perf.Hardware())-n, len(perf.Hardware()))
	}
	return note, set.Close()
}

// tryGroup makes a control group that bounds memory, as bench does for engines that live
// in the page cache.
func tryGroup() (string, error) {
	const bound = 64 << 20
	g, err := host.NewGroup(fmt.Sprintf("statelab-doctor-%d", os.Getpid()), bound)
	if err != nil {
		return "", err
	}
	return "control group " + filepath.Dir(g.Dir), g.Remove()
}

// tryDrop asks whether page caches may be dropped, without dropping them.
func tryDrop() (string, error) {
	const file = "/proc/sys/vm/drop_caches"
	if err := unix.Access(file, unix.W_OK); err != nil {
		return "", &fs.PathError{Op: "write " + file, Path: file, Err: err}
	}
	return file, nil
}

func tryResidency(dir string) error {
	_, err := pagecache.Of(dir)
	return err
}

func tryDirect(dir string) error {
	if direct == 0 {
		return errNoDirect()
	}
	f, err := os.OpenFile(filepath.Join(dir, "try"), os.O_CREATE|os.O_RDWR|direct, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func tryBrowser() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no chromium on the PATH: the report's own test in a browser is skipped")
}

// tryCgo says whether this program was built with cgo, and whether another could be.
func tryCgo() (string, error) {
	built := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "CGO_ENABLED" {
				built = map[string]string{"1": "yes", "0": "no"}[s.Value]
			}
		}
	}
	for _, name := range []string{"cc", "gcc", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			return fmt.Sprintf("%s; in this program: %s", path, built), nil
		}
	}
	return "", errors.New("no C compiler on the PATH")
}

// tryHeader returns a function that looks for a library's header where a system
// keeps them.
func tryHeader(header, debian string) func() (string, error) {
	return func() (string, error) {
		for _, dir := range []string{"/usr/include", "/usr/local/include", "/opt/homebrew/include"} {
			path := filepath.Join(dir, header)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
		return "", fmt.Errorf("%s was not found (on Debian: apt-get install %s)", header, debian)
	}
}
