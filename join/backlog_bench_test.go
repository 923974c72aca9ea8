//go:build unix

package join_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
)

// BenchmarkBacklog joins the same impressions and actions as a stream over each engine,
// and at once: with state eight times the memory (eighth), and with memory for all. The source and
// the sink do nothing. cpu-us/event is user and system time of the whole process.
//
//	go test ./join -run '^$' -bench Backlog -benchtime 1x
func BenchmarkBacklog(b *testing.B) {
	const size = 500 // bytes of an impression
	for _, memory := range []struct {
		name  string
		bytes int64
	}{{"eighth", 8 << 20}, {"all", 1 << 30}} {
		const waiting = 8 * (8 << 20) / size
		events := backlogEvents(4*waiting, waiting, size)
		want := tryBacklog(b, events, waiting, 0)
		for _, engine := range backends.List() {
			if engine.MemoryResident && memory.name == "eighth" {
				continue
			}
			b.Run("memory="+memory.name+"/stream="+engine.Name, func(b *testing.B) {
				cpuOf(b, len(events), want, func() join.Summary { return tryStream(b, engine.Name, events, waiting, memory.bytes) })
			})
		}
		b.Run("memory="+memory.name+"/batch", func(b *testing.B) {
			cpuOf(b, len(events), want, func() join.Summary { return tryBacklog(b, events, waiting, memory.bytes) })
		})
	}
}

// TestTheBenchmarkedBacklogJoins runs what BenchmarkBacklog does, small.
func TestTheBenchmarkedBacklogJoins(t *testing.T) {
	const waiting = 300
	events := backlogEvents(4*waiting, waiting, 100)
	batch, stream := tryBacklog(t, events, waiting, 20_000), tryStream(t, "skiplist", events, waiting, 0)
	if batch != stream || batch.MatchedLeft == 0 {
		t.Errorf("%+v, and as a stream %+v", batch, stream)
	}
}

func tryStream(tb testing.TB, engine string, events schedule, waiting int, memory int64) join.Summary {
	store, err := backends.Open(engine, tb.TempDir(), &statelab.Options{Memory: memory, Prefix: join.Prefix()})
	if err != nil {
		tb.Fatal(err)
	}
	op, err := join.New(store, backlogSpec(waiting), join.Hooks{Sample: func(*join.Sample) error { return nil }})
	if err == nil {
		err = addAll(op.Add, events)
	}
	if err == nil {
		err = op.Finish()
	}
	if err := errors.Join(err, store.Close()); err != nil {
		tb.Fatal(err)
	}
	return op.Summary()
}

func tryBacklog(tb testing.TB, events schedule, waiting int, memory int64) join.Summary {
	b, err := join.NewBacklog(backlogSpec(waiting), join.BacklogHooks{
		Append: func(dst []byte, s *join.Sample) ([]byte, error) { return append(dst, s.Left.Value...), nil },
		Emit:   func([]byte) error { return nil },
	}, join.BacklogOptions{Dir: tb.TempDir(), Memory: memory})
	if err == nil {
		err = addAll(b.Add, events)
	}
	if err == nil {
		err = b.Finish()
	}
	if err := errors.Join(err, b.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Summary()
}

func addAll(add func(join.Side, join.Event) error, events schedule) error {
	for i := range events {
		if err := add(events[i].side, events[i].Event); err != nil {
			return err
		}
	}
	return nil
}

// backlogSpec has impressions wait so long that so many of them wait at a time.
func backlogSpec(waiting int) join.Spec {
	return join.Spec{Upper: time.Duration(waiting) * time.Microsecond}
}

// backlogEvents are impressions, one a microsecond, of which a fifth get an action of 80
// bytes within their window.
func backlogEvents(n, waiting, size int) (events schedule) {
	r := rand.New(rand.NewPCG(1, 1))
	value := []byte(strings.Repeat("v", size))
	acts := make([][]uint64, n+waiting)
	var rights uint64
	for i := range n {
		key := binary.BigEndian.AppendUint64(make([]byte, 8, 16), uint64(i))
		events = append(events, arrival{side: join.Left, Event: join.Event{Key: key, Time: int64(i), Seq: uint64(i), Value: value}})
		if r.IntN(5) == 0 {
			at := i + int(r.ExpFloat64()*float64(waiting)/10)
			if at < len(acts) {
				acts[at] = append(acts[at], uint64(i))
			}
		}
		for _, of := range acts[i] {
			key := binary.BigEndian.AppendUint64(make([]byte, 8, 16), of)
			events = append(events, arrival{side: join.Right, Event: join.Event{Key: key, Time: int64(i), Seq: rights, Value: value[:80]}})
			rights++
		}
	}
	return events
}

func cpuOf(b *testing.B, events int, want join.Summary, run func() join.Summary) {
	for range b.N {
		begin := cpuTime(b)
		if got := run(); got != want {
			b.Fatalf("%+v, want %+v", got, want)
		}
		b.ReportMetric(float64((cpuTime(b)-begin).Microseconds())/float64(events), "cpu-us/event")
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
