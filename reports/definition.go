package reports

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
)

// A Definition is one report as configs/reports.toml states it.
type Definition struct {
	ID       string            `toml:"id"`      // "daily", by which commands name it
	Code     string            `toml:"code"`    // what the ids of its documents begin with: "D"
	Name     string            `toml:"name"`    // "Daily report"
	Title    string            `toml:"title"`   // the heading; {subject} stands for what it is about
	About    string            `toml:"about"`   // who it is for and what it answers, in a sentence
	By       string            `toml:"by"`      // what its head calls who made it: "Monitored by"; "" is "Prepared by"
	Period   Length            `toml:"period"`  // what it is about unless somebody asks for another one
	Formats  []document.Format `toml:"formats"` // those that are written unless others are asked for, the first one first
	Sign     []string          `toml:"sign"`    // lines to be signed at its end
	KPIs     []string          `toml:"kpis"`    // what sections are about that name none; without them all
	Rules    []string          `toml:"rules"`   // what sections about findings are about that name none: "auth.*"; without them all
	Sections []Section         `toml:"section"`
}

// A Section is one part of a report.
type Section struct {
	Show    string   `toml:"show"`    // what it holds: one of the names of shows
	Title   string   `toml:"title"`   // its heading
	KPIs    []string `toml:"kpis"`    // of these; without them of those of the report
	Columns []string `toml:"columns"` // of a table of figures, in their order
	Rules   []string `toml:"rules"`   // of these rules only: "auth.*" is all whose ids begin so; without them of all
	Text    string   `toml:"text"`    // what stands below the heading, as it is
	Lines   int      `toml:"lines"`   // for "blank": lines to write on
}

// A Length is how long the period of a report is.
type Length string

// The lengths. Weeks begin on Mondays; all begin at midnight, UTC.
const (
	Day   Length = "day"
	Week  Length = "week"
	Month Length = "month"
)

var lengths = []string{string(Day), string(Week), string(Month), string(Incident)}

var idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

var ruleForm = regexp.MustCompile(`^[a-z0-9.-]+\*?$`)

var codeForm = regexp.MustCompile(`^[A-Z][A-Z0-9]{0,7}$`)

// Load reads the definitions of the file called name (configs/reports.toml) and checks them: unknown keys, ids given twice,
// sections that there are not, KPIs that defs lack. Where a site has a kpis.toml of its own beside the shipped reports, what
// that lacks is left out of them. The error is a configs.Errors: all faults, each naming file, line and key.
func Load(fsys fs.FS, name string, defs []kpi.Definition) ([]Definition, error) {
	var file struct {
		Report []Definition `toml:"report"`
	}
	if err := configs.Decode(fsys, name, &file); err != nil {
		return nil, err
	}
	var known []string
	for i := range defs {
		known = append(known, defs[i].ID)
	}
	if !configs.Together(fsys, name, "kpis.toml") {
		for i := range file.Report {
			file.Report[i].leaveOut(known)
		}
		file.Report = slices.DeleteFunc(file.Report, func(d Definition) bool { return len(d.Sections) == 0 })
	}
	var faults configs.Errors
	ids, codes := map[string]bool{}, map[string]bool{}
	for i := range file.Report {
		d := &file.Report[i]
		fail := func(key, near, format string, args ...any) {
			e := configs.At(fsys, name, fmt.Sprintf("report[%d].%s", i, key), "report %q: %s: %s", d.ID, lastKey(key), fmt.Sprintf(format, args...))
			e.Suggestion = near
			faults = append(faults, e)
		}
		if ids[d.ID] {
			fail("id", "", "given twice")
		}
		if codes[d.Code] {
			fail("code", "", "another report has it, so that ids of documents would be of both")
		}
		ids[d.ID], codes[d.Code] = true, true
		d.check(known, fail)
		for j := range d.Sections {
			if len(d.Sections[j].KPIs) == 0 {
				d.Sections[j].KPIs = d.KPIs
			}
			if len(d.Sections[j].Rules) == 0 && shows[d.Sections[j].Show].rules {
				d.Sections[j].Rules = d.Rules
			}
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return file.Report, nil
}

// leaveOut takes KPIs out that are not known, and sections that were about such ones only. A report that is left without
// KPIs is about all that there are.
func (d *Definition) leaveOut(known []string) {
	unknown := func(id string) bool { return !slices.Contains(known, id) }
	d.KPIs = slices.DeleteFunc(d.KPIs, unknown)
	d.Sections = slices.DeleteFunc(d.Sections, func(s Section) bool {
		return len(s.KPIs) > 0 && !slices.ContainsFunc(s.KPIs, func(id string) bool { return !unknown(id) })
	})
	for i := range d.Sections {
		d.Sections[i].KPIs = slices.DeleteFunc(d.Sections[i].KPIs, unknown)
	}
}

// lastKey is a key without the table that it stands in.
func lastKey(path string) string { return path[strings.LastIndex(path, ".")+1:] }

// check calls fail for each key that is wrong, with the nearest right value where there is one.
func (d *Definition) check(known []string, fail func(key, near, format string, args ...any)) {
	if !idForm.MatchString(d.ID) {
		fail("id", "", "want lower-case words joined by -, like data-quality")
	}
	if !codeForm.MatchString(d.Code) {
		fail("code", "", "want up to 8 capital letters, like D")
	}
	if d.Name == "" {
		fail("name", "", "missing")
	}
	if d.Title == "" {
		fail("title", "", "missing")
	}
	if !slices.Contains(lengths, string(d.Period)) {
		fail("period", configs.Nearest(string(d.Period), lengths), "want %s", strings.Join(lengths, ", "))
	}
	if len(d.Formats) == 0 {
		fail("formats", "", "missing: some of %s", strings.Join(document.FormatNames(), ", "))
	}
	for i, f := range d.Formats {
		if !f.Known() {
			fail(fmt.Sprintf("formats[%d]", i), configs.Nearest(string(f), document.FormatNames()), "want %s", strings.Join(document.FormatNames(), ", "))
		}
	}
	for i, id := range d.KPIs {
		if !slices.Contains(known, id) {
			fail(fmt.Sprintf("kpis[%d]", i), configs.Nearest(id, known), "there is no KPI %q", id)
		}
	}
	checkRuleForms(d.Rules, fail)
	if len(d.Sections) == 0 {
		fail("section", "", "missing: a report without sections is empty")
	}
	for i := range d.Sections {
		d.Sections[i].check(known, func(key, near, format string, args ...any) {
			fail(fmt.Sprintf("section[%d].%s", i, key), near, format, args...)
		})
	}
}

func checkRuleForms(list []string, fail func(key, near, format string, args ...any)) {
	for i, r := range list {
		if !ruleForm.MatchString(r) {
			fail(fmt.Sprintf("rules[%d]", i), "", "want the id of a rule, like auth.bruteforce, or the beginning of some and *, like auth.*")
		}
	}
}

func (s *Section) check(known []string, fail func(key, near, format string, args ...any)) {
	show, ok := shows[s.Show]
	if !ok {
		fail("show", configs.Nearest(s.Show, showNames()), "want %s", strings.Join(showNames(), ", "))
		return
	}
	if s.Title == "" && !show.titled {
		fail("title", "", "missing")
	}
	for i, id := range s.KPIs {
		if !slices.Contains(known, id) {
			fail(fmt.Sprintf("kpis[%d]", i), configs.Nearest(id, known), "there is no KPI %q", id)
		}
	}
	if show.columns == nil && len(s.Columns) > 0 {
		fail("columns", "", "only of a section with a table of figures")
	}
	if show.columns != nil && len(s.Columns) == 0 {
		fail("columns", "", "missing: some of %s", strings.Join(show.columns, ", "))
	}
	for i, c := range s.Columns {
		if show.columns != nil && !slices.Contains(show.columns, c) {
			fail(fmt.Sprintf("columns[%d]", i), configs.Nearest(c, show.columns), "want %s", strings.Join(show.columns, ", "))
		}
	}
	if s.Show == "deadlocks" && len(s.Rules) == 0 {
		fail("rules", "", "missing: the rules that find deadlocks")
	}
	if !show.rules && len(s.Rules) > 0 {
		fail("rules", "", "only of a section about what rules found: findings, rules, deadlocks")
	}
	checkRuleForms(s.Rules, fail)
	if s.Lines != 0 && s.Show != "blank" && s.Show != "cause" {
		fail("lines", "", "only of a section that shows %q or %q", "blank", "cause")
	}
	if s.Lines < 0 || s.Lines > 60 {
		fail("lines", "", "want 1 to 60")
	}
}

// about reports whether a section is about a rule.
func (s *Section) about(rule string) bool {
	return len(s.Rules) == 0 || slices.ContainsFunc(s.Rules, func(r string) bool {
		head, some := strings.CutSuffix(r, "*")
		return r == rule || some && strings.HasPrefix(rule, head)
	})
}

// CheckRules tells which rules that reports of list name, as Load read it from name, there are not. A section about a rule
// that is not there would be empty for ever. The error is a configs.Errors.
func CheckRules(fsys fs.FS, name string, list []Definition, known []string) error {
	if !configs.Together(fsys, name, "kpis.toml") { // the site's rules may be its own as well
		return nil
	}
	var faults configs.Errors
	check := func(report, key string, rules []string) {
		for i, r := range rules {
			if slices.ContainsFunc(known, (&Section{Rules: []string{r}}).about) {
				continue
			}
			e := configs.At(fsys, name, fmt.Sprintf("%srules[%d]", key, i), "report %q: there is no rule %s", report, r)
			e.Suggestion = configs.Nearest(r, known)
			faults = append(faults, e)
		}
	}
	for i := range list {
		d := &list[i]
		check(d.ID, fmt.Sprintf("report[%d].", i), d.Rules)
		for j := range d.Sections {
			if own := d.Sections[j].Rules; !slices.Equal(own, d.Rules) {
				check(d.ID, fmt.Sprintf("report[%d].section[%d].", i, j), own)
			}
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// Find returns the definition with an id, and the nearest id there is where there is none.
func Find(list []Definition, id string) (found *Definition, near string) {
	var ids []string
	for i := range list {
		if list[i].ID == id {
			return &list[i], ""
		}
		ids = append(ids, list[i].ID)
	}
	return nil, configs.Nearest(id, ids)
}
