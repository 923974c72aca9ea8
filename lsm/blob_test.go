package lsm

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/storetest"
	"github.com/statelab/statelab/vfs"
)

// A store with blob files is proved whole: nearly all elements of the kit lie in one.
// With -short it has one of the durabilities.
func TestStoreWithBlobFiles(t *testing.T) {
	var durabilities []statelab.Durability // all
	if testing.Short() {
		durabilities = []statelab.Durability{statelab.DurabilityCheckpoint}
	}
	storetest.Run(t, storetest.Config{
		Open: opener(Options{
			Compaction: CompactionLeveled, BlobThreshold: 4, Subcompactions: 2, CachePolicy: CacheClock, Memtable: MemtableBTree,
		}),
		Durabilities: durabilities,
		Effort:       effortOf(2, 10),
	})
}

// blobStore opens a store of leveled tables whose elements of 100 bytes and more lie
// in blob files.
func blobStore(t *testing.T, fsys vfs.FS) *Store {
	t.Helper()
	o := inline(statelab.DurabilityCheckpoint)
	o.Compaction, o.BlobThreshold, o.Compression = CompactionLeveled, 100, statelab.CompressionNone
	return open(t, fsys, o)
}

// large is a value for a blob file that differs from round to round.
func large(key string, round int) string {
	return strings.Repeat(fmt.Sprintf("%s in round %d ", key, round), 200/len(key))
}

// blobBytes counts the bytes of blob files that lie in the store's directory.
func blobBytes(t *testing.T, fsys vfs.FS) (bytes int64, files int) {
	t.Helper()
	names, err := fsys.List("/store")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, blobSuffix) {
			info, err := fsys.Stat("/store/" + name)
			if err != nil {
				t.Fatal(err)
			}
			bytes, files = bytes+info.Size, files+1
		}
	}
	return bytes, files
}

func TestMergesMoveLargeValuesUnwritten(t *testing.T) {
	compacted := map[int]int64{}
	for _, threshold := range []int{BlobsOff, 100} {
		o := inline(statelab.DurabilityCheckpoint)
		o.Compaction, o.BlobThreshold, o.Compression = CompactionLeveled, threshold, statelab.CompressionNone
		s := open(t, vfs.NewMem(), o)
		for i := range 600 {
			key := fmt.Sprintf("%04d", i*7919%10000)
			put(t, s, key, large(key, 0), statelab.NoExpiry)
		}
		syncNow(t, s)
		st := s.Stats()
		compacted[threshold] = st.Written.Compaction
		if threshold == 100 && (st.Blobs.Values != 600 || st.Blobs.DeadBytes != 0 || st.Blobs.Bytes != st.Blobs.Written || st.Compactions == 0) {
			t.Errorf("of 600 large values: %+v", st.Blobs)
		}
		shut(t, s)
	}
	if compacted[100]*5 > compacted[BlobsOff] {
		t.Errorf("with blob files merges wrote %d bytes, without %d", compacted[100], compacted[BlobsOff])
	}
}

// The records that large values belong to stay in tables that live on, and still the
// values' file goes when all in it is dead: unread, and gone for the next opening too.
func TestABlobFileGoesUnreadWhenAllInItIsDead(t *testing.T) {
	mem := vfs.NewMem()
	s := blobStore(t, mem)
	for i := range 20 {
		put(t, s, fmt.Sprintf("%02d", i), large("dies", i), 10)
		put(t, s, fmt.Sprintf("%02d small", i), "stays", statelab.NoExpiry)
	}
	syncNow(t, s)
	if st := s.Stats(); st.Blobs.Values != 20 {
		t.Fatalf("large values: %+v", st.Blobs)
	}
	if err := s.Advance(10); err != nil {
		t.Fatal(err)
	}
	read := s.Stats().ReadBytes
	put(t, s, "99", "small", statelab.NoExpiry)
	syncNow(t, s)
	st := s.Stats()
	if _, files := blobBytes(t, mem); files != 0 || st.Blobs.Files != 0 || st.ReadBytes != read {
		t.Errorf("%d blob files are left, %+v, after %d bytes were read", files, st.Blobs, st.ReadBytes-read)
	}
	refers := 0
	for tab := range s.view.Load().version.tables {
		refers += len(tab.blobs)
	}
	if refers == 0 {
		t.Fatal("the tables were rewritten, so this shows nothing")
	}
	want := contents(t, s)
	shut(t, s)
	s = blobStore(t, mem)
	if got := contents(t, s); got != want {
		t.Errorf("after reopening there is\n%s\nwant\n%s", got, want)
	}
	if err := s.compactAll(); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
}

func TestWornBlobFilesAreRewritten(t *testing.T) {
	mem := vfs.NewMem()
	s := blobStore(t, mem)
	const keys = 60
	for round := range 12 {
		for i := range keys {
			if i%4 == 0 && round > 0 {
				continue // lives on beside what is overwritten
			}
			key := fmt.Sprintf("%02d", i)
			put(t, s, key, large(key, round), statelab.NoExpiry)
		}
	}
	syncNow(t, s)
	st := s.Stats()
	if worn := s.view.Load().version.blobs; slices.ContainsFunc(worn, func(h heldBlob) bool { return h.worn }) {
		t.Errorf("worn blob files are left: %+v", worn)
	}
	if st.Blobs.DeadBytes*wornShare > st.Blobs.Bytes {
		t.Errorf("%d of %d bytes are dead", st.Blobs.DeadBytes, st.Blobs.Bytes)
	}
	if there, _ := blobBytes(t, mem); there != st.Blobs.Bytes {
		t.Errorf("blob files of %d bytes are there, %d of them known", there, st.Blobs.Bytes)
	}
	if st.Blobs.Values < keys || st.Blobs.Values > 4*keys {
		t.Errorf("tables refer to %d values of %d keys", st.Blobs.Values, keys)
	}
	for i := range keys {
		key, round := fmt.Sprintf("%02d", i), 11
		if i%4 == 0 {
			round = 0
		}
		if got, err := s.Get(nil, []byte(key)); err != nil || string(got) != large(key, round) {
			t.Errorf("Get(%s): %.40q, %v", key, got, err)
		}
	}
	shut(t, s)
}

// A choice to rewrite worn blob files comes to an end, and takes no table that has
// nothing to do with them.
func TestOnlyTablesOfWornBlobFilesAreRefreshed(t *testing.T) {
	old := &blob{blobMeta: blobMeta{values: 10, bytes: 1000, maxExpiry: statelab.NoExpiry}, blockFile: blockFile{number: 1}}
	fresh := &blob{blobMeta: blobMeta{values: 10, bytes: 1000, maxExpiry: statelab.NoExpiry}, blockFile: blockFile{number: 2}}
	for _, b := range []*blob{old, fresh} {
		for i := range b.octiles {
			b.octiles[i] = statelab.NoExpiry
		}
	}
	tab := func(number uint64, uses ...blobUse) *table {
		return &table{tableMeta: tableMeta{blobs: uses}, blockFile: blockFile{number: number}}
	}
	uses := func(b *blob, bytes int64) blobUse { return blobUse{blob: b, number: b.number, values: 1, bytes: bytes} }
	runs := []*run{
		newRun(20, 0, []*table{tab(10, uses(fresh, 900))}),
		newRun(21, 1, []*table{tab(11, uses(fresh, 50)), tab(12, uses(old, 100), uses(fresh, 50)), tab(13, uses(old, 50))}),
	}
	v := &version{runs: runs, blobs: heldBlobs(runs, 0)}
	if len(v.blobs) != 2 || v.blobs[0].dropped() != 850 || v.blobs[1].dropped() != 0 || !v.worn(old) || v.worn(fresh) {
		t.Fatalf("blob files held: %+v", v.blobs)
	}
	c := refreshBlobs(v)
	if c.begin != 1 || c.end != 2 || c.level != 1 || len(c.only) != 2 || c.only[0].number != 12 || c.only[1].number != 13 || c.unsound(v) != "" {
		t.Errorf("chosen: %+v", c)
	}
	for _, p := range pieces(runs[1:], c, 0, 1<<20) {
		if p.moves {
			t.Errorf("table %06d moves, with its references", p.sources[0][0].number)
		}
	}
	half := []*run{newRun(20, 0, []*table{tab(10, uses(fresh, 900), uses(old, 700))})}
	if c := refreshBlobs(&version{runs: half, blobs: heldBlobs(half, 0)}); !c.nothing() {
		t.Errorf("with a fifth of the bytes dead, chosen: %+v", c)
	}
}

// What the threshold is may differ from one opening to the next.
func TestTheThresholdMayChange(t *testing.T) {
	mem := vfs.NewMem()
	for round, threshold := range []int{BlobsOff, 100, 1, BlobsOff, 100} {
		o := inline(statelab.DurabilityCheckpoint)
		o.Compaction, o.BlobThreshold = everyCompaction()[round%len(everyCompaction())], threshold
		s := open(t, mem, o)
		for i := range 200 {
			if i%5 >= round {
				key := fmt.Sprintf("%03d", i)
				put(t, s, key, large(key, round), statelab.NoExpiry)
			}
		}
		syncNow(t, s)
		for i := range 200 {
			key := fmt.Sprintf("%03d", i)
			if got, err := s.Get(nil, []byte(key)); err != nil || string(got) != large(key, min(round, i%5)) {
				t.Fatalf("round %d: Get(%s): %.40q, %v", round, key, got, err)
			}
		}
		shut(t, s)
	}
}

// A reader holds the blob files of what it sees, however long it takes.
func TestReadersHoldBlobFiles(t *testing.T) {
	mem := vfs.NewMem()
	s := blobStore(t, mem)
	for i := range 20 {
		put(t, s, fmt.Sprintf("%02d", i), large("seen", i), 10)
	}
	syncNow(t, s)
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(10); err != nil {
		t.Fatal(err)
	}
	put(t, s, "small", "v", statelab.NoExpiry)
	syncNow(t, s)
	n := 0
	for ; it.Next(); n++ {
		if want := large("seen", n); string(it.Value()) != want {
			t.Fatalf("record %d is %.40q, want %.40q", n, it.Value(), want)
		}
	}
	if it.Err() != nil || n != 20 {
		t.Errorf("%d records, %v", n, it.Err())
	}
	if _, files := blobBytes(t, mem); files == 0 {
		t.Error("the blob file is gone")
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	if _, files := blobBytes(t, mem); files != 0 {
		t.Errorf("%d blob files are left that nobody reads", files)
	}
	shut(t, s)
}

// Every byte of a blob file matters to Check, and to who reads it nothing but the
// truth is told.
func TestEveryFlippedByteOfABlobFileIsFound(t *testing.T) {
	mem := vfs.NewMem()
	s := blobStore(t, mem)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range 4 {
		put(t, s, fmt.Sprint(i), large("flip", i), statelab.NoExpiry)
	}
	syncNow(t, s)
	b := s.view.Load().version.blobs[0].blob
	good, err := vfs.ReadFile(mem, b.path())
	if err != nil {
		t.Fatal(err)
	}
	f, err := mem.OpenReadWrite(b.path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at := range good {
		if _, err := f.WriteAt([]byte{good[at] ^ 1<<(at%8)}, int64(at)); err != nil {
			t.Fatal(err)
		}
		s.env.cache.Drop(b.number)
		if err := s.Check(); !corrupt(err) {
			t.Fatalf("byte %d of %d flipped: check says %v", at, len(good), err)
		}
		for i := range 4 {
			if got, err := s.Get(nil, fmt.Append(nil, i)); err == nil && string(got) != large("flip", i) || err != nil && !corrupt(err) {
				t.Fatalf("byte %d of %d flipped: Get says %.40q, %v", at, len(good), got, err)
			}
		}
		if _, err := f.WriteAt(good[at:at+1], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
}

// Values that a look-up of many keys wants are read side by side, like blocks.
func TestMultiGetFindsLargeValues(t *testing.T) {
	s := blobStore(t, vfs.NewMem())
	defer shut(t, s)
	var keys [][]byte
	var b statelab.Batch
	for i := range 50 {
		keys = append(keys, fmt.Appendf(nil, "%02d", i))
		b.Reset()
		b.Append(keys[i], []byte(large("one", i)), statelab.NoExpiry)
		b.Append(keys[i], []byte(large("two", i)), statelab.NoExpiry)
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
	}
	syncNow(t, s)
	for range 2 {
		dropCached(s)
		found := 0
		if err := s.MultiGet(keys, func(i int, value []byte) {
			if found++; string(value) != large("one", i)+large("two", i) {
				t.Errorf("key %s: %.40q", keys[i], value)
			}
		}); err != nil || found != 50 {
			t.Errorf("found %d of 50, %v", found, err)
		}
	}
}

func TestDumpDrawsBlobFiles(t *testing.T) {
	s := blobStore(t, vfs.NewMem())
	defer shut(t, s)
	for i := range 4 {
		put(t, s, fmt.Sprint(i), large("draw", i), int64(10+i))
	}
	syncNow(t, s)
	var drawn strings.Builder
	if err := s.Dump(&drawn); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"blob files: 4 values", ".blob  ", "4 of 4 values  expiring 10 to 13  0B dead"} {
		if !strings.Contains(drawn.String(), want) {
			t.Errorf("no %q in\n%s", want, drawn.String())
		}
	}
}

func FuzzBlobFile(f *testing.F) {
	m := blobMeta{values: 1, bytes: 5000, minExpiry: 3, maxExpiry: 1000, octiles: octiles{3, 4, 5, 6, 7, 8, 9}}
	f.Add(m.append(nil), int64(100))
	f.Add(appendBlobFooter(nil, blockHandle{4405, 26}), int64(6000))
	f.Add(reference{7, blockHandle{9, 200}, 300}.append(nil), int64(0))
	f.Add(blobUses{{number: 3, values: 1, bytes: 9}, {number: 7, values: 2, bytes: 5}}.append(nil), int64(3))
	f.Fuzz(func(t *testing.T, data []byte, size int64) {
		if m, damage := decodeBlobProperties(data); damage == "" {
			if again, damage := decodeBlobProperties(m.append(nil)); damage != "" || again != m {
				t.Fatalf("properties %x do not survive writing: %s", data, damage)
			}
		}
		if h, damage := decodeBlobFooter(data, size); damage == "" && (!bytes.Equal(appendBlobFooter(nil, h), data) || !h.within(size)) {
			t.Fatalf("footer %x is written as %x", data, appendBlobFooter(nil, h))
		}
		if r, ok := decodeReference(data); ok {
			if again, ok := decodeReference(r.append(nil)); !ok || again != r {
				t.Fatalf("reference %x does not survive writing", data)
			}
		}
		d := decoder{rest: data}
		if u := d.blobUses(); !d.bad && u.plausible(size) {
			d := decoder{rest: u.append(nil)}
			if again := d.blobUses(); d.bad || !slices.Equal(again, u) {
				t.Fatalf("uses %x do not survive writing", data)
			}
		}
	})
}
