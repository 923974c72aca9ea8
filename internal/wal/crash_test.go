package wal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A history is what a run of a log has been asked and promised.
type history struct {
	records []string
	durable int // the first so many of records must survive
}

// run drives a log through appends, syncs and rotations until it is done or
// the log fails, and returns the first error.
func (h *history) run(o Options) error {
	l, err := Create(o, 1)
	if err != nil {
		return err
	}
	for i := range 24 {
		if err := h.step(l, i); err != nil {
			return errors.Join(err, abandon(l))
		}
	}
	return l.Close()
}

func (h *history) step(l *Log, i int) error {
	pending := i%4 == 2
	record, add := fmt.Sprintf("record %03d %s", i, strings.Repeat("x", i*i%90)), l.Append
	if pending {
		record, add = "pending "+record, l.AppendPending
	}
	h.records = append(h.records, record)
	pos, err := add([]byte(record))
	if err == nil {
		err = l.Commit(pos)
	}
	if err == nil && l.o.Policy == statelab.DurabilityAlways && !pending {
		h.durable = i + 1
	}
	if err == nil && i%5 == 4 {
		if err = l.Sync(); err == nil && !pending {
			h.durable = i + 1
		}
	}
	if err == nil && i%3 == 0 { // as a full buffer would
		l.startWriting()
		err = l.drainAll()
		l.writing.Unlock()
	}
	if err == nil && i%7 == 3 && l.o.Policy == statelab.DurabilityInterval {
		l.tick()
		err = l.Err()
	}
	switch {
	case err != nil:
	case i == 17:
		_, err = l.Rotate()
	case i == 8 || i == 13: // settled by what comes later
		_, err = l.Cut()
	}
	return err
}

// check opens what a crash has left and returns what it found, which must be a
// prefix of the history that covers what was durable.
func (h *history) check(o Options) ([]string, error) {
	l, got, err := reopen(o, 1)
	if err != nil {
		return nil, err
	}
	if err := abandon(l); err != nil {
		return nil, err
	}
	if len(got) < h.durable {
		return nil, fmt.Errorf("%d records were durable, %d are left", h.durable, len(got))
	}
	if len(got) > len(h.records) || !slices.Equal(got, h.records[:len(got)]) {
		return nil, fmt.Errorf("not a prefix of what was appended: %.200q", got)
	}
	if n := len(got); n > 0 && strings.HasPrefix(got[n-1], "pending") {
		return nil, fmt.Errorf("W6: the last of %d records is pending", n)
	}
	return got, nil
}

// crashes calls try with the file systems that crashes at this moment may leave.
func crashes(m *vfs.Mem, seeds int, try func(name string, left *vfs.Mem)) {
	try("kill", m.Kill())
	try("strict", m.PowerCutStrict())
	for seed := range seeds {
		try(fmt.Sprintf("power cut, seed %d", seed), m.PowerCut(int64(seed)))
	}
}

func crashOptions(fsys vfs.FS, policy statelab.Durability) Options {
	o := testOptions(fsys, policy)
	o.SegmentSize = 500
	return o
}

// TestCrashLeavesACoveringPrefix crashes a run after each of its operations,
// and the recovery from those crashes after each of its own. (D8)
func TestCrashLeavesACoveringPrefix(t *testing.T) {
	seeds := 6
	if testing.Short() {
		seeds = 1
	}
	for _, policy := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval, statelab.DurabilityAlways} {
		t.Run(policy.String(), func(t *testing.T) {
			mem := newFS(t)
			h := &history{}
			steps := 0
			traced := vfs.NewTrace(mem, func(op vfs.TraceOp) {
				steps++
				if len(h.records) == 0 || op.Op == vfs.OpRead || op.Op == vfs.OpOpen || t.Failed() {
					return
				}
				crashes(mem, seeds, func(name string, left *vfs.Mem) {
					if err := recoverTwice(h, left, policy); err != nil {
						t.Errorf("step %d (%s %s), %s: %v", steps, op.Op, op.Path, name, err)
					}
				})
			})
			must(t, h.run(crashOptions(traced, policy)))
			if steps < 40 {
				t.Fatalf("only %d operations", steps)
			}
		})
	}
}

// recoverTwice recovers from a crash, crashing the recovery after each of its
// operations too: nothing is lost during it, and what it found, and what is
// added and synced then, survives.
func recoverTwice(h *history, left *vfs.Mem, policy statelab.Durability) error {
	var failure error
	traced := vfs.NewTrace(left, func(op vfs.TraceOp) {
		if op.Op == vfs.OpRead || op.Op == vfs.OpOpen {
			return
		}
		crashes(left, 3, func(name string, again *vfs.Mem) {
			if _, err := h.check(crashOptions(again, policy)); err != nil && failure == nil {
				failure = fmt.Errorf("in recovery after %s, %s: %w", op.Op, name, err)
			}
		})
	})
	found, err := h.check(crashOptions(traced, policy))
	if err != nil || failure != nil {
		return errors.Join(err, failure)
	}
	after := history{records: found, durable: len(found)}
	if _, err := after.check(crashOptions(left.PowerCutStrict(), policy)); err != nil {
		return fmt.Errorf("recovered, then power cut: %w", err)
	}
	l, _, err := reopen(crashOptions(left, policy), 1)
	if err != nil {
		return err
	}
	if _, err = l.Append([]byte("more")); err == nil {
		err = l.Sync()
	}
	if err = errors.Join(err, abandon(l)); err != nil {
		return err
	}
	after = history{records: append(found, "more"), durable: len(found) + 1}
	if _, err := after.check(crashOptions(left.PowerCutStrict(), policy)); err != nil {
		return fmt.Errorf("recovered, added to, then power cut: %w", err)
	}
	return nil
}

// TestCutFramesStayCut shows that a frame which recovery has cut off does not
// come back behind records appended after it. (W4)
func TestCutFramesStayCut(t *testing.T) {
	mem := newFS(t)
	o := testOptions(mem, statelab.DurabilityCheckpoint)
	l := create(t, o)
	add(t, l, "kept")
	must(t, l.Sync())
	torn := l.end
	add(t, l, "torn", "whole")
	l.mu.Lock()
	must(t, l.drainHolding())
	must(t, l.writeAt(make([]byte, 4), torn)) // as if only the later of two writes arrived
	l.mu.Unlock()
	must(t, abandon(l))

	l, got, err := reopen(o, 1)
	must(t, err)
	wantRecords(t, got, []string{"kept"})
	add(t, l, "next") // as long as the torn record: "whole" would follow it
	must(t, l.Sync())
	o.FS = mem.PowerCutStrict()
	must(t, abandon(l))
	l, got, err = reopen(o, 1)
	must(t, err)
	wantRecords(t, got, []string{"kept", "next"})
	must(t, l.Close())
}

// TestFaultsAreLatchedAndLoseNothing fails each operation of a run in turn,
// once and for good.
func TestFaultsAreLatchedAndLoseNothing(t *testing.T) {
	for _, policy := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval, statelab.DurabilityAlways} {
		for _, op := range []vfs.Op{vfs.OpCreate, vfs.OpWrite, vfs.OpSync, vfs.OpSyncDir, vfs.OpRename, vfs.OpRemove} {
			for _, sticky := range []bool{false, true} {
				for n := int64(1); ; n++ {
					if !failNth(t, policy, vfs.Fault{Op: op, N: n, Sticky: sticky, Short: op == vfs.OpWrite && n%2 == 0}) {
						break
					}
				}
			}
		}
	}
}

// failNth runs a history with a fault and says whether it struck.
func failNth(t *testing.T, policy statelab.Durability, fault vfs.Fault) bool {
	t.Helper()
	mem := newFS(t)
	faulty := vfs.NewFaulty(mem, fault)
	h := &history{}
	err := h.run(crashOptions(faulty, policy))
	if faulty.Struck() == 0 {
		must(t, err)
		return false
	}
	if err == nil {
		t.Fatalf("%v: no error", fault)
	}
	if len(h.records) == 0 {
		return true // creating failed
	}
	faulty.Heal()
	found, err := h.check(crashOptions(mem, policy))
	if err != nil {
		t.Fatalf("%+v, reopened: %v", fault, err)
	}
	after := history{records: h.records, durable: len(found)}
	crashes(mem, 4, func(name string, left *vfs.Mem) {
		if _, err := after.check(crashOptions(left, policy)); err != nil {
			t.Fatalf("D8: %+v, reopened, %s: %v", fault, name, err)
		}
	})
	return true
}

func TestFirstFailureIsLatched(t *testing.T) {
	faulty := vfs.NewFaulty(newFS(t))
	l := create(t, testOptions(faulty, statelab.DurabilityAlways))
	must(t, l.Commit(add(t, l, "a")))
	first := errors.New("the first")
	faulty.Fail(vfs.Fault{Op: vfs.OpSync, N: 1, Err: first})
	pos := add(t, l, "b")
	if err := l.Commit(pos); !errors.Is(err, first) {
		t.Fatalf("Commit: %v", err)
	}
	writes := faulty.Count(vfs.OpWrite)
	if err := l.Commit(pos); !errors.Is(err, first) {
		t.Errorf("Commit again: %v", err)
	}
	if _, err := l.Append(nil); !errors.Is(err, first) {
		t.Errorf("Append: %v", err)
	}
	if err := l.Sync(); !errors.Is(err, first) {
		t.Errorf("Sync: %v", err)
	}
	if _, err := l.Rotate(); !errors.Is(err, first) {
		t.Errorf("Rotate: %v", err)
	}
	if err := l.Err(); !errors.Is(err, first) {
		t.Errorf("Err: %v", err)
	}
	if err := l.Close(); !errors.Is(err, first) {
		t.Errorf("Close: %v", err)
	}
	if n := faulty.Count(vfs.OpWrite); n != writes {
		t.Errorf("W7: %d writes after the failure", n-writes)
	}
}

func TestFailedReplayAndReadsAreReturned(t *testing.T) {
	mem := newFS(t)
	o := testOptions(mem, statelab.DurabilityAlways)
	l := create(t, o)
	add(t, l, "a")
	must(t, l.Close())
	own := errors.New("replay refuses")
	if _, err := Open(o, 1, func([]byte) error { return own }); !errors.Is(err, own) {
		t.Errorf("replay: %v", err)
	}
	o.FS = vfs.NewFaulty(mem, vfs.Fault{Op: vfs.OpRead, N: 2})
	var corrupt *statelab.CorruptError
	if _, _, err := reopen(o, 1); err == nil || errors.As(err, &corrupt) {
		t.Errorf("read: %v", err)
	}
}
