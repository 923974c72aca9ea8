package storetest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// A recorder is a tb that keeps what a failing kit says, so that a test of the
// kit can pass when the kit fails.
type recorder struct {
	t      *testing.T
	name   string
	parent *recorder

	mu       sync.Mutex
	failed   bool
	failures []string // in the root
	skips    []string // in the root
	logs     []string // in the root
}

func (r *recorder) Helper()         {}
func (r *recorder) Name() string    { return r.name }
func (r *recorder) TempDir() string { return r.t.TempDir() }

func (r *recorder) Log(args ...any) {
	root := r.root()
	root.mu.Lock()
	defer root.mu.Unlock()
	root.logs = append(root.logs, fmt.Sprint(args...))
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) root() *recorder {
	for r.parent != nil {
		r = r.parent
	}
	return r
}

func (r *recorder) Error(args ...any) {
	for p := r; p != nil; p = p.parent {
		p.mu.Lock()
		p.failed = true
		p.mu.Unlock()
	}
	root := r.root()
	root.mu.Lock()
	defer root.mu.Unlock()
	root.failures = append(root.failures, fmt.Sprint(args...))
}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recorder) Skip(args ...any) {
	root := r.root()
	root.mu.Lock()
	root.skips = append(root.skips, r.name+": "+fmt.Sprint(args...))
	root.mu.Unlock()
	runtime.Goexit()
}

func (r *recorder) Run(name string, f func(tb)) bool {
	sub := &recorder{t: r.t, name: r.name + "/" + name, parent: r}
	done := make(chan struct{})
	go func() { // so that Fatal ends the subtest and not its parent
		defer close(done)
		f(sub)
	}()
	<-done
	return !sub.Failed()
}

// names returns the ids with which the failures begin.
func (r *recorder) names() map[string]bool {
	ids := map[string]bool{}
	for _, f := range r.failures {
		id, _, _ := strings.Cut(f, ":")
		ids[id] = true
	}
	return ids
}
