package storetest

// A Clause is one numbered promise of the contract.
type Clause struct {
	ID   string // such as "K1"
	Text string // its sentence, as the documentation of package statelab has it
}

// Clauses returns what a Store promises, in the order in which the
// documentation of package statelab numbers it. Each has at least one case.
func Clauses() []Clause {
	return []Clause{
		{"K1", "Get appends the record's value to dst and returns the result; the bytes belong to the caller."},
		{"K2", "Get of a key that has no live element returns an error that is ErrNotFound, and dst as it was."},
		{"K3", "Keys are ordered bytewise; empty keys, empty elements and all byte values are legal."},
		{"K4", "A key over MaxKeySize, or an operation that would make the live bytes of a record exceed MaxRecordSize, makes Apply return ErrTooLarge with nothing applied."},
		{"K5", "Put makes the record the one element given."},
		{"K6", "Append adds an element at the end of the record, in the order of application."},
		{"K7", "Delete removes the record; deleting what is not there is no error."},
		{"K8", "An element is gone from every later read at once when the watermark reaches its expiry, not earlier and not later; NoExpiry is never reached."},
		{"K9", "A Put or Delete removes all older elements of its record for ever, even if the Put is dead when applied or dies first."},
		{"K10", "The operations of a batch take effect in order and all at once: no reader sees some of them."},
		{"K11", "Apply copies what it needs: a batch may be Reset and reused as soon as Apply returns, and Put and Append copy key and element into the batch."},
		{"K12", "What Apply took is visible to every call that begins after it returned."},
		{"K13", "MultiGet finds what Get of each key would, in the order of the keys and as often as they are asked for; where the store has the ability, all as of one moment."},
		{"T1", "The watermark starts at MinWatermark; Advance to less than the watermark changes nothing and is no error."},
		{"T2", "The watermark is part of the history: it becomes durable, and comes back on reopening, in its place among the Applies."},
		{"I1", "An iterator reads the store as of its opening, elements and watermark both, whatever happens afterwards."},
		{"I2", "First, Last, SeekGE, SeekLT, Next and Prev say whether the iterator stands on a record afterwards; moving past either end and back again works. On a fresh iterator Next is First and Prev is Last; past the end Next stays there and Prev is Last; before the start Prev stays there and Next is First."},
		{"I3", "An iterator never leaves its range: seeks beyond it clamp to it."},
		{"I4", "Range is [Lower, Upper); nil is open; an empty or inverted range holds nothing."},
		{"I5", "Iterators step over records with no live element, and Value is what Get would have returned at the opening."},
		{"I6", "Key and Value are valid until the iterator's next move or Close, and nil when it stands on no record."},
		{"I7", "After the store is closed, moves return false and Err is ErrClosed; Close always works, and more than once."},
		{"I8", "While iterators are open, memory held only for them stays bounded: when it exceeds a quarter of Options.Memory the oldest iterator fails with ErrSnapshotTooOld, and until then it is right."},
		{"D1", "With DurabilityCheckpoint a store opens after a crash exactly at its last completed Sync, or at a Sync that was under way."},
		{"D2", "With DurabilityInterval a store opens after a crash at a prefix of its history that covers the last completed Sync."},
		{"D3", "With DurabilityAlways every Apply and Advance that returned nil survives a crash."},
		{"D4", "After a crash nothing is half applied and nothing is out of order."},
		{"D5", "Close makes durable the whole history with DurabilityInterval and DurabilityAlways; with DurabilityCheckpoint it adds nothing to the last completed Sync."},
		{"D6", "Checkpoint makes dir an openable store that holds the history so far, durable on return, and independent of the original from then on."},
		{"D7", "Checkpoint into a dir that exists is refused, and dir is left as it was."},
		{"D8", "A crash during or after recovery loses nothing that recovery found."},
		{"F1", "After a failed write or sync, Apply, Advance and Sync return the first error until the store is reopened."},
		{"F2", "After a failed write or sync, Get and Iter go on answering."},
		{"F3", "A failed read is returned as an error, and neither it nor a failed Checkpoint makes a later call fail."},
		{"F4", "Damaged files give an error that is a *CorruptError, or right answers; never a panic, never a wrong answer. The last record of a log is excepted: its damage cannot be told from a torn write."},
		{"F5", "A directory that is open refuses a second opening with an error that is ErrLocked and names the holder where known."},
		{"F6", "A directory of another engine, of an unknown format version, or written under another prefix name is refused with an error that says which."},
		{"F7", "Whatever fails, and whenever, reopening finds what D1 to D4 promise."},
		{"O1", "The zero Options work."},
		{"O2", "A memory-resident store that Apply would take over Options.Memory answers ErrBudget with nothing applied, while Advance and Delete still work and make room."},
		{"O3", "With MaintenanceInline and a single caller, two runs of the same calls write the same bytes."},
		{"O4", "Stats.Written names every byte written to files, by purpose."},
		{"O5", "Churn does not leak: overwritten, deleted and expired records give back their memory and their disk space."},
		{"C1", "Any number of goroutines may call any method of a Store; an Iterator belongs to one goroutine at a time."},
		{"C2", "Close waits for calls in flight; every later call returns ErrClosed."},
	}
}

// sentence returns the text of the clause, or an empty string.
func sentence(id string) string {
	for _, c := range Clauses() {
		if c.ID == id {
			return c.Text
		}
	}
	return ""
}
