package reports

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/query"
)

// A part is a piece of a sentence, bold or not.
type part struct {
	Text string
	Bold bool
}

func plain(format string, args ...any) part { return part{Text: fmt.Sprintf(format, args...)} }

// number writes a count with commas.
func number(n int64) string { return kpi.Text(float64(n), 0, "") }

// count writes a number with its noun in the right form.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// are is the verb that goes with n.
func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// summary answers first: how the figures stand, what was found, whether all lines are accounted for.
func (d *Daily) summary() []part {
	var out []part
	out = append(out, d.figureSentence()...)
	out = append(out, d.findingSentence()...)
	return append(out, d.lineSentence()...)
}

func (d *Daily) figureSentence() []part {
	by := map[kpi.Status][]kpi.Figure{}
	for _, f := range d.Figures {
		by[f.Status] = append(by[f.Status], f)
	}
	targets := len(by[kpi.Green]) + len(by[kpi.Yellow]) + len(by[kpi.Red])
	if len(by[kpi.NotMeasured]) == len(d.Figures) {
		return []part{{"Nothing was measured in this period", true}, plain(": no event that a key figure is made of fell into it. ")}
	}
	var out []part
	switch red, yellow := by[kpi.Red], by[kpi.Yellow]; {
	case targets == 0:
		out = append(out, plain("No key figure with a target was measured. "))
	case len(red)+len(yellow) == 0 && targets == 1:
		out = append(out, part{"The one key figure with a target is Green", true}, plain(". "))
	case len(red)+len(yellow) == 0:
		out = append(out, part{fmt.Sprintf("All %d key figures with a target are Green", targets), true}, plain(". "))
	default:
		if len(red) > 0 {
			out = append(out, part{fmt.Sprintf("%d of %d key figures %s Red", len(red), targets, are(len(red))), true}, plain(": "))
			out = append(out, named(red)...)
			out = append(out, plain(". "))
		} else {
			out = append(out, part{fmt.Sprintf("None of %d key figures is Red", targets), true}, plain(". "))
		}
		if len(yellow) > 0 {
			out = append(out, plain("%d %s Yellow: ", len(yellow), are(len(yellow))))
			out = append(out, named(yellow)...)
			out = append(out, plain(". "))
		}
		if n := len(by[kpi.Green]); n > 0 {
			out = append(out, plain("%d %s Green. ", n, are(n)))
		}
	}
	if n := len(by[kpi.NotMeasured]); n > 0 {
		verb := "were"
		if n == 1 {
			verb = "was"
		}
		out = append(out, plain("%d %s not measured. ", n, verb))
	}
	return out
}

// named lists figures: Deadlocks (11, target 0), Failed logins (71, target ≤ 50).
func named(fs []kpi.Figure) []part {
	var out []part
	for i, f := range fs {
		switch {
		case i > 0 && i == len(fs)-1:
			out = append(out, plain(" and "))
		case i > 0:
			out = append(out, plain(", "))
		}
		out = append(out, part{f.Title, true}, plain(" (%s, target %s)", f.Actual, f.Target))
	}
	return out
}

func (d *Daily) findingSentence() []part {
	if len(d.Findings) == 0 {
		return []part{plain("There are no findings. ")}
	}
	var by [5]int64
	for _, f := range d.Findings {
		by[severity(f.Severity)]++
	}
	text := count(int64(len(d.Findings)), "finding", "findings")
	if d.Capped {
		text = "More than " + text
	}
	var terms []string
	for _, s := range []struct {
		rank int
		name string
	}{{4, "critical"}, {3, "high"}, {2, "medium"}, {1, "low"}} {
		if n := by[s.rank]; n > 0 {
			terms = append(terms, number(n)+" "+s.name)
		}
	}
	if len(terms) > 0 {
		text += ", " + strings.Join(terms, ", ")
	}
	out := []part{plain("%s. ", text)}
	if top := d.Findings[0]; severity(top.Severity) >= severity("high") {
		out = append(out, plain("Look first at: "), part{top.Title, true}, plain(". "))
	}
	return out
}

func (d *Daily) lineSentence() []part {
	l := d.Lines
	if l.Read == 0 {
		return nil
	}
	text := count(l.Read, "line was", "lines were") + " read"
	if l.Scope != "" {
		text += " " + l.Scope
	}
	switch {
	case !l.Balanced():
		return []part{plain("%s; ", text), {"not all of them are accounted for", true}, plain(".")}
	case l.Unparsed == 0:
		return []part{plain("%s, none was left unparsed.", text)}
	}
	return []part{plain("%s, %s unparsed and kept.", text, count(l.Unparsed, "is", "are"))}
}

// periodText writes a period: "Monday 23 November 2026, 00:00–24:00 UTC".
func periodText(i query.Interval) string {
	if i == (query.Interval{}) {
		return "–"
	}
	from, to := utc(i.From), utc(i.To)
	end := to.Format("15:04")
	last := to.Add(-time.Microsecond)
	if to.Equal(to.Truncate(24 * time.Hour)) {
		end = "24:00"
	} else if to.Sub(from) < time.Minute {
		return fmt.Sprintf("%s, %s–%s UTC", from.Format("Monday 2 January 2006"), from.Format("15:04:05"), to.Format("15:04:05"))
	}
	if from.Format(time.DateOnly) == last.Format(time.DateOnly) {
		return fmt.Sprintf("%s, %s–%s UTC", from.Format("Monday 2 January 2006"), from.Format("15:04"), end)
	}
	return fmt.Sprintf("%s, %s – %s, %s UTC", from.Format("2 January 2006"), from.Format("15:04"), last.Format("2 January 2006"), end)
}

func utc(us int64) time.Time { return time.UnixMicro(us).UTC() }

// moment writes a time; its day is left out where the whole period is of one day.
func (d *Daily) moment(us int64) string {
	if utc(d.Period.From).Format(time.DateOnly) == utc(d.Period.To-1).Format(time.DateOnly) &&
		utc(us).Format(time.DateOnly) == utc(d.Period.From).Format(time.DateOnly) {
		return utc(us).Format("15:04:05")
	}
	return utc(us).Format("2 Jan 2006 15:04:05")
}

// stepName writes the length of a step: minute, 5 minutes, hour, 6 hours, day.
func stepName(d time.Duration) string {
	unit, name := time.Minute, "minute"
	switch {
	case d >= 24*time.Hour:
		unit, name = 24*time.Hour, "day"
	case d >= time.Hour:
		unit, name = time.Hour, "hour"
	}
	if n := d / unit; n > 1 {
		return fmt.Sprintf("%d %ss", n, name)
	}
	return name
}

// percent writes a share of lines with as many decimals as it takes to differ from none.
func percent(n, of int64) string {
	if of == 0 {
		return "–"
	}
	v := 100 * float64(n) / float64(of)
	for decimals := 1; decimals < 4; decimals++ {
		if p := math.Pow(10, float64(decimals)); n == 0 || n == of || (v*p >= 0.5 && (100-v)*p >= 0.5) {
			return kpi.Text(v, decimals, "%")
		}
	}
	return kpi.Text(v, 4, "%")
}
