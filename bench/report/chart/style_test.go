package chart

import (
	"fmt"
	"math"
	"strconv"
	"testing"
)

// V2: twenty looks of lines differ in dashes or marker alone, and those of areas that
// share a colour in their hatching.
func TestLooksDifferWithoutColour(t *testing.T) {
	lines := map[string]int{}
	for look := range 20 {
		key := fmt.Sprint(look%markerKinds, look/markerKinds%2 == 1, dashOf(look), seriesRole(look))
		if other, ok := lines[key]; ok {
			t.Errorf("lines %d and %d look alike", other, look)
		}
		lines[key] = look
	}
	for a := range 10 {
		for b := range a {
			if dashOf(a) == dashOf(b) && a%markerKinds == b%markerKinds && a/markerKinds == b/markerKinds {
				t.Errorf("lines %d and %d differ in colour alone", b, a)
			}
			if seriesRole(a) == seriesRole(b) && hatchOf(a) == hatchOf(b) {
				t.Errorf("areas %d and %d look alike", b, a)
			}
		}
	}
}

// V3, with the matrices of Machado, Oliveira and Fernandes (A Physiologically-based
// Model for Simulation of Color Vision Deficiency, 2009) at full severity.
func TestColoursCanBeToldApart(t *testing.T) {
	sights := map[string][9]float64{
		"normal":       {1, 0, 0, 0, 1, 0, 0, 0, 1},
		"protanopia":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
		"deuteranopia": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
		"tritanopia":   {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
	}
	for name, s := range map[string]scheme{"light": light, "dark": dark} {
		ground := linear(t, s.paper)
		for i, a := range s.series {
			if c := contrast(linear(t, a), ground); c < 3 {
				t.Errorf("%s: colour %s has a contrast of %.2f to the ground", name, a, c)
			}
			for _, b := range s.series[:i] {
				for sight, m := range sights {
					if d := distance(seen(m, linear(t, a)), seen(m, linear(t, b))); d < 0.085 {
						t.Errorf("%s: %s and %s are %.3f apart under %s", name, a, b, d, sight)
					}
				}
			}
		}
		for what, c := range map[string]string{"ink": s.ink, "quiet": s.quiet} {
			if c := contrast(linear(t, c), ground); c < 4.5 {
				t.Errorf("%s: %s has a contrast of %.2f to the ground", name, what, c)
			}
		}
	}
}

type rgb [3]float64

// linear returns a colour such as "#2a6fdb" in linear light.
func linear(t *testing.T, hex string) rgb {
	t.Helper()
	var c rgb
	for i := range c {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		v := float64(n) / 255
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

func seen(m [9]float64, c rgb) rgb {
	var out rgb
	for i := range out {
		out[i] = min(1, max(0, m[3*i]*c[0]+m[3*i+1]*c[1]+m[3*i+2]*c[2]))
	}
	return out
}

// contrast is WCAG's.
func contrast(a, b rgb) float64 {
	la := 0.2126*a[0] + 0.7152*a[1] + 0.0722*a[2]
	lb := 0.2126*b[0] + 0.7152*b[1] + 0.0722*b[2]
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// distance is Euclid's in Oklab.
func distance(a, b rgb) float64 {
	x, y := oklab(a), oklab(b)
	return math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
}

func oklab(c rgb) rgb {
	l := math.Cbrt(0.4122214708*c[0] + 0.5363325363*c[1] + 0.0514459929*c[2])
	m := math.Cbrt(0.2119034982*c[0] + 0.6806995451*c[1] + 0.1073969566*c[2])
	s := math.Cbrt(0.0883024619*c[0] + 0.2817188376*c[1] + 0.6299787005*c[2])
	return rgb{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}
