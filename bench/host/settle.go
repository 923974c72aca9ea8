package host

import (
	"fmt"
	"os"
	"syscall"
)

const dropCachesFile = "/proc/sys/vm/drop_caches"

// Settle writes everything that is dirty to the disks, so that a run does not
// pay for what another one left behind.
func Settle() { syscall.Sync() }

// DropPageCache makes the kernel forget the pages of all files that are clean,
// whosever they are: call Settle before. It needs the right to write
// to /proc/sys/vm/drop_caches.
func DropPageCache() error {
	const pages = "1" // 2 would be names and inodes
	f, err := os.OpenFile(dropCachesFile, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("drop page cache: %w", err)
	}
	_, err = f.WriteString(pages)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("drop page cache: %w", err)
	}
	return nil
}
