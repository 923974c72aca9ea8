package bench

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// ioCounters are the fields of /proc/self/io that say what the file system was
// given: pages that this process made dirty, and those of them that were
// dropped (by truncation or unlinking) before they were written.
type ioCounters struct{ writeBytes, cancelled int64 }

func (c ioCounters) sentDown() int64 { return c.writeBytes - c.cancelled }

// readIO returns the process's counters; false where the system has none.
func readIO() (ioCounters, bool) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return ioCounters{}, false
	}
	return parseIO(text)
}

func parseIO(text []byte) (c ioCounters, ok bool) {
	written, ok1 := procField(text, "write_bytes")
	cancelled, ok2 := procField(text, "cancelled_write_bytes")
	return ioCounters{written, cancelled}, ok1 && ok2
}

// readRSS returns resident memory now and at its peak, in bytes; false where
// the system does not tell.
func readRSS() (now, peak int64, ok bool) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, false
	}
	now, ok1 := procField(text, "VmRSS")
	peak, ok2 := procField(text, "VmHWM")
	return now, peak, ok1 && ok2
}

// procField returns the number in a line "name: number [kB]".
func procField(text []byte, name string) (int64, bool) {
	for line := range bytes.Lines(text) {
		key, rest, ok := bytes.Cut(line, []byte(":"))
		if !ok || string(key) != name {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			return 0, false
		}
		n, err := strconv.ParseInt(string(fields[0]), 10, 64)
		if err != nil {
			return 0, false
		}
		if len(fields) > 1 && string(fields[1]) == "kB" {
			n *= 1024
		}
		return n, true
	}
	return 0, false
}

// processCPU returns the user and system time of all threads so far.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
