package cachegrind

import (
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// startFixed starts a program without randomised addresses, as setarch -R does,
// and says whether that was permitted; if not, it is started as usual. A child
// inherits the personality(2) of the thread that forks it.
func startFixed(cmd *exec.Cmd) (fixed bool, err error) {
	const (
		ask           = 0xffffffff
		noRandomizing = 0x0040000 // ADDR_NO_RANDOMIZE of <sys/personality.h>
	)
	runtime.LockOSThread()
	old, _, errno := unix.Syscall(unix.SYS_PERSONALITY, ask, 0, 0)
	if errno == 0 {
		_, _, errno = unix.Syscall(unix.SYS_PERSONALITY, old|noRandomizing, 0, 0)
	}
	if errno != 0 {
		runtime.UnlockOSThread()
		return false, cmd.Start()
	}
	err = cmd.Start()
	if _, _, errno := unix.Syscall(unix.SYS_PERSONALITY, old, 0, 0); errno == 0 {
		runtime.UnlockOSThread()
	} // else the thread, which stays locked, ends with its goroutine
	return true, err
}
