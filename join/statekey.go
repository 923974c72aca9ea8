package join

// IsEventKey says whether a key of the operator's store is that of an event. A
// range that begins with one is a probe: the scan of one join key's events.
func IsEventKey(key []byte) bool {
	return len(key) > 0 && key[0] >= tagEvent && key[0] <= tagIndex
}

// AppendEventKey appends the key under which an operator's store holds an
// event's value until the event is done (but for events that only the second join of a chain needs). A caller that knows an event's time
// and sequence can so ask the store whether it still waits, with one Get.
// Events added since the last Flush may not be there yet.
func AppendEventKey(dst, key []byte, side Side, time int64, seq uint64) []byte {
	return appendEventTail(appendEventPrefix(dst, key), side, time, seq)
}
