package console

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/query"
)

// overviewPage is what the overview shows: the answer first, then what it rests on.
type overviewPage struct {
	Lead, Rest string // the answer, and where to begin
	Range      string
	Tiles      []tile
	More       []tile     // those that are Green or have no target, where there are many
	MoreSum    string     // what they are
	Folded     string     // how many are not measured, where the reasons are many
	Fill       []struct{} // empty cells that complete the last row of tiles
	MoreFill   []struct{}
	Unmeasured []quiet // figures whose sources said nothing today
	Beside     int     // cells of the last row that they take, 0: a row of their own
	Greens     string  // what phones say in place of the Green tiles
	Urgent     []findingRow
	UrgentSum  string
	Newest     []findingRow
	Wide, Slim template.HTML // events by data set
	Datasets   int
	Balance    balance
	Elsewhere  *elsewhere
	Empty      bool // nothing is followed and nothing is stored
	Broken     []Source
	Findings   string
	Severe     string
	Sources    string
	Unparsed   string
	Problem    string
}

// elsewhere says that another site has events while this one has none.
type elsewhere struct {
	Site, URL string
	Events    int64
}

// A tile is one key figure.
type tile struct {
	kpi.Figure
	Class       string
	Value, Tail string // the number and its unit
	URL         string
	Spark       template.HTML
}

// Says is what a tile says when it is pointed at.
func (t tile) Says() string {
	var parts []string
	for _, p := range []string{t.Detail, t.BurnText(), t.Comment} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ". ")
}

func (s *server) overview(ctx context.Context, r *request) (answer, error) {
	a, err := s.liveOverview(ctx, r)
	if err != nil {
		return answer{}, err
	}
	p := a.Body.(overviewPage)
	rows, err := s.datasets(ctx, r)
	if err != nil {
		return answer{}, err
	}
	if len(rows) == 0 {
		if p.Elsewhere, err = s.otherSite(ctx, r); err != nil {
			return answer{}, err
		}
	}
	p.Wide, p.Slim, p.Datasets = multiples(rows, 466), multiples(rows, 342), len(rows)
	for _, src := range ofSite(r.status.Sources, r.site) {
		if src.broken() {
			p.Broken = append(p.Broken, src)
		}
	}
	p.Empty = p.Balance.Files == 0 && p.Balance.Lines.Read == 0 && len(rows) == 0 && len(p.Newest) == 0 && p.Elsewhere == nil
	a.Body = p
	return a, nil
}

// liveOverview answers the parts of the overview that renew themselves.
func (s *server) liveOverview(ctx context.Context, r *request) (answer, error) {
	d, err := s.readOverview(ctx, r)
	if err != nil {
		return answer{}, err
	}
	p := overviewPage{
		Range:    "Today, 00:00–" + r.now.Format("15:04") + " UTC",
		Balance:  sum(r.status.Sources, r.site),
		Findings: r.to("/findings"), Severe: r.to("/findings", "severity", "high+"), Sources: r.to("/sources"),
		Unparsed: r.search("veritail.unparsed:true", 0, 0),
		Problem:  r.status.Problem,
	}
	p.Tiles = s.tiles(r, d)
	p.Greens = greens(p.Tiles)
	p.Tiles, p.Unmeasured = measured(p.Tiles)
	p.Lead, p.Rest = lead(p.Tiles, collapse(d.severe))
	p.fold()
	free := (4 - len(p.Tiles)%4) % 4
	if len(p.Unmeasured) > 0 && free > 1 {
		p.Beside = free
	} else {
		p.Fill = make([]struct{}, free)
	}
	urgent := collapse(d.severe)
	p.UrgentSum = fmt.Sprintf("%s in 24 h, most urgent first", number(int64(len(d.severe))))
	if len(d.severe) == severeLimit {
		p.UrgentSum = fmt.Sprintf("the %d newest, most urgent first", severeLimit)
	}
	p.Urgent = rows(r, urgent[:min(len(urgent), 5)])
	p.Newest = rows(r, single(d.newest))
	return answer{Title: "Overview", Live: r.to("/live/overview"), Body: p}, nil
}

// A page shows all Red and Yellow figures and at least fewTiles, and names up to fewUnmeasured reasons for which others are not measured;
// the rest is a click away.
const (
	fewTiles      = 8
	fewUnmeasured = 3
)

// fold puts what nobody has to see at once into parts that open.
func (p *overviewPage) fold() {
	bad := 0
	for _, t := range p.Tiles {
		if t.Status == kpi.Red || t.Status == kpi.Yellow {
			bad++
		}
	}
	if show := max(fewTiles, (bad+3)/4*4); len(p.Tiles) > show {
		p.Tiles, p.More = p.Tiles[:show], p.Tiles[show:]
		p.MoreFill = make([]struct{}, (4-len(p.More)%4)%4)
		green := 0
		for _, t := range p.More {
			if t.Status == kpi.Green {
				green++
			}
		}
		p.MoreSum = count(int64(len(p.More)), "more key figure", "more key figures")
		if none := len(p.More) - green; green > 0 && none > 0 {
			p.MoreSum += fmt.Sprintf(": %d Green, %d without a target", green, none)
		} else if green > 0 {
			p.MoreSum += ", Green"
		} else {
			p.MoreSum += " without a target"
		}
	}
	if len(p.Unmeasured) > fewUnmeasured {
		n := 0
		for _, q := range p.Unmeasured {
			n += q.Count
		}
		p.Folded = fmt.Sprintf("%d key figures, and what would measure them", n)
	}
}

// tiles puts the worst figures first and those without a measure last.
func (s *server) tiles(r *request, d overviewData) []tile {
	var out []tile
	for _, want := range []kpi.Status{kpi.Red, kpi.Yellow, kpi.Green, kpi.NoTarget, kpi.NotMeasured} {
		for i, f := range d.figures {
			if f.Status != want {
				continue
			}
			t := tile{Figure: f, Class: statusClass(f.Status), Spark: spark(f, append(slices.Clip(d.days[i]), ofToday(f, r.now))), URL: s.lines(r, s.KPIs[i])}
			t.Value, t.Tail, _ = strings.Cut(f.Actual, " ")
			out = append(out, t)
		}
	}
	return out
}

// lines returns the address of the lines that a figure counts, today.
func (s *server) lines(r *request, d kpi.Definition) string {
	if d.Kind == kpi.PromQL {
		return r.to("/") // its lines are Prometheus's
	}
	if len(d.Rules) > 0 {
		return r.to("/findings", "rule", strings.Join(d.Rules, ","))
	}
	q := d.From
	if d.Where != "" {
		q = both(bracket(d.From), bracket(d.Where))
	}
	return r.search(q, midnight(r.now).UnixMicro(), 0)
}

// bracket keeps the parts of a joined query together.
func bracket(q string) string {
	if strings.Contains(q, " ") {
		return "(" + q + ")"
	}
	return q
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// lead answers first: how the figures stand, and what to look at.
func lead(tiles []tile, urgent []group) (string, string) {
	n := map[kpi.Status]int{}
	for _, t := range tiles {
		n[t.Status]++
	}
	targets := n[kpi.Red] + n[kpi.Yellow] + n[kpi.Green]
	var answer string
	switch {
	case targets == 0:
		answer = "No key figure has been measured yet today."
	case n[kpi.Red] > 0 && n[kpi.Yellow] > 0:
		answer = fmt.Sprintf("%d of %d key figures with a target are Red, %d Yellow.", n[kpi.Red], targets, n[kpi.Yellow])
	case n[kpi.Red] > 0:
		answer = fmt.Sprintf("%d of %d key figures with a target %s Red.", n[kpi.Red], targets, areIs(n[kpi.Red]))
	case n[kpi.Yellow] > 0:
		answer = fmt.Sprintf("%d of %d key figures with a target %s Yellow, none is Red.", n[kpi.Yellow], targets, areIs(n[kpi.Yellow]))
	default:
		answer = fmt.Sprintf("All %d key figures with a target are Green.", targets)
	}
	if len(urgent) == 0 {
		return answer, "No critical or high finding in the last 24 hours."
	}
	return answer, "Start with: " + oneLine(urgent[0].newest.Title, 120) + "."
}

func areIs(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// greens names the Green figures and those without a target, for the phone's one row.
func greens(tiles []tile) string {
	var green, quiet []string
	for _, t := range tiles {
		switch t.Status {
		case kpi.Green:
			green = append(green, t.Title)
		case kpi.NoTarget:
			quiet = append(quiet, t.Title+" "+t.Actual)
		}
	}
	var parts []string
	if len(green) > 0 {
		parts = append(parts, fmt.Sprintf("%d Green: %s", len(green), strings.Join(green, ", ")))
	}
	return strings.Join(append(parts, quiet...), "; ")
}

// quiet are figures without a measure that lack the same thing.
type quiet struct {
	Names, Why string
	Count      int
}

// measured parts the figures that have a value from those that have none.
func measured(tiles []tile) (yes []tile, no []quiet) {
	for _, t := range tiles {
		if t.Measured() {
			yes = append(yes, t)
			continue
		}
		why := cmp.Or(t.Comment, t.Detail)
		i := slices.IndexFunc(no, func(q quiet) bool { return q.Why == why })
		if i < 0 {
			no = append(no, quiet{t.Title, why, 1})
		} else {
			no[i].Names += ", " + t.Title
			no[i].Count++
		}
	}
	return yes, no
}

// A group is findings of one rule about one thing.
type group struct {
	newest event.Finding
	times  int
}

// collapse puts findings of the same rule and group together, and sorts them: most severe first, then newest.
func collapse(findings []event.Finding) []group {
	at := map[string]int{}
	var groups []group
	for _, f := range findings {
		key := f.Rule
		for _, g := range f.Group {
			key += "\x00" + g.Value
		}
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, group{newest: f})
		}
		groups[i].times++
	}
	var sorted []group
	for _, sev := range severities {
		for _, g := range groups {
			if g.newest.Severity == sev {
				sorted = append(sorted, g)
			}
		}
	}
	return sorted
}

func single(findings []event.Finding) []group {
	groups := make([]group, len(findings))
	for i, f := range findings {
		groups[i] = group{f, 1}
	}
	return groups
}

// today is the interval of the day of now up to the end of the step that now is in, and the same of the day before.
func today(now time.Time, step time.Duration) (period, previous query.Interval) {
	from, to := midnight(now), now.UTC().Truncate(step).Add(step)
	day := (24 * time.Hour).Microseconds()
	period = query.Interval{From: from.UnixMicro(), To: to.UnixMicro()}
	return period, query.Interval{From: period.From - day, To: period.To - day}
}
