package wal

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// longLog returns a log of so many records of 500 bytes, each beginning with its
// number, in two segments.
func longLog(t *testing.T, records int) Options {
	t.Helper()
	o := testOptions(newFS(t), statelab.DurabilityInterval)
	l := create(t, o)
	record := make([]byte, 500)
	for i := range records {
		binary.BigEndian.PutUint64(record, uint64(i))
		_, err := l.Append(record)
		must(t, err)
		if i == records/2 {
			_, err := l.Rotate()
			must(t, err)
		}
	}
	must(t, l.Close())
	return o
}

// manyWindows is a number of records that fill the conveyor several times over.
const manyWindows = 3 * windows * windowSize / 500

// countInOrder returns a replay that wants the records of longLog in order.
func countInOrder(t *testing.T, n *int) func([]byte) error {
	return func(payload []byte) error {
		if got := binary.BigEndian.Uint64(payload); len(payload) != 500 || got != uint64(*n) {
			t.Fatalf("%d bytes of record %d after %d others", len(payload), got, *n)
		}
		*n++
		return nil
	}
}

func TestALongLogIsReplayedInOrderWithoutAllocatingForEachRecord(t *testing.T) {
	for _, deterministic := range []bool{false, true} {
		o := longLog(t, manyWindows)
		o.Deterministic = deterministic
		n := 0
		allocated := testing.AllocsPerRun(1, func() {
			n = 0
			l, err := Open(o, 1, countInOrder(t, &n))
			must(t, err)
			must(t, l.Close())
		})
		if n != manyWindows || allocated > manyWindows/20 {
			t.Errorf("deterministic %v: %d records of %d, %v allocations", deterministic, n, manyWindows, allocated)
		}
	}
}

func TestAReplayThatFailsEndsTheReading(t *testing.T) {
	o := longLog(t, manyWindows)
	own := errors.New("replay refuses")
	for _, at := range []int{0, 10, manyWindows - 1} {
		n := 0
		_, err := Open(o, 1, func([]byte) error {
			if n == at {
				return own
			}
			n++
			return nil
		})
		if !errors.Is(err, own) || n != at {
			t.Errorf("a replay that fails at record %d: %v after %d", at, err, n)
		}
	}
}

func TestRecordsBeforeDamageAreReplayedAndItIsReported(t *testing.T) {
	o := longLog(t, manyWindows)
	f, err := o.FS.OpenReadWrite(filepath.Join(testDir, "000002.log"))
	must(t, err)
	const intact = 1000 // records of the second segment
	_, err = f.WriteAt([]byte{0xff}, segmentHeaderSize+intact*(frameHeaderSize+500)+100)
	must(t, err)
	must(t, f.Close())
	n := 0
	_, err = Open(o, 1, countInOrder(t, &n))
	var corrupt *statelab.CorruptError
	if !errors.As(err, &corrupt) || n != manyWindows/2+1+intact {
		t.Errorf("%v after %d records", err, n)
	}
	n = 0
	o.FS = vfs.NewFaulty(o.FS, vfs.Fault{Op: vfs.OpRead, N: 5})
	if _, err = Open(o, 1, countInOrder(t, &n)); err == nil || errors.As(err, &corrupt) {
		t.Errorf("a failed read: %v", err)
	}
}
