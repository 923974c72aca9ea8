package row

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"testing"
)

func TestRowsPrintAsDocumented(t *testing.T) {
	var r []byte
	var names []string
	add := func(name string, field []byte) { r, names = field, append(names, name) }
	add("null", AppendNull(r))
	add("no", AppendBool(r, false))
	add("yes", AppendBool(r, true))
	add("int", AppendInt(r, math.MinInt64))
	add("uint", AppendUint(r, math.MaxUint64))
	add("float", AppendFloat(r, 0.0322))
	add("double", AppendDouble(r, 1e21))
	add("small", AppendDouble(r, 1e-9))
	add("nan", AppendDouble(r, math.NaN()))
	add("inf", AppendDouble(r, math.Inf(1)))
	add("-inf", AppendFloat(r, float32(math.Inf(-1))))
	add("text", AppendString(r, "a\"\\\n\x01é\xff\xe2\x28"))
	add("empty", AppendString(r, ""))
	add("na\"me", AppendString(r, bytes.Repeat([]byte("x"), 200)))
	want := `{"null":null,"no":false,"yes":true,"int":-9223372036854775808,"uint":18446744073709551615,` +
		`"float":0.0322,"double":1e+21,"small":1e-9,"nan":"NaN","inf":"Infinity","-inf":"-Infinity",` +
		`"text":"a\"\\\n\u0001é\ufffd\ufffd(","empty":"","na\"me":"` + string(bytes.Repeat([]byte("x"), 200)) + `"}`
	got, err := Table(names).AppendJSON(nil, r)
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if !json.Valid(got) {
		t.Error("not JSON")
	}
}

func TestTheExampleInBytes(t *testing.T) {
	got := AppendString(AppendInt(AppendBool(nil, true), 5), "ab")
	if hex.EncodeToString(got) != "02030a096162" {
		t.Errorf("%x", got)
	}
}

func TestARowWithoutColumnsIsAnObject(t *testing.T) {
	if got, err := Table(nil).AppendJSON(nil, nil); err != nil || string(got) != "{}" {
		t.Errorf("%s, %v", got, err)
	}
}

func FuzzFloatsAreSpelledAsInEncodingJSON(f *testing.F) {
	for _, v := range []float64{0, math.Copysign(0, -1), 1, -1.5, 1e-6, 9.9e-7, 1e20, 1e21, math.MaxFloat64, math.SmallestNonzeroFloat64, 123456789.125} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		if want, _ := json.Marshal(v); string(AppendFloatText(nil, v, 64)) != string(want) {
			t.Errorf("%s, want %s", AppendFloatText(nil, v, 64), want)
		}
		if math.IsInf(float64(float32(v)), 0) {
			return
		}
		if want, _ := json.Marshal(float32(v)); string(AppendFloatText(nil, float64(float32(v)), 32)) != string(want) {
			t.Errorf("%s, want %s", AppendFloatText(nil, float64(float32(v)), 32), want)
		}
	})
}

func FuzzQuotedReadsBack(f *testing.F) {
	f.Add("a\"b\\c\x00\x1f\x7f\u2028é")
	f.Add("\xff\xc3")
	f.Fuzz(func(t *testing.T, text string) {
		var got, want string
		if err := json.Unmarshal(AppendQuoted(nil, text), &got); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func FuzzCompactKeepsTheMeaning(f *testing.F) {
	f.Add([]byte("1E700"))
	f.Add([]byte(" { \"a b\" : [ 1 , 2.50 , \"\\\" \\\\\" ] , \"\xff\": null }\r\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if !json.Valid(src) {
			return
		}
		got := AppendCompact(nil, src)
		if x, y := meaning(t, src), meaning(t, got); !bytes.Equal(x, y) {
			t.Errorf("%s becomes %s", src, got)
		}
		if again := AppendCompact(nil, got); !bytes.Equal(again, got) {
			t.Errorf("%s is not compact", got)
		}
	})
}

// meaning decodes JSON and encodes it again. Numbers stay as they are written:
// one such as 1E700 is valid, though no float64 holds it.
func meaning(t *testing.T, src []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(src))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%q: %v", src, err)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%q: %v", src, err)
	}
	return encoded
}

func FuzzDamagedRowsAreErrors(f *testing.F) {
	f.Add(AppendString(AppendDouble(AppendInt(nil, 7), 2), "x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Table([]string{"a", "b", "c"}).AppendJSON(nil, data)
		if err == nil && !json.Valid(got) {
			t.Errorf("%x prints as %s", data, got)
		}
	})
}
