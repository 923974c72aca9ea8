package host

import (
	"runtime"
	"testing"
)

func TestProcFields(t *testing.T) {
	c, ok := parseIO([]byte("rchar: 1\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n"))
	if !ok || c.SentDown() != 4096 {
		t.Errorf("counters %+v, found %v", c, ok)
	}
	if _, ok := parseIO([]byte("write_bytes: 8192\n")); ok {
		t.Error("counters are taken for complete that are not")
	}
	for _, text := range []string{"", "VmRSS:", "VmRSS: many kB", "XVmRSS: 1 kB"} {
		if n, ok := procField([]byte(text), "VmRSS"); ok {
			t.Errorf("%q gives %d", text, n)
		}
	}
	if n, ok := procField([]byte("VmPeak:\t 5 kB\nVmRSS:\t   17 kB\n"), "VmRSS"); !ok || n != 17<<10 {
		t.Errorf("%d, found %v", n, ok)
	}
}

func TestTheProcessIsMeasured(t *testing.T) {
	if u := ReadUsage(); u.CPU <= 0 {
		t.Error("a running process has used no processor time")
	}
	if runtime.GOOS != "linux" {
		return
	}
	if m, ok := ReadMemory(); !ok || m.Resident <= 0 || m.Peak < m.Resident || m.Mapped <= 0 || m.Mapped > m.Resident {
		t.Errorf("memory %+v, found %v", m, ok)
	}
}

func TestMemoryIsWholeOrUnknown(t *testing.T) {
	m, ok := parseMemory([]byte("VmHWM:\t 9 kB\nVmRSS:\t 7 kB\nRssFile:\t 2 kB\n"))
	if !ok || m != (Memory{Resident: 7 << 10, Peak: 9 << 10, Mapped: 2 << 10}) {
		t.Errorf("memory %+v, found %v", m, ok)
	}
	if _, ok := parseMemory([]byte("VmHWM:\t 9 kB\nVmRSS:\t 7 kB\n")); ok {
		t.Error("memory is taken for complete that is not")
	}
}
