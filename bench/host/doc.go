// Package host knows the machine that a measurement runs on: what it is, what
// it tells of this process, what its other tenants did meanwhile, and how to give a
// process no more memory than it should have.
//
//	/proc/cpuinfo, meminfo, mountinfo, /sys ──► Machine      what a figure belongs to
//	/proc/self/{io,status}, getrusage ────────► IO, Memory, Usage   what this process did
//	/proc/stat, pressure, loadavg ────────────► Load         what everybody did
//	/proc/sys/vm/drop_caches, sync ───────────► Settle       one start for every run
//	/sys/fs/cgroup (v1 or v2) ────────────────► Group        a bound on memory
//
// What the system does not tell is absent: a reader returns false, an error, or
// an empty field, and nothing is guessed. All of it is text that a kernel wrote in a
// format of its own; each is described where it is parsed. On systems other than Linux the
// package compiles and finds little.
package host
