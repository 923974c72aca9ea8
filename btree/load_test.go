package btree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// opsOf returns what Load asks for, of a slice.
func opsOf(ops []statelab.Op) func() (statelab.Op, error) {
	return func() (statelab.Op, error) {
		if len(ops) == 0 {
			return statelab.Op{}, io.EOF
		}
		op := ops[0]
		ops = ops[1:]
		return op, nil
	}
}

// modelOps returns the elements of a model in the order of keys, and dead ones.
func modelOps(m *model) []statelab.Op {
	var ops []statelab.Op
	var keys []string
	for k := range m.records {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		for _, e := range m.records[k] {
			ops = append(ops, statelab.Op{Kind: statelab.OpAppend, Key: []byte(k), Value: []byte(e.value), ExpireAt: e.expireAt})
		}
	}
	return ops
}

func TestALoadedStoreAgreesWithAModel(t *testing.T) {
	for _, sh := range shapes() {
		t.Run(sh.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(4, 4))
			m := newModel()
			var b statelab.Batch
			for range 150 {
				sh.batch(rng, m, &b, false)
				m.apply(&b)
			}
			m.watermark = sh.ttl / 2
			fs := vfs.NewMem()
			o := Options{PageSize: sh.pageSize, Options: statelab.Options{FS: fs, Memory: max(sh.memory, 256<<10), Durability: statelab.DurabilityAlways}}
			mustDo(t, Load("/s", &o, m.watermark, opsOf(modelOps(m))))
			s := mustOpen(t, fs, o)
			defer s.Close()
			mustDo(t, s.Check())
			m.compare(t, s)
			for range 50 {
				sh.batch(rng, m, &b, true)
				mustDo(t, s.Apply(&b))
				m.apply(&b)
			}
			mustDo(t, s.Check())
			m.compare(t, s)

			// A copy of what stands in tree and buffer is the same, and so is one of nothing.
			mustDo(t, s.Checkpoint("/copy"))
			c, err := Open("/copy", &o)
			mustDo(t, err)
			defer c.Close()
			mustDo(t, c.(*Store).Check())
			m.compare(t, c.(*Store))
		})
	}
}

// TestLoadWritesEachPageOnce counts what Load and Checkpoint write, which is little more than
// keys and elements, and how full their leaves are and where they stand.
func TestLoadWritesEachPageOnce(t *testing.T) {
	fs := vfs.NewMem()
	var ops []statelab.Op
	data := int64(0)
	for i := range 20_000 {
		op := statelab.Op{Key: fmt.Appendf(nil, "impression/%012d", i*37), Value: make([]byte, 100), ExpireAt: 5}
		data += int64(len(op.Key) + len(op.Value))
		ops = append(ops, op)
	}
	for i := range ops {
		ops[i].Kind = statelab.OpPut
	}
	o := Options{Options: statelab.Options{FS: fs, Memory: 1 << 20}}
	trace := &countingFS{FS: fs}
	o.FS = trace
	mustDo(t, Load("/s", &o, 0, opsOf(ops)))
	loaded := trace.written
	s := mustOpen(t, fs, o)
	defer s.Close()
	before := s.Stats().Written.Checkpoint
	mustDo(t, s.Checkpoint("/copy"))
	copied := s.Stats().Written.Checkpoint - before
	for name, written := range map[string]int64{"Load": loaded, "Checkpoint": copied} {
		if ratio := float64(written) / float64(data); ratio > 1.07 {
			t.Errorf("%s writes %.3f bytes for each of keys and elements", name, ratio)
		}
	}
	t.Logf("%d bytes of keys and elements: Load wrote %d in %d calls, Checkpoint %d", data, loaded, trace.calls, copied)
	d := dumper{pager: s.tree.pager, levels: make([]levelShape, s.tree.height)}
	mustDo(t, d.walk(s.tree.root, s.tree.height-1))
	l := d.levels[0]
	if fill := float64(l.used) / float64(l.pages*int64(s.tree.capacity())); fill < 0.95 {
		t.Errorf("leaves are filled to %.3f", fill)
	}
	if d.adjacent < l.pages*97/100 {
		t.Errorf("%d of %d leaves follow their neighbour", d.adjacent, l.pages)
	}
}

// A countingFS counts what is written to its files.
type countingFS struct {
	vfs.FS
	written, calls int64
}

func (c *countingFS) Create(name string) (vfs.File, error) {
	f, err := c.FS.Create(name)
	return countingFile{f, c}, err
}

type countingFile struct {
	vfs.File
	to *countingFS
}

func (f countingFile) WriteAt(b []byte, at int64) (int, error) {
	f.to.written += int64(len(b))
	f.to.calls++
	return f.File.WriteAt(b, at)
}

func TestLoadRefusesWhatIsOutOfOrder(t *testing.T) {
	op := func(kind statelab.OpKind, key string) statelab.Op {
		return statelab.Op{Kind: kind, Key: []byte(key), Value: []byte("v"), ExpireAt: 9}
	}
	failed := errors.New("the source failed")
	for _, c := range []struct {
		want string
		next func() (statelab.Op, error)
		o    Options
	}{
		{"comes behind", opsOf([]statelab.Op{op(statelab.OpPut, "b"), op(statelab.OpPut, "a")}), Options{}},
		{"put twice", opsOf([]statelab.Op{op(statelab.OpPut, ""), op(statelab.OpPut, "")}), Options{}},
		{"is no element", opsOf([]statelab.Op{op(statelab.OpDelete, "a")}), Options{}},
		{"too large", opsOf([]statelab.Op{op(statelab.OpPut, string(make([]byte, statelab.MaxKeySize+1)))}), Options{}},
		{"the source failed", func() (statelab.Op, error) { return op(statelab.OpPut, "b"), failed }, Options{}},
		{"not one in memory", opsOf(nil), Options{Index: IndexMemory}},
		{"least", opsOf(nil), Options{PageSize: MaxPageSize, Options: statelab.Options{Memory: statelab.MinMemory}}},
	} {
		c.o.FS = vfs.NewMem()
		err := Load("/s", &c.o, 0, c.next)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want one that says %q", err, c.want)
		}
		if there, err := vfs.Exists(c.o.FS, "/s"); there || err != nil {
			t.Errorf("%s: a directory is left, %v", c.want, err)
		}
	}
	o := Options{Options: statelab.Options{FS: vfs.NewMem()}}
	mustDo(t, Load("/s", &o, 7, opsOf(nil)))
	if err := Load("/s", &o, 7, opsOf(nil)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Load into what is there: %v", err)
	}
	s := mustOpen(t, o.FS, o)
	defer s.Close()
	if w := s.Stats().Watermark; w != 7 {
		t.Errorf("the watermark is %d", w)
	}
	mustDo(t, s.Check())
}
