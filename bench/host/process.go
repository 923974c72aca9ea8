package host

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
)

// IO holds the fields of /proc/self/io that say what the file system was
// given, in bytes: pages that this process made dirty, and those of them that
// were dropped (by truncation or unlinking) before they were written.
type IO struct{ Write, Cancelled int64 }

// SentDown is what was given and not taken back.
func (c IO) SentDown() int64 { return c.Write - c.Cancelled }

// ReadIO returns the process's counters; false where the system has none.
func ReadIO() (IO, bool) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return IO{}, false
	}
	return parseIO(text)
}

func parseIO(text []byte) (c IO, ok bool) {
	written, ok1 := procField(text, "write_bytes")
	cancelled, ok2 := procField(text, "cancelled_write_bytes")
	return IO{written, cancelled}, ok1 && ok2
}

// Memory is what a process holds, in bytes.
type Memory struct {
	Resident int64 // now (VmRSS)
	Peak     int64 // the most there was (VmHWM)
	Mapped   int64 // of Resident: pages of mapped files, the program's own included (RssFile)
}

// ReadMemory returns this process's memory; false where the system does not
// tell.
func ReadMemory() (Memory, bool) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return Memory{}, false
	}
	return parseMemory(text)
}

func parseMemory(text []byte) (m Memory, ok bool) {
	var ok1, ok2, ok3 bool
	m.Resident, ok1 = procField(text, "VmRSS")
	m.Peak, ok2 = procField(text, "VmHWM")
	m.Mapped, ok3 = procField(text, "RssFile")
	return m, ok1 && ok2 && ok3
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

// Usage is what all threads of this process have used so far.
type Usage struct {
	CPU         time.Duration // user and system
	Involuntary int64         // context switches because a time slice had ended or something more urgent came
}

// ReadUsage returns this process's usage; zero where the system does not tell.
func ReadUsage() Usage {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return Usage{}
	}
	return Usage{CPU: time.Duration(u.Utime.Nano() + u.Stime.Nano()), Involuntary: int64(u.Nivcsw)}
}
