package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
)

const (
	topRows  = 7  // rows of a block; the rest is summed up
	barWidth = 24 // cells of the longest bar
	markAt   = 72 // column of statuses
)

// printText prints the result of a scan for a person: the account first, then what failed, the key figures and the
// findings, most urgent first.
func (r *scanResult) printText(out io.Writer, report string) error {
	t := &scanText{sink{w: out}, palette(out), r}
	t.head()
	for i, f := range r.figures {
		if len(f.ByRule) > 0 {
			t.block(&r.setup.kpis[i], f)
		}
	}
	t.keyFigures()
	t.listFindings()
	t.next(report)
	return t.err
}

type scanText struct {
	sink
	p colours
	r *scanResult
}

// marked prints text and, at the column of statuses, a mark.
func (t *scanText) marked(text, mark string) {
	if mark != "" {
		mark = strings.Repeat(" ", max(2, markAt-len([]rune(text)))) + mark
	}
	t.f("%s%s\n", text, mark)
}

func (t *scanText) head() {
	var sum event.Account
	for _, f := range t.r.files {
		sum.Add(f.Account)
	}
	period := ""
	if t.r.period.To > 0 {
		from, to := time.UnixMicro(t.r.period.From).UTC(), time.UnixMicro(t.r.period.To-60_000_000).UTC()
		if from.YearDay() == to.YearDay() && from.Year() == to.Year() {
			period = ", " + from.Format("2 Jan 2006 15:04") + to.Format(" to 15:04 UTC")
		} else {
			period = ", " + from.Format("2 Jan 2006 15:04") + to.Format(" to 2 Jan 2006 15:04 UTC")
		}
	}
	t.f("%s\n", t.p.bold(fmt.Sprintf("%s, %s lines%s", files(len(t.r.files)), n(sum.Read), period)))
	mark := t.p.green("● balanced")
	if !sum.Balanced() {
		mark = t.p.red("◆ not balanced")
	}
	t.marked(fmt.Sprintf("read %s = parsed %s + unparsed %s + ignored %s", n(sum.Read), n(sum.Parsed), n(sum.Unparsed), n(sum.Ignored)), mark)
	for i := range t.r.files {
		t.trouble(&t.r.files[i])
	}
	t.f("\n")
}

// trouble tells what is wrong with a file, if anything is.
func (t *scanText) trouble(f *pipeline.ScannedFile) {
	a := f.Account
	switch {
	case f.Err != nil:
		t.marked("  "+f.Path, t.p.red("◆ "+f.Err.Error()))
	case a.Parsed == 0 && a.Unparsed > 0:
		t.marked("  "+f.Path, t.p.red(fmt.Sprintf("◆ read %s, understood 0%s", n(a.Read), nearestOf(t.r.setup.shapesOf(f.Told)))))
		t.shapes(f)
	case a.Unparsed > 0:
		t.marked("  "+f.Path, t.p.yellow(fmt.Sprintf("▲ %s unparsed", n(a.Unparsed))))
		t.shapes(f)
	}
}

// summary tells of each file what became of its lines.
func (r *scanResult) summary(stderr io.Writer) {
	t := &scanText{sink{w: stderr}, palette(stderr), r}
	for i := range r.files {
		f := &r.files[i]
		a := f.Account
		if f.Err != nil || a.Parsed == 0 {
			continue // the status says it
		}
		t.f("%s: read %s = parsed %s + unparsed %s + ignored %s\n", f.Path, n(a.Read), n(a.Parsed), n(a.Unparsed), n(a.Ignored))
		t.shapes(f)
	}
}

// shapes tells which format a file was taken for, and groups its unparsed lines.
func (t *scanText) shapes(f *pipeline.ScannedFile) {
	if text := sure(f.Told); text != "" {
		t.f("  %s\n", t.p.dim(text))
	}
	printShapes(&t.sink, t.p, t.r.setup.shapesOf(f.Told), f.Told, f.Account.Unparsed, "  ")
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

// block prints what a count of rules is made of: by group value, or by rule where that tells more.
func (t *scanText) block(d *kpi.Definition, f kpi.Figure) {
	byRule := map[string]int64{}
	byGroup := map[string]int64{}
	for _, id := range d.Rules {
		for g, v := range t.r.counts[id] {
			byRule[ruleWords(id)] += v
			byGroup[g] += v
		}
	}
	rows, by := byRule, "by kind"
	if len(byGroup) > len(byRule) || len(byRule) == 1 {
		rows, by = byGroup, "by "+d.By
	}
	t.marked(t.p.bold(pad(f.Title, 24))+fmt.Sprintf("%6s  %s", n(f.Part), t.p.dim(by)), t.status(f))
	names := slices.SortedFunc(maps.Keys(rows), func(a, b string) int { return cmp.Or(cmp.Compare(rows[b], rows[a]), cmp.Compare(a, b)) })
	var rest int64
	for i, name := range names {
		if i >= topRows && len(names) > topRows+1 {
			rest += rows[name]
			continue
		}
		drawn := ""
		if len(names) > 1 {
			drawn = strings.Repeat(bar(), max(1, int(rows[name]*barWidth/rows[names[0]])))
		}
		t.f("  %s%6s  %s\n", pad(printable(name), 22), n(rows[name]), t.p.dim(drawn))
	}
	if rest > 0 {
		t.f("  %s%6s\n", pad(fmt.Sprintf("%d more", len(names)-topRows), 22), n(rest))
	}
	t.f("\n")
}

// ruleWords makes words of a rule's id: db.lock-timeout is lock timeout.
func ruleWords(id string) string {
	_, what, _ := strings.Cut(id, ".")
	return strings.ReplaceAll(what, "-", " ")
}

// bar is the cell that bars are drawn with.
func bar() string {
	for _, v := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if s := os.Getenv(v); s != "" {
			if strings.Contains(strings.ToUpper(s), "UTF") {
				return "█"
			}
			return "#"
		}
	}
	return "#"
}

func (t *scanText) status(f kpi.Figure) string {
	switch f.Status {
	case kpi.Green:
		return t.p.green("● green") + t.p.dim(", target "+f.Target)
	case kpi.Yellow:
		return t.p.yellow("▲ yellow") + t.p.dim(", target "+f.Target)
	case kpi.Red:
		return t.p.red("◆ red") + t.p.dim(", target "+f.Target)
	case kpi.NotMeasured:
		return t.p.dim("not measured")
	}
	return ""
}

// wrapped breaks text at blanks into rows of at most width characters, where it can.
func wrapped(text string, width int) []string {
	var rows []string
	row := ""
	for _, word := range strings.Fields(text) {
		if row != "" && len([]rune(row))+1+len([]rune(word)) > width {
			rows, row = append(rows, row), ""
		}
		row = strings.TrimSpace(row + " " + word)
	}
	return append(rows, row)
}

// fewMissing is how many key figures that are not measured are named.
const fewMissing = 8

func (t *scanText) keyFigures() {
	t.f("%s\n", t.p.bold("Key figures"))
	var missing []string
	for _, f := range t.r.figures {
		switch {
		case !f.Measured():
			missing = append(missing, f.Title)
		case len(f.ByRule) == 0:
			t.marked(fmt.Sprintf("  %s%12s  %s", pad(f.Title, 36), f.Actual, f.Detail), t.status(f))
		}
	}
	switch n := len(missing); {
	case n > fewMissing:
		t.f("  %s\n", t.p.dim(fmt.Sprintf("%d others are not measured: these logs do not tell of them; -json says what would", n)))
	case n > 0:
		for _, row := range wrapped("not measured: "+strings.Join(missing, "; "), explainWidth) {
			t.f("  %s\n", t.p.dim(row))
		}
	}
	t.f("\n")
}

// listFindings prints the findings, those of one rule in one row.
func (t *scanText) listFindings() {
	type row struct {
		first *event.Finding
		n     int
		who   []string
	}
	rows := map[string]*row{}
	var order []string
	for i := range t.r.findings {
		f := &t.r.findings[len(t.r.findings)-1-i] // oldest first
		r := rows[f.Rule]
		if r == nil {
			r = &row{first: f}
			rows[f.Rule] = r
			order = append(order, f.Rule)
		}
		r.n++
		if who := f.Group[0].Value; !slices.Contains(r.who, who) {
			r.who = append(r.who, who)
		}
	}
	rank := []string{"critical", "high", "medium", "low"}
	slices.SortStableFunc(order, func(a, b string) int {
		return cmp.Compare(slices.Index(rank, rows[a].first.Severity), slices.Index(rank, rows[b].first.Severity))
	})
	if len(order) == 0 {
		t.f("%s\n", t.p.bold("No findings"))
		return
	}
	t.f("%s%s\n", t.p.bold(pad("Findings", 24)), t.p.dim(fmt.Sprintf("%6d, most urgent first", len(t.r.findings))))
	for _, id := range order {
		r := rows[id]
		who := strings.Join(r.who[:min(len(r.who), 3)], ", ")
		if len(r.who) > 3 {
			who += fmt.Sprintf(" and %d more", len(r.who)-3)
		}
		t.f("  %s %s %4d×  %s\n", pad(r.first.Severity, 9), pad(id, 32), r.n, printable(who))
	}
}

func (t *scanText) next(report string) {
	t.f("\n")
	if t.r.took > time.Second {
		t.f("%s  %.1f s\n", t.p.dim("Took"), t.r.took.Seconds())
	}
	if report != "" {
		t.f("The report is in %s.\n", report)
		return
	}
	t.f("%s  %s %s\n", t.p.bold("Next"), t.p.blue("veritail scan -report day.html …"), "the same as a page, with the lines")
	t.f("      %s     %s\n", t.p.blue("veritail scan -json … | jq ."), "every finding with its evidence")
}
