package host

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Load is what everybody on the machine has done since it started. Two of
// them, around a run, say what the run's neighbours did. What the system does not
// tell is marked as unknown, and so is whatever would be computed from it.
type Load struct {
	at       time.Time
	cpu      cpuTicks
	cpuKnown bool
	kernel   int64 // ticks of the kernel's own threads, which write back what processes leave dirty
	pressure [resources]pressure
	average  float64 // the load average of the last minute; negative if not known
}

// A Resource is something that tasks wait for (pressure stall information).
type Resource int8

const (
	CPU Resource = iota
	Disk
	RAM
	resources
)

// ReadLoad reads the counters. It takes some milliseconds and should be done
// outside of what is measured.
func ReadLoad() Load {
	l := Load{at: time.Now(), average: -1}
	if text, err := os.ReadFile("/proc/stat"); err == nil {
		l.cpu, l.cpuKnown = parseStat(text)
	}
	l.kernel = kernelTicks("/proc")
	for r, file := range [resources]string{"cpu", "io", "memory"} {
		if text, err := os.ReadFile("/proc/pressure/" + file); err == nil {
			l.pressure[r] = parsePressure(text)
		}
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		if first, _, ok := strings.Cut(string(text), " "); ok {
			if v, err := strconv.ParseFloat(first, 64); err == nil {
				l.average = v
			}
		}
	}
	return l
}

// Average returns the load average of the last minute.
func (l *Load) Average() (float64, bool) { return l.average, l.average >= 0 }

// leastTicks is the processors' time, a second of one, below which shares of
// it are unknown: the kernel counts in ticks, and one or two would be a result.
const leastTicks = 100

// ticks returns the processors' time since before; false if that is not known
// well enough to divide by.
func (l *Load) ticks(before *Load) (total int64, known bool) {
	total = l.cpu.total() - before.cpu.total()
	return total, l.cpuKnown && before.cpuKnown && total >= leastTicks
}

// Steal returns the share of the processors' time since before in which a
// hypervisor let them wait although there was work.
func (l *Load) Steal(before *Load) (float64, bool) {
	total, known := l.ticks(before)
	if !known {
		return 0, false
	}
	return ratioOf(l.cpu.steal-before.cpu.steal, total), true
}

// Others returns the share of the processors' time since before that went to
// neither this process, which used own meanwhile, nor the kernel's threads, nor
// idleness: to other processes. Steal is not part of it.
func (l *Load) Others(before *Load, own time.Duration) (float64, bool) {
	total, known := l.ticks(before)
	if !known {
		return 0, false
	}
	ownTicks := int64(own * ticksPerSecond / time.Second)
	return ratioOf(l.cpu.busy-before.cpu.busy-(l.kernel-before.kernel)-ownTicks, total), true
}

// Pressure returns the share of the time since before in which at least one
// task, whosever, had to wait for a resource.
func (l *Load) Pressure(before *Load, r Resource) (float64, bool) {
	elapsed := l.at.Sub(before.at)
	if !l.pressure[r].known || !before.pressure[r].known || elapsed <= 0 {
		return 0, false
	}
	return ratioOf(int64(l.pressure[r].some-before.pressure[r].some), int64(elapsed)), true
}

// ratioOf bounds a ratio of counters that are not read at one instant.
func ratioOf(part, whole int64) float64 {
	return max(0, min(1, float64(part)/float64(whole)))
}

// ticksPerSecond is the unit of the kernel's text files, USER_HZ, which Linux
// fixes at 100 on every architecture that Go supports.
const ticksPerSecond = 100

// cpuTicks is the first line of /proc/stat, summed up over all processors.
type cpuTicks struct {
	busy, steal, idle int64
}

func (c cpuTicks) total() int64 { return c.busy + c.steal + c.idle }

// parseStat reads the line, which is, as proc_stat(5) has it,
//
//	cpu user nice system idle iowait irq softirq steal guest guest_nice
//
// where guest time is part of user time already.
func parseStat(text []byte) (c cpuTicks, ok bool) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return c, false
	}
	var ticks [8]int64
	for i := range ticks {
		n, err := strconv.ParseInt(fields[i+1], 10, 64)
		if err != nil {
			return c, false
		}
		ticks[i] = n
	}
	user, nice, system, idle, iowait, irq, softirq, steal := ticks[0], ticks[1], ticks[2], ticks[3], ticks[4], ticks[5], ticks[6], ticks[7]
	return cpuTicks{busy: user + nice + system + irq + softirq, idle: idle + iowait, steal: steal}, true
}

// kernelTicks sums up the processor time of the kernel's threads. One
// that ends meanwhile takes its time along.
func kernelTicks(proc string) int64 {
	dir, err := os.Open(proc)
	if err != nil {
		return 0
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0
	}
	var sum int64
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		if text, err := os.ReadFile(proc + "/" + name + "/stat"); err == nil {
			sum += kernelThreadTicks(text)
		}
	}
	return sum
}

// kernelThreadTicks returns the time in a line of /proc/PID/stat if it is that
// of a kernel thread, which the flag PF_KTHREAD says. The line is, as
// proc_pid_stat(5) has it, a number, a name in parentheses that may contain anything, and
//
//	state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime ...
func kernelThreadTicks(stat []byte) int64 {
	const kernelThread = 0x00200000
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	flags, err1 := strconv.ParseInt(fields[6], 10, 64)
	user, err2 := strconv.ParseInt(fields[11], 10, 64)
	system, err3 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || flags&kernelThread == 0 {
		return 0
	}
	return user + system
}

// pressure is a file of /proc/pressure.
type pressure struct {
	some  time.Duration // in which at least one task waited
	known bool
}

// parsePressure reads the line
//
//	some avg10=0.00 avg60=0.00 avg300=0.00 total=123456
//
// whose total is in microseconds.
func parsePressure(text []byte) pressure {
	for line := range bytes.Lines(text) {
		rest, ok := strings.CutPrefix(string(line), "some ")
		if !ok {
			continue
		}
		for _, field := range strings.Fields(rest) {
			if value, ok := strings.CutPrefix(field, "total="); ok {
				n, err := strconv.ParseInt(value, 10, 64)
				return pressure{time.Duration(n) * time.Microsecond, err == nil}
			}
		}
	}
	return pressure{}
}
