//go:build !linux

package doctor

import "errors"

// advise leaves ordinary pages as they are: huge ones are not asked for here.
func advise(_ []byte, huge bool) error {
	if huge {
		return errors.ErrUnsupported
	}
	return nil
}

// direct is not a flag here.
const direct = 0

func forget(uintptr) error { return errors.ErrUnsupported }
