//go:build !linux

package pagecache

import (
	"errors"
	"io/fs"
	"os"
)

func cached(*os.File, fs.FileInfo) (int64, error) { return 0, errors.ErrUnsupported }

func allocated(info fs.FileInfo) int64 { return info.Size() }

func forget(*os.File) error { return errors.ErrUnsupported }
