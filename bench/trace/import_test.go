package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// imports imports a file's content and returns the records of the trace.
func imports(t testing.TB, format, content string, given map[string]float64) ([]Record, Imported, error) {
	t.Helper()
	f, err := FindFormat(format)
	if err != nil {
		t.Fatal(err)
	}
	args, err := f.Resolve(given)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := NewWriter(&b, f.Header("dir/F", args), None)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Import(context.Background(), "F", strings.NewReader(content), args, w)
	if _, closeErr := w.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	if err != nil {
		return nil, got, err
	}
	records, h, _, err := decode(b.Bytes())
	if !errors.Is(err, io.EOF) || h.Source != format || h.Input != "F" {
		t.Fatalf("header %+v, error %v", h, err)
	}
	return records, got, nil
}

// lines prints records, one a line, for people to read.
func lines(records []Record) string {
	var b strings.Builder
	for i := range records {
		r := &records[i]
		fmt.Fprintf(&b, "%d+%d %s", r.Time, r.Arrival, r.Kind)
		switch r.Kind {
		case Get:
			fmt.Fprintf(&b, " %q %v %d", r.Key, r.Found, r.Size)
		case Put, Append:
			fmt.Fprintf(&b, " %q %d until %d", r.Key, r.Size, r.Expiry)
		case Delete:
			fmt.Fprintf(&b, " %q", r.Key)
		case Scan:
			fmt.Fprintf(&b, " %q-%q", r.Range.Lower, r.Range.Upper)
		case Open:
			fmt.Fprintf(&b, " %d: %q-%q", r.Slot, r.Range.Lower, r.Range.Upper)
		case Moves:
			fmt.Fprintf(&b, " %d:", r.Slot)
		case Advance:
			fmt.Fprintf(&b, " to %d", r.Watermark)
		}
		for _, leg := range r.Legs {
			fmt.Fprintf(&b, " %s %d", leg.Move, leg.Records)
			if leg.Ended {
				b.WriteString(" ended")
			}
		}
		if r.Last {
			b.WriteString(" last")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestOperationsOfACSVAreWhatTheySay(t *testing.T) {
	records, got, err := imports(t, "csv", `time,op,key,size,ttl,batch,limit,upper
100,put,a,10,50,x,,
100,append,a,5,,x,,
,put,hex:ff00,3,,y,,
120,get,a,,,,,
130,probe,a,,,,1,
140,scan,,,,,,b
150,advance,,,,,,
,get,a,,,,,
,delete,a,,,,,
,measure,,,,,,
,get,b,,,,,
,sync,,,,,,
`, nil)
	want := `100+0 put "a" 10 until 150
100+0 append "a" 5 until 9223372036854775807 last
100+0 put "\xff\x00" 3 until 9223372036854775807 last
120+20 get "a" true 15
130+30 scan "a"-"b" Next 1
140+40 scan ""-"b" Next 1 ended
150+50 advance to 150
150+50 get "a" true 5
150+50 delete "a" last
150+50 measure
150+50 get "b" false 0
150+50 sync
`
	if text := lines(records); err != nil || text != want {
		t.Errorf("error %v, the calls are\n%s\nand not\n%s", err, text, want)
	}
	if got.Lines != 12 || got.Events["get"] != 3 || got.Late != 0 {
		t.Errorf("imported %+v", got)
	}
}

func TestACSVMayTickAndTellArrivals(t *testing.T) {
	records, got, err := imports(t, "csv", "op,arrival,time,key\nget,7,500000,a\nget,9,1500000,a\nget,9,1400000,a\nget,20,3000000,a\n", map[string]float64{"tick_s": 1})
	want := `500000+7 get "a" false 0
1500000+9 advance to 1500000
1500000+9 get "a" false 0
1400000+9 get "a" false 0
3000000+20 advance to 3000000
3000000+20 get "a" false 0
`
	if text := lines(records); err != nil || text != want || got.Late != 1 {
		t.Errorf("error %v, %d late, the calls are\n%s\nand not\n%s", err, got.Late, text, want)
	}
}

const someRides = `6,START,2013-01-01 00:00:00,1970-01-01 00:00:00,1,2,3,4,6,7,8
7,START,2013-01-01 00:00:01,1970-01-01 00:00:00,1,2,3,4,6,7,8
6,END,2013-01-01 00:00:05,2013-01-01 00:00:00,1,2,3,4,6,7,8
7,END,2013-01-01 00:00:07,2013-01-01 00:00:01,1,2,3,4,6,7,8
`

// A ride of 5 s pairs within a window of 5 s, one of 6 s does not.
func TestRidesBecomeTheCallsOfAJoin(t *testing.T) {
	records, got, err := imports(t, "taxi", someRides, map[string]float64{"window_s": 5, "checkpoint_s": 0})
	if err != nil {
		t.Fatal(err)
	}
	text := lines(records)
	want := `1356998400000000+0 put "r\x00\x00\x00\x00\x00\x00\x00\x06" 61 until 1356998405000001
1356998400000000+0 put "t\x80\x04\xd2.\xcf\xe4\v@\x00\x00\x00\x00\x00\x00\x00\x06" 0 until 1356998405000001 last
`
	first := strings.SplitAfter(text, "\n")
	if head := strings.Join(first[:2], ""); head != want {
		t.Errorf("the first calls are\n%s\nand not\n%s", head, want)
	}
	count := map[Kind]int{}
	hits, read := 0, 0
	for i := range records {
		r := &records[i]
		count[r.Kind]++
		if r.Kind == Get && r.Found {
			hits++
		}
		if r.Kind == Scan && r.Range.Lower[0] == 'r' {
			read += int(r.Bytes)
		}
	}
	if hits != 1 || count[Get] != 2 || count[Put] != 4 || count[Append] != 1 || read != 2*61+59 {
		t.Errorf("%d hits, %d bytes read by probes, calls %v\n%s", hits, read, count, text)
	}
	if got.Events["START"] != 2 || got.Events["END"] != 2 {
		t.Errorf("imported %+v", got)
	}
}

func TestJobsBecomeListsThatEnd(t *testing.T) {
	records, _, err := imports(t, "jobs", `5,10000000,SUBMIT,a,b,c,0
5,10000900,SCHEDULE,a,b,c,0
6,10000100,FINISH,a,b,c,0
5,12000000,KILL,a,b,c,0
`, map[string]float64{"ttl_s": 1, "checkpoint_s": 2})
	want := `10000000+0 append "\x00\x00\x00\x00\x00\x00\x00\x05" 25 until 11000000 last
10000900+900 get "\x00\x00\x00\x00\x00\x00\x00\x05" true 25
10000900+900 append "\x00\x00\x00\x00\x00\x00\x00\x05" 27 until 11000900 last
10000100+900 get "\x00\x00\x00\x00\x00\x00\x00\x06" false 0
10000100+900 delete "\x00\x00\x00\x00\x00\x00\x00\x06" last
11999000+900 advance to 11999000
12000000+2000000 get "\x00\x00\x00\x00\x00\x00\x00\x05" false 0
12000000+2000000 delete "\x00\x00\x00\x00\x00\x00\x00\x05" last
12000000+2000000 sync
`
	if text := lines(records); err != nil || text != want {
		t.Errorf("error %v, the calls are\n%s\nand not\n%s", err, text, want)
	}
}

func TestFaultsOfAnImportNameFileLineAndField(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte("op,key\nget,a\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := imports(t, "csv", zipped.String(), nil); err != nil {
		t.Errorf("gzipped: %v", err)
	}
	for _, c := range []struct{ format, content, want string }{
		{"csv", "", "F:1: it has no header: EOF"},
		{"csv", "op,key\n", "F:1: it holds no operation"},
		{"csv", "op,colour\n", `F:1: header: unknown column "colour"; one of time, op, key,`},
		{"csv", "op,op\n", `F:1: header: column "op" is there twice`},
		{"csv", "time,key\n", "F:1: header: there is no column op"},
		{"csv", "op,key\nget,a,b\n", "F:2: 3 fields instead of 2"},
		{"csv", "op,key\nget,a\nfetch,a\n", `F:3: op: "fetch" is none of get, put`},
		{"csv", "op,key\nget,hex:0\n", `F:2: key: "hex:0" is not hexadecimal`},
		{"csv", "op,key\nput,a\n", `F:2: size: it is "", and a put needs one`},
		{"csv", "op,key,size\nput,a,-1\n", "F:2: size: -1 is less than 0"},
		{"csv", "op,key,size\nput,a,1e3\n", `F:2: size: "1e3" is not a whole number`},
		{"csv", "op,key,size\nput,a,999999999999\n", `F:2: size: it is "999999999999"`},
		{"csv", "op,key,size,ttl\nput,a,1,soon\n", `F:2: ttl: "soon" is not a whole number`},
		{"csv", "op,time\nsync,noon\n", `F:2: time: "noon" is not a whole number`},
		{"csv", "op,arrival\nsync,5\nsync,4\n", "F:3: arrival: 4 is less than 5"},
		{"csv", "op,limit\nprobe,-1\n", "F:2: limit: -1 is less than 0"},
		{"csv", "op,key\n\"get,a\n", "F:2: extraneous or missing"},
		{"csv", "\x1f\x8bnot", "F: it is not what gzip writes"},
		{"csv", zipped.String()[:zipped.Len()-9], "read F: unexpected EOF"},
		{"taxi", "", "F: it holds no ride"},
		{"taxi", "1,START\n", "F:1: 2 fields instead of 11"},
		{"taxi", strings.Replace(someRides, "7,START", "x,START", 1), `F:2: ride: "x" is not a whole number`},
		{"taxi", strings.Replace(someRides, "END", "STOP", 1), `F:3: event: "STOP" is neither START nor END`},
		{"taxi", strings.Replace(someRides, "00:00:05", "noon", 1), `F:3: time: "2013-01-01 noon" is not a time`},
		{"taxi", strings.Replace(someRides, "00:00:05", "00:00:00", 1), "F:3: time: 2013-01-01 00:00:00 is before an earlier line's"},
		{"taxi", strings.Replace(someRides, "07,2013-01-01 00:00:01", "07,gone", 1), "F:4: other time: "},
		{"jobs", "", "F: it holds no job"},
		{"jobs", "1,2,3\n", "F:1: 3 fields instead of 7"},
		{"jobs", "1,2,,a,b,c,0\n", "F:1: event: it is empty"},
		{"jobs", "x,2,SUBMIT,a,b,c,0\n", `F:1: job: "x" is not a whole number`},
		{"jobs", "1,-2,SUBMIT,a,b,c,0\n", "F:1: time: -2 is less than 0"},
	} {
		_, _, err := imports(t, c.format, c.content, nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s of %.60q: error %v, not %s", c.format, c.content, err, c.want)
		}
	}
}

// realInput returns the content of a real input, or skips.
func realInput(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("STATELAB_DATA")
	if dir == "" {
		t.Skip("STATELAB_DATA is not set: no real inputs to import (see docs/DATA.md)")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The END of a ride finds its START as often as the join pairs them
// (docs/DATA.md), and each START fires once.
func TestTheTaxiRidesPairAsOftenAsTheyDo(t *testing.T) {
	content := realInput(t, "nyc_taxi_rides.csv.gz")
	pairs := map[float64]int{5: 8670, 20: 39921, 120: 46450}
	if testing.Short() {
		pairs = map[float64]int{10: 22693}
	}
	for minutes, want := range pairs {
		records, got, err := imports(t, "taxi", content, map[string]float64{"window_s": 60 * minutes})
		if err != nil {
			t.Fatal(err)
		}
		hits, probes, samples := 0, 0, 0
		for i := range records {
			r := &records[i]
			if r.Kind == Get && r.Found {
				hits++
			}
			if r.Kind == Scan && r.Range.Lower[0] == 'r' {
				probes++
				samples += r.Legs[0].Records
			}
		}
		if hits != want || probes != 53550 || samples != 53550 || got.Lines != 100000 || got.Events["END"] != 46450 || got.Late != 0 {
			t.Errorf("%v minutes: %d pairs, not %d; %d probes found %d rides; %+v", minutes, hits, want, probes, samples, got)
		}
	}
}

// Delays between the events of a job, as read off the calls.
func TestTheClusterJobsWaitAsLongAsTheyDo(t *testing.T) {
	records, got, err := imports(t, "jobs", realInput(t, "borg_jobs.csv.gz"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Lines != 26250 || got.Events["SUBMIT"] != 8709 || got.Late*1000/got.Lines != 158 {
		t.Errorf("imported %+v", got)
	}
	submitted, scheduled := map[string]int64{}, map[string]int64{}
	var waits, runs []int64
	got1 := ""
	for i := range records {
		r := &records[i]
		key := string(r.Key)
		switch {
		case r.Kind == Get:
			got1 = key
			continue
		case r.Kind == Append && got1 != key:
			submitted[key] = r.Time
		case r.Kind == Append:
			scheduled[key] = r.Time
			if at, ok := submitted[key]; ok {
				waits = append(waits, r.Time-at)
			}
		case r.Kind == Delete:
			if at, ok := scheduled[key]; ok {
				runs = append(runs, r.Time-at)
			}
		}
		got1 = ""
	}
	for _, c := range []struct {
		what   string
		delays []int64
		share  float64
		want   float64 // seconds
	}{
		{"SUBMIT to SCHEDULE", waits, 0.5, 2.4}, {"SUBMIT to SCHEDULE", waits, 0.99, 178},
		{"SCHEDULE to end", runs, 0.5, 235}, {"SCHEDULE to end", runs, 0.9, 1283}, {"SCHEDULE to end", runs, 0.99, 6354}, {"SCHEDULE to end", runs, 1, 23603},
	} {
		slices.Sort(c.delays)
		got := float64(c.delays[min(len(c.delays)-1, int(c.share*float64(len(c.delays))))]) / 1e6
		if got < c.want*0.98 || got > c.want*1.02 {
			t.Errorf("%s, quantile %v of %d: %.1f s, not %v s", c.what, c.share, len(c.delays), got, c.want)
		}
	}
}

// Whatever a file holds, an import ends with a trace or an error.
func FuzzImport(f *testing.F) {
	f.Add("csv", "time,op,key,size,ttl,batch,limit,upper,arrival\n100,put,a,10,50,x,,,1\n,scan,a,,,,5,b,2\n,probe,hex:ff,,,,,,3\n")
	f.Add("taxi", someRides)
	f.Add("jobs", "5,10000000,SUBMIT,a,b,c,0\n5,12000000,KILL,a,b,c,0\n")
	f.Fuzz(func(t *testing.T, format, content string) {
		if _, err := FindFormat(format); err != nil || len(content) > 1<<16 {
			return
		}
		_, _, _ = imports(t, format, content, nil)
	})
}
