package cachegrind

const canRequest = true

// request makes a client request: its number and five arguments.
//
//go:noescape
func request(args *[6]uint64)
