package join

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/statelab/statelab"
)

// Records of versions 1 to 4 are those of version 5 without the fields that came since.
func TestAMetaRecordOfAnOlderVersionIsRead(t *testing.T) {
	o := &Operator{
		spec:   Spec{Kind: Inner, Lower: -time.Second, Upper: time.Minute, MaxDisorder: [2]time.Duration{1000, Unbounded}},
		intake: intake{sources: [2][]progress{{{position: 7, watermark: 100}}, {{position: 8, watermark: statelab.MinWatermark}}}, counts: counts{side: [2]sideCounts{{in: 7, waiting: 3, matched: 3, late: 1}, {in: 8, waiting: 8}}, samples: 3, pairs: 4, filtered: 5}},
		fired:  90,
		cursor: []byte{tagTimer, 1, 2},
		hooks:  Hooks{Note: func(dst []byte, _ bool) ([]byte, error) { return append(dst, "note"...), nil }},
	}
	b, err := o.appendMeta(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	const spec, rest = 50, 1 + 8 + 64 + 64 + 32 // after the version; what follows up to corrections
	old := bytes.Clone(b[:spec])
	old[0] = 1
	since2 := spec + 1 + 1 + 8 + 32 + 1
	old = append(old, b[since2:since2+rest]...)
	const since3, since4, since5 = 1, 4, 2
	old = append(old, b[since2+rest+8+since3+since4+since5:]...)
	second := append(bytes.Clone(b[:since2+rest+8]), b[since2+rest+8+since3+since4+since5:]...)
	second[0] = 2
	third := append(bytes.Clone(b[:since2+rest+8+since3]), b[since2+rest+8+since3+since4+since5:]...)
	third[0] = 3
	fourth := append(bytes.Clone(b[:since2+rest+8+since3+since4]), b[since2+rest+8+since3+since4+since5:]...)
	fourth[0] = 4
	if want := 221 + len(o.cursor) + len("note"); len(old) != want {
		t.Fatalf("a record of %d bytes, want %d", len(old), want)
	}
	for _, record := range [][]byte{b, fourth, third, second, old} {
		got := &Operator{spec: o.spec, intake: newIntake(&o.spec)}
		if err := got.restore(record); err != nil {
			t.Fatalf("version %d: %v", record[0], err)
		}
		if got.sources[Left][0].position != 7 || got.Watermark() != statelab.MinWatermark || got.low(Left) != 100 || got.Position(Right) != 8 || got.counts != o.counts || got.fired != o.fired ||
			!bytes.Equal(got.cursor, o.cursor) || string(got.note) != "note" {
			t.Errorf("version %d is read as %+v", record[0], got)
		}
	}
	for _, version := range []byte{0, 6} {
		b[0] = version
		if err := o.restore(b); !errors.Is(err, statelab.ErrMismatch) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

func TestAMetaRecordCutShortIsRefused(t *testing.T) {
	spec := Spec{Sources: [2][]time.Duration{{0, time.Second}, {Unbounded}}}
	o := &Operator{spec: spec, intake: newIntake(&spec), cursor: []byte{tagTimer}}
	b, err := o.appendMeta(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(binary.LittleEndian.Uint16(b[len(b)-3:])); got != len(o.cursor) {
		t.Fatalf("the cursor's length is %d", got)
	}
	for n := range b {
		if err := o.restore(b[:n]); err == nil {
			t.Errorf("%d bytes of %d are taken", n, len(b))
		}
	}
}
