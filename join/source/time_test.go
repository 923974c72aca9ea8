package source

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
)

func TestTimesAreRead(t *testing.T) {
	for _, c := range []struct {
		format TimeFormat
		text   string
		want   int64
	}{
		{UnixS, "12", 12e6},
		{UnixS, "-1.5", -1500000},
		{UnixS, "1.2345678", 1234567},
		{UnixS, "-0.0000001", -1},
		{UnixMS, "1455010431000", 1455010431000000},
		{UnixMS, "1.25", 1250},
		{UnixUS, "7", 7},
		{UnixUS, "7.9", 7},
		{UnixUS, "-7.9", -8},
		{UnixNS, "1999", 1},
		{UnixNS, "-1", -1},
		{"2006-01-02 15:04:05", "2013-01-01 00:00:00", 1356998400000000},
		{"2006-01-02 15:04:05", "2013-01-01 00:00:00.1234567", 1356998400123456},
		{"2006-01-02T15:04:05Z07:00", "2013-01-01T02:00:00+02:00", 1356998400000000},
		{"2006-01-02", "1969-12-31", -86400e6},
	} {
		if got, err := c.format.parse([]byte(c.text)); err != nil || got != c.want {
			t.Errorf("%s as %s: %d, %v; want %d", c.text, c.format, got, err, c.want)
		}
	}
}

func TestWhatIsNoTimeIsRefused(t *testing.T) {
	for _, c := range []struct {
		format     TimeFormat
		text, want string
	}{
		{UnixS, "", `"" is not a time of the format unix_s`},
		{UnixS, "-", `"-" is not`},
		{UnixS, ".5", `".5" is not`},
		{UnixS, "5.", `"5." is not`},
		{UnixS, "1e9", `"1e9" is not`},
		{UnixS, " 1", `" 1" is not`},
		{UnixS, "1.2.3", `"1.2.3" is not`},
		{UnixUS, "9223372036854775808", "is not a time"},
		{UnixS, "9223372036855", "is not a time"},
		{"2006-01-02 15:04:05", "noon", `"noon" is not a time of the format "2006-01-02 15:04:05"`},
		{"2006-01-02 15:04:05", "2013-13-01 00:00:00", `"2013-13-01 00:00:00" is not a time: month out of range`},
	} {
		if got, err := c.format.parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q as %s: %d, %v; want %s", c.text, c.format, got, err, c.want)
		}
	}
}

func TestWhatIsNoFormatIsRefused(t *testing.T) {
	for _, f := range []TimeFormat{UnixS, UnixMS, UnixUS, UnixNS, "2006-01-02", "15:04", "Jan _2 2006 3PM"} {
		if err := f.Validate(); err != nil {
			t.Error(err)
		}
	}
	for _, f := range []TimeFormat{"", "yyyy-MM-dd", "unix", "unix_m"} {
		if err := f.Validate(); err == nil {
			t.Errorf("%q is taken for a format", string(f))
		}
	}
}

func FuzzUnixTimesAreExact(f *testing.F) {
	f.Add(int64(-15), uint32(5), uint8(3))
	f.Add(int64(1455010431), uint32(999999), uint8(7))
	f.Fuzz(func(t *testing.T, whole int64, fraction uint32, digits uint8) {
		text := fmt.Sprint(whole)
		if digits > 0 {
			text = fmt.Sprintf("%d.%0*d", whole, int(digits%12)+1, fraction)
		}
		for _, format := range []TimeFormat{UnixS, UnixMS, UnixUS, UnixNS} {
			decimals, _ := format.decimals()
			exact, ok := new(big.Rat).SetString(text)
			if !ok {
				t.Fatal(text)
			}
			scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(decimals, -decimals))), nil))
			if decimals < 0 {
				scale.Inv(scale)
			}
			exact.Mul(exact, scale)
			// Div rounds down for a positive divisor.
			want := new(big.Int).Div(exact.Num(), exact.Denom())
			got, err := format.parse([]byte(text))
			if err != nil {
				if want.IsInt64() && want.CmpAbs(big.NewInt(1<<58)) < 0 {
					t.Errorf("%s as %s: %v, want %v", text, format, err, want)
				}
				continue
			}
			if want.Cmp(big.NewInt(got)) != 0 {
				t.Errorf("%s as %s: %d, want %v", text, format, got, want)
			}
		}
	})
}
