package chart

import (
	"encoding/xml"
	"flag"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

var day = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// series makes a series of steps from values; -1 is a gap.
func series(title string, step time.Duration, values ...float64) Series {
	s := Series{Title: title, Step: step, Target: math.NaN()}
	for i, v := range values {
		if v == -1 {
			v = math.NaN()
		}
		s.Points = append(s.Points, Point{day.Add(time.Duration(i) * step).UnixMicro(), v})
	}
	return s
}

func deadlocks() Series {
	s := series("Deadlocks", time.Hour, 0, 0, 1, 3, -1, -1, 2, 0, 0, 4, 1, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0, 0, 11)
	s.Bars, s.Target, s.Status = true, 0, "Red"
	return s
}

func responses() Series {
	s := series("Response time", time.Hour, 420, 410, -1, 380, -1, 500, 560, 703)
	s.Unit, s.Target, s.Status = "ms", 500, "Yellow"
	return s
}

func parsed() Series {
	s := series("Lines parsed", 24*time.Hour, 99.998, 99.997, 99.998, 99.996, 99.979)
	s.Unit, s.Decimals, s.Target, s.Status = "%", 3, 99.99, "Yellow"
	return s
}

func empty() Series { return series("Query time", time.Hour, -1, -1, -1) }

func TestDrawings(t *testing.T) {
	hostile := series(`<script>alert("1")</script>&`, time.Hour, 1, 2)
	hostile.Unit = `"><b>`
	for name, got := range map[string]template.HTML{
		"bars":      Chart(deadlocks()),
		"line":      Chart(responses()),
		"share":     Chart(parsed()),
		"empty":     Chart(empty()),
		"wide":      Wide(deadlocks()),
		"spark":     Sparkline(deadlocks()),
		"sparkline": Sparkline(parsed()),
		"none":      Sparkline(empty()),
		"hostile":   Chart(hostile),
		"multiples": Multiples([]Series{deadlocks(), responses(), hostile}),
		"rowbar":    Share(12, 15),
	} {
		t.Run(name, func(t *testing.T) {
			wellFormed(t, string(got))
			golden(t, name+".svg", strings.ReplaceAll(string(got), "><", ">\n<")+"\n")
		})
	}
}

// wellFormed fails where a drawing is no XML, runs anything or points outside.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if !strings.Contains(" svg path text circle ", " "+el.Name.Local+" ") {
			t.Errorf("element %s", el.Name.Local)
		}
		for _, a := range el.Attr {
			if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Name.Local, "href") {
				t.Errorf("attribute %s", a.Name.Local)
			}
		}
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Error("a place is not a number")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (write it with -update):\n%s", file, got)
	}
}

func TestAGapIsAGap(t *testing.T) {
	svg := string(Chart(responses()))
	d := regexp.MustCompile(`class="ln" d="([^"]*)"`).FindStringSubmatch(svg)[1]
	if n := strings.Count(d, "M"); n != 3 {
		t.Errorf("two gaps leave three strokes, got %d: %s", n, d)
	}
	if !strings.Contains(d, "h4") {
		t.Errorf("a point alone is a short dash: %s", d)
	}
	bars := regexp.MustCompile(`class="br" d="([^"]*)"`).FindStringSubmatch(string(Chart(deadlocks())))[1]
	if n := strings.Count(bars, "M"); n != 7 {
		t.Errorf("zeros and gaps have no bar: 7 of 24 have, without the marked one; got %d", n)
	}
}

func TestTheSentenceSaysTheResult(t *testing.T) {
	for _, tc := range []struct {
		s    Series
		want string
	}{
		{deadlocks(), "Deadlocks: from 0 to 11, highest at 23:00, last 11 at 23:00. Nothing was measured in 2 of 24 steps. Target 0. Now Red."},
		{parsed(), "Lines parsed: from 99.979 % to 99.998 %, highest on 23 Nov, last 99.979 % on 27 Nov. Target 99.990 %. Now Yellow."},
		{empty(), "Query time: nothing was measured."},
	} {
		if got := tc.s.Sentence(); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}

func TestScalesAreRoundAndHoldEveryValue(t *testing.T) {
	for _, s := range []Series{
		deadlocks(), responses(), parsed(), empty(),
		series("one", time.Hour, 1), series("same", time.Hour, 7, 7, 7), series("large", time.Hour, 3906214, 9), series("small", time.Hour, 0.0004, 0.0001),
		series("tight", time.Hour, 1e9, 1e9+1), series("zero", time.Hour, 0, 0),
	} {
		for _, s.Bars = range []bool{false, true} {
			var f frame
			step := f.scale(s)
			low, high := s.bounds()
			if f.min > low || f.max < high*(1-1e-9) || f.max <= f.min || step <= 0 || (f.max-f.min)/step > 8 {
				t.Errorf("%s (bars %v): %v to %v by %v for %v to %v", s.Title, s.Bars, f.min, f.max, step, low, high)
			}
			if s.Bars && f.min != 0 {
				t.Errorf("%s: bars begin at %v", s.Title, f.min)
			}
		}
	}
}

// What is written below a chart has room, however long the period.
func TestTimesBelowAChartLieApart(t *testing.T) {
	text := regexp.MustCompile(`<text class="t3" x="([0-9.]+)" y="([0-9.]+)" text-anchor="(start|middle|end)">([^<]*[A-Za-z:][^<]*)</text>`)
	for _, tc := range []struct {
		n    int
		step time.Duration
	}{{24, time.Hour}, {12, 6 * time.Hour}, {28, 6 * time.Hour}, {48, time.Hour}, {7, time.Hour}, {3, 6 * time.Hour}, {60, time.Minute}, {14, 24 * time.Hour}, {365, 24 * time.Hour}} {
		right := 0.0
		marks := text.FindAllStringSubmatch(string(Chart(series("T", tc.step, make([]float64, tc.n)...))), -1)
		for _, m := range marks {
			x, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			wide := 6 * float64(len(m[4]))
			from := map[string]float64{"start": x, "middle": x - wide/2, "end": x - wide}[m[3]]
			if from < right {
				t.Errorf("%d steps of %s: %q begins at %.0f, the one before it ends at %.0f", tc.n, tc.step, m[4], from, right)
			}
			right = from + wide
		}
		if len(marks) == 0 {
			t.Errorf("%d steps of %s: no times", tc.n, tc.step)
		}
	}
}
