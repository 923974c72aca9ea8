package ftl

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statelab/statelab/internal/offheap"
	"github.com/statelab/statelab/vfs"
)

// replayed returns what a recording holds; a mark is an operation of kind markKind.
func replayed(t *testing.T, r *Recording) []vfs.TraceOp {
	t.Helper()
	var got []vfs.TraceOp
	err := r.Replay(
		func(op vfs.TraceOp) error { got = append(got, op); return nil },
		func() error { got = append(got, vfs.TraceOp{Op: markKind}); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestARecordingKeepsWhatAHostNeeds(t *testing.T) {
	r := NewRecording(1 << 30)
	for _, op := range []vfs.TraceOp{
		{Op: vfs.OpMkdir, Path: "d"},
		create("d/a", 1),
		write(1, 0, 100), write(1, 100, 50), // become one
		write(1, 100, 7), write(2, 107, 1), // do not
		write(2, 108, mergeBytes),
		{Op: vfs.OpRead, File: 2, Length: 5},
		syncFile(2),
		write(2, 1<<50, 1), truncate(1, 1<<45),
		{Op: vfs.OpSyncDir, Path: "d"},
	} {
		r.Observe(op)
	}
	r.Mark()
	for _, op := range []vfs.TraceOp{link("d/a", "d/b", 1), rename("d", "e", 0), remove("e/a", 1), write(1, 0, 1)} {
		r.Observe(op)
	}
	want := []vfs.TraceOp{
		create("d/a", 1), write(1, 0, 150), write(1, 100, 7), write(2, 107, 1), write(2, 108, mergeBytes), syncFile(2),
		write(2, 1<<50, 1), truncate(1, 1<<45), {Op: markKind}, link("d/a", "d/b", 1), rename("d", "e", 0), remove("e/a", 1), write(1, 0, 1),
	}
	got := replayed(t, r)
	r.Observe(create("late", 9))
	if again := replayed(t, r); !slices.Equal(got, want) || !slices.Equal(again, got) {
		t.Errorf("replayed %+v\nand then %+v\nnot      %+v", got, again, want)
	}
	before := offheap.InUse()
	if err := r.Close(); err != nil || offheap.InUse() != before-chunkBytes || r.Bytes() != 0 {
		t.Errorf("error %v, %d bytes are not given back", err, offheap.InUse()-before+chunkBytes)
	}
}

func TestARecordingGrowsPastOneChunk(t *testing.T) {
	r := NewRecording(1 << 30)
	defer r.Close()
	var want []vfs.TraceOp
	rnd := rand.NewPCG(1, 2)
	for i := range 200_000 {
		op := write(1+uint64(below(rnd, 100)), below(rnd, 1<<40), 1+below(rnd, 1<<20))
		if i%100 == 0 {
			op = create(fmt.Sprintf("%0*d", below(rnd, 300), i), op.File)
		}
		want = append(want, op)
		r.Observe(op)
	}
	if got := replayed(t, r); !slices.Equal(got, want) || r.Bytes() < 2*chunkBytes {
		t.Errorf("%d operations in %d bytes, not the %d recorded", len(got), r.Bytes(), len(want))
	}
}

func TestARecordingThatIsTooLongSaysSo(t *testing.T) {
	r := NewRecording(chunkBytes)
	defer r.Close()
	for i := range uint64(chunkBytes) {
		r.Observe(syncFile(i))
	}
	if r.Bytes() > chunkBytes {
		t.Errorf("it takes %d bytes", r.Bytes())
	}
	if err := r.Replay(nil, nil); !errors.Is(err, ErrTooLong) {
		t.Errorf("error %v", err)
	}
}

func TestReplayStopsAtTheFirstError(t *testing.T) {
	r := NewRecording(1 << 30)
	defer r.Close()
	r.Observe(syncFile(1))
	r.Mark()
	want := errors.New("enough")
	if err := r.Replay(func(vfs.TraceOp) error { return want }, nil); !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
	if err := r.Replay(func(vfs.TraceOp) error { return nil }, func() error { return want }); !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
}

func TestRecordingWritesAllocatesNothing(t *testing.T) {
	r := NewRecording(1 << 30)
	defer r.Close()
	i := int64(0)
	if allocs := testing.AllocsPerRun(1000, func() {
		i++
		r.Observe(write(1, i*8192, 4096))
		r.Observe(syncFile(1))
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzRecording(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, uint64(1), int64(5), int64(1<<40), "a", "b/c")
	f.Fuzz(func(t *testing.T, kinds []byte, file uint64, offset, length int64, path, newPath string) {
		r := NewRecording(1 << 30)
		defer r.Close()
		var want []vfs.TraceOp
		for i, k := range kinds {
			op := vfs.TraceOp{Op: vfs.Op(k % 13), File: file + uint64(i), Offset: offset ^ int64(i)<<40, Length: length & (1<<56 - 1)}
			switch op.Op {
			case vfs.OpRead, vfs.OpMkdir, vfs.OpSyncDir, vfs.OpStat:
				r.Observe(op)
				continue
			case vfs.OpSync:
				op.Offset, op.Length = 0, 0
			case vfs.OpTruncate:
				op.Offset = 0
			case vfs.OpWrite:
			default:
				op.Path, op.NewPath, op.Offset, op.Length = path, newPath, 0, 0
			}
			r.Observe(op)
			want = append(want, op)
		}
		if got := replayed(t, r); !slices.Equal(got, want) {
			t.Errorf("replayed %+v, not %+v", got, want)
		}
	})
}
