//go:build !amd64

package cachegrind

const canRequest = false

// request makes no request: each architecture has instructions of its own for them.
func request(*[6]uint64) {}
