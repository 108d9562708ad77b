package kpi

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Text writes v as the product shows numbers: thousands with a comma, true minus, a space before the unit; "–" for
// NaN.
func Text(v float64, decimals int, unit string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	whole, frac, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if frac != "" {
		whole += "." + frac
	}
	if v < 0 && strings.Trim(s, "0.") != "" {
		whole = "−" + whole
	}
	if unit != "" {
		whole += " " + unit
	}
	return whole
}

// words fills in the texts of a figure whose numbers are there.
func (d *Definition) words(f *Figure, days float64) {
	f.Target, f.Actual, f.Previous, f.Change = "–", string(NotMeasured), "–", "–"
	if !math.IsNaN(f.Bound) {
		sign := "≤ "
		if d.Min != nil {
			sign = "≥ "
		}
		if d.Max != nil && f.Bound == 0 {
			sign = ""
		}
		f.Target = sign + Text(f.Bound, max(d.Decimals, needed(f.Bound)), d.Unit)
	}
	if f.Measured() {
		f.Actual = d.exact(f.Value, days)
		f.Detail = d.detail(f)
	} else if f.Whole > 0 && d.Field != "" {
		f.Detail = Text(float64(f.Whole), 0, "") + " events, none with " + d.Field
	}
	if !math.IsNaN(f.Before) {
		f.Previous = d.exact(f.Before, days)
		f.Change = d.change(f)
	}
	f.Comment = map[Status]string{Green: d.Comment.Green, Yellow: d.Comment.Yellow, Red: d.Comment.Red, NotMeasured: d.Comment.NotMeasured}[f.Status]
}

// exact writes v with the KPI's decimals, or more where rounding would move it to another status: 1.004 % is no
// 1.00 % when the target is 1 %.
func (d *Definition) exact(v, days float64) string {
	for n := d.Decimals; n < 6; n++ {
		shown, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', n, 64), 64)
		if err == nil && d.status(shown, days) == d.status(v, days) {
			return Text(v, n, d.Unit)
		}
	}
	return Text(v, 6, d.Unit)
}

// needed returns the decimals that v, a bound somebody wrote, has.
func needed(v float64) int {
	_, frac, _ := strings.Cut(strconv.FormatFloat(v, 'f', -1, 64), ".")
	return min(len(frac), 6)
}

func (d *Definition) detail(f *Figure) string {
	switch {
	case d.Kind == Ratio:
		what := ""
		if d.Lines {
			what = " lines"
		}
		return Text(float64(f.Part), 0, "") + " of " + Text(float64(f.Whole), 0, "") + what
	case d.Services():
		return d.outages(f)
	case d.Kind == PromQL:
		values := " values"
		if f.Part == 1 {
			values = " value"
		}
		return d.Of + " of " + Text(float64(f.Part), 0, "") + values + " that Prometheus answered"
	case d.Kind == Average || d.Kind == Percentile:
		if f.Part < f.Whole {
			return fmt.Sprintf("%s of %s events tell it", Text(float64(f.Part), 0, ""), Text(float64(f.Whole), 0, ""))
		}
		return "of " + Text(float64(f.Part), 0, "") + " events"
	}
	var terms []string
	rest := int64(0)
	for i, t := range f.ByRule {
		if i < 4 {
			terms = append(terms, t.Name+" "+Text(float64(t.N), 0, ""))
		} else {
			rest += t.N
		}
	}
	if rest > 0 {
		terms = append(terms, "others "+Text(float64(rest), 0, ""))
	}
	return strings.Join(terms, ", ")
}

// outages says whose uptime it is, and what happened.
func (d *Definition) outages(f *Figure) string {
	worst := f.Services[0]
	var text string
	switch {
	case worst.Outages > 0:
		text = Text(float64(worst.Outages), 0, "") + " outage"
		if worst.Outages > 1 {
			text += "s"
		}
		text = visible(worst.Name) + ": " + text + ", longest " + span(worst.Longest)
	case len(f.Services) == 1:
		text = visible(worst.Name) + ": no outage"
	default:
		text = "no outage of " + Text(float64(len(f.Services)), 0, "") + " services"
	}
	down := 0
	for _, s := range f.Services[1:] {
		if s.Outages > 0 {
			down++
		}
	}
	if down > 0 {
		text += "; " + Text(float64(down), 0, "") + " more had some"
	}
	return text + "; known for " + span(worst.Up+worst.Down)
}

// span writes a length of time in its two largest units.
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d/time.Hour%24)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d/time.Minute%60)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d/time.Second%60)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// visible writes what a log says with nothing in it that could not be seen.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return '·'
		}
		return r
	}, s)
}

// same is what a change is called that is none.
const same = "same"

func (d *Definition) change(f *Figure) string {
	if math.IsNaN(f.Value) {
		return "–"
	}
	// Of the numbers as they are shown, so that a reader can check it.
	p := math.Pow(10, float64(d.Decimals))
	diff := (math.Round(f.Value*p) - math.Round(f.Before*p)) / p
	unit := d.Unit
	if unit == "%" {
		unit = "pt" // percentage points: a change of a share is no share of it
	}
	s := Text(diff, d.Decimals, unit)
	switch {
	case strings.Trim(strings.TrimSuffix(s, unit), "0. ") == "":
		return same
	case diff > 0:
		return "+" + s
	}
	return s
}

// MarshalJSON writes a figure as summaries and the console's API give it; value is null where it was not measured.
func (f Figure) MarshalJSON() ([]byte, error) {
	out := struct {
		Title  string   `json:"title"`
		Value  *float64 `json:"value"`
		Unit   string   `json:"unit"`
		Target string   `json:"target"`
		Status Status   `json:"status"`
		Detail string   `json:"detail,omitempty"`
		Before *float64 `json:"previous,omitempty"`
		Trend  Trend    `json:"trend,omitempty"`
		Burn   *float64 `json:"burn_rate,omitempty"` // of the error budget; left out where the target is none, or allows nothing
	}{Title: f.Title, Unit: f.Unit, Target: f.Target, Status: f.Status, Detail: f.Detail, Trend: f.Trend}
	if !math.IsNaN(f.Before) {
		out.Before = &f.Before
	}
	if !math.IsNaN(f.Burn) && !math.IsInf(f.Burn, 0) {
		out.Burn = &f.Burn
	}
	if f.Measured() {
		out.Value = &f.Value
	}
	return json.Marshal(out)
}
