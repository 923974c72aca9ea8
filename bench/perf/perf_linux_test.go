package perf

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// software are events of the kernel, which every machine can count: they go
// the same way as those of the processor.
func software() []Event {
	return []Event{{"task clock", kindSoftware, softwareTaskClock}, {"page faults", kindSoftware, softwarePageFaults}}
}

// openSoftware skips the test where even these are forbidden, as in containers.
func openSoftware(t *testing.T) *Set {
	t.Helper()
	s, err := Open(software())
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Skipf("perf events: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// touched are the pages that a thread of a test touches for the first time.
const touched = 1000

// touch makes so many page faults on a thread of its own, which it has taken
// before ready is told and keeps until the end of the test binary's goroutine.
func touch(t *testing.T, ready *sync.WaitGroup, start <-chan struct{}) {
	runtime.LockOSThread()
	ready.Done()
	<-start
	page := os.Getpagesize()
	b, err := unix.Mmap(-1, 0, touched*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Error(err)
		return
	}
	if err := unix.Madvise(b, unix.MADV_NOHUGEPAGE); err != nil && !errors.Is(err, unix.EINVAL) {
		t.Error(err)
	}
	for i := 0; i < len(b); i += page {
		b[i] = 1
	}
	if err := unix.Munmap(b); err != nil {
		t.Error(err)
	}
}

// E1: threads that were there before, and threads started since.
func TestOldAndNewThreadsAreCountedOnce(t *testing.T) {
	const each = 8 // more than the runtime has idle
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	launch := func() {
		ready.Add(each)
		for range each {
			done.Go(func() { touch(t, &ready, start) })
		}
		ready.Wait()
	}
	launch()
	s := openSoftware(t)
	defer s.Close()
	launch()
	before, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	close(start)
	done.Wait()
	after, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	// The runtime touches pages too; a thread counted twice or not at all would be 1000 off.
	faults := s.Since(before, after)["page faults"]
	if want := 2.0 * each * touched; faults < want || faults > want+touched/2 {
		t.Errorf("%v page faults, not %v and a few", faults, want)
	}
}

func TestTheProcessorTimeIsThatOfThreads(t *testing.T) {
	s := openSoftware(t)
	defer s.Close()
	before, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for began := time.Now(); time.Since(began) < 20*time.Millisecond; {
		sum++
	}
	after, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	if ns := s.Since(before, after)["task clock"]; ns <= 0 {
		t.Errorf("%v ns of processor time in a loop of %d turns", ns, sum)
	}
}

// The counters themselves: where the machine has them, a loop of a known number of
// turns shows; elsewhere the reason is one that can be read.
func TestTheProcessorCountsInstructions(t *testing.T) {
	s, err := Open(Hardware())
	if err != nil {
		t.Skipf("no counters here, so they are not tried: %v", err)
	}
	defer s.Close()
	before, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	const turns = 5_000_000
	x := uint64(88172645463325252)
	for range turns {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	after, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	n, ok := s.Since(before, after)[Instructions]
	if ok && (n < turns || n > 100*turns || x == 0) {
		t.Errorf("%v instructions in %d turns of a loop", n, turns)
	}
}
