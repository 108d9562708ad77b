package reports

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/query"
)

const good = `[[report]]
id = "night"
code = "N"
name = "Night report"
title = "The night of {subject}"
period = "day"
formats = ["html"]
[[report.section]]
show = "figures"
title = "Figures"
columns = ["metric", "actual"]
kpis = ["web.errors"]
`

// own is a site's reports.toml beside the shipped kpis.toml, or the other way round.
type own struct{ fs.FS }

func (own) Display(name string) string {
	if name == "kpis.toml" {
		return "/etc/veritail/kpis.toml"
	}
	return "configs/" + name
}

func loadText(text string) ([]Definition, error) {
	return Load(fstest.MapFS{"reports.toml": {Data: []byte(text)}}, "reports.toml", []kpi.Definition{{ID: "web.errors"}, {ID: "db.deadlocks"}})
}

func TestMistakesInReportsAreToldWithTheirPlace(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"an unknown key", good + "colour = 1\n", `reports.toml:13: unknown key "colour"`},
		{"an id given twice", good + strings.Replace(good, `"N"`, `"O"`, 1), `reports.toml:14: report "night": id: given twice`},
		{"a code of two reports", good + strings.Replace(good, `"night"`, `"day"`, 1), `reports.toml:15: report "day": code: another report has it`},
		{"an id of another form", strings.Replace(good, `"night"`, `"Night shift"`, 1), `reports.toml:2: report "Night shift": id: want lower-case words`},
		{"a code of another form", strings.Replace(good, `"N"`, `"n-"`, 1), `reports.toml:3: report "night": code: want up to 8 capital letters`},
		{"a period that there is not", strings.Replace(good, `"day"`, `"dya"`, 1), `reports.toml:6: report "night": period: want day, week, month, incident; did you mean "day"?`},
		{"a format that there is not", strings.Replace(good, `"html"`, `"htm"`, 1), `reports.toml:7: report "night": formats[0]: want html, pdf, md, csv, xlsx, json; did you mean "html"?`},
		{"a section that there is not", strings.Replace(good, `"figures"`, `"figure"`, 1), `reports.toml:9: report "night": show: want`},
		{"a KPI that there is not", strings.Replace(good, `"web.errors"`, `"web.error"`, 1), `reports.toml:12: report "night": kpis[0]: there is no KPI "web.error"; did you mean "web.errors"?`},
		{"a column that there is not", strings.Replace(good, `"actual"`, `"actuel"`, 1), `reports.toml:11: report "night": columns[1]: want`},
		{"a table without columns", strings.Replace(good, "columns = [\"metric\", \"actual\"]\n", "", 1), `report "night": columns: missing`},
		{"no section", good[:strings.Index(good, "[[report.section]]")], `report "night": section: missing`},
		{"rules of a table of figures", good + "rules = [\"auth.*\"]\n", `reports.toml:13: report "night": rules: only of a section about what rules found`},
		{"rules that are no ids", strings.Replace(good, "formats", "rules = [\"auth.*.x\"]\nformats", 1), `reports.toml:7: report "night": rules[0]: want the id of a rule`},
		{"deadlocks of no rule", good + "[[report.section]]\nshow = \"deadlocks\"\ntitle = \"D\"\n", `report "night": rules: missing: the rules that find deadlocks`},
		{"lines to write on in a table", good + "lines = 3\n", `reports.toml:13: report "night": lines: only of a section that shows "blank" or "cause"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := loadText(tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v\nwant %s", err, tc.want)
			}
		})
	}
	if list, err := loadText(good); err != nil || len(list) != 1 || list[0].Formats[0] != document.HTML {
		t.Errorf("what is right: %+v, %v", list, err)
	}
}

func TestShippedReportsLeaveOutWhatASiteHasNoFiguresOf(t *testing.T) {
	text := strings.Replace(good, `["web.errors"]`, `["web.errors", "gone"]`, 1) + "[[report.section]]\nshow = \"charts\"\ntitle = \"Gone\"\nkpis = [\"gone\"]\n"
	list, err := Load(own{fstest.MapFS{"reports.toml": {Data: []byte(text)}}}, "reports.toml", []kpi.Definition{{ID: "web.errors"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(list[0].Sections) != 1 || len(list[0].Sections[0].KPIs) != 1 {
		t.Errorf("got %+v", list[0].Sections)
	}
}

func TestPeriodsTheirIdsAndWhatTheyAreComparedWith(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse("2006-01-02T15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	during := func(from, to string) query.Interval {
		return query.Interval{From: at(from).UnixMicro(), To: at(to).UnixMicro()}
	}
	d := &Definition{Code: "P"}
	for _, tc := range []struct {
		name           string
		length         Length
		day, now       string
		period, before query.Interval
		id             string
	}{
		{"a day", Day, "2026-11-23T09:00", "2026-11-27T10:00", during("2026-11-23T00:00", "2026-11-24T00:00"), during("2026-11-22T00:00", "2026-11-23T00:00"), "P-2026-11-23"},
		{"today so far", Day, "2026-11-27T09:00", "2026-11-27T10:00", during("2026-11-27T00:00", "2026-11-27T10:01"), during("2026-11-26T00:00", "2026-11-26T10:01"), "P-2026-11-27"},
		{"a week begins on Monday", Week, "2026-11-22T09:00", "2026-11-27T10:00", during("2026-11-16T00:00", "2026-11-23T00:00"), during("2026-11-09T00:00", "2026-11-16T00:00"), "P-2026-W47"},
		{"a week of two years", Week, "2026-12-31T09:00", "2027-02-01T10:00", during("2026-12-28T00:00", "2027-01-04T00:00"), during("2026-12-21T00:00", "2026-12-28T00:00"), "P-2026-W53"},
		{"a month, and the shorter one before", Month, "2027-03-15T09:00", "2027-05-01T10:00", during("2027-03-01T00:00", "2027-04-01T00:00"), during("2027-02-01T00:00", "2027-03-01T00:00"), "P-2027-03"},
		{"a month so far is no longer than the one before", Month, "2027-03-15T09:00", "2027-03-31T10:00", during("2027-03-01T00:00", "2027-03-31T10:01"), during("2027-02-01T00:00", "2027-03-01T00:00"), "P-2027-03"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			period := tc.length.During(at(tc.day), at(tc.now))
			if period != tc.period {
				t.Errorf("the period is %s", periodOf(period))
			}
			if before := tc.length.Before(period); before != tc.before {
				t.Errorf("before is %s", periodOf(before))
			}
			if id := d.DocumentID(tc.length, period, ""); id != tc.id {
				t.Errorf("the id is %s", id)
			}
		})
	}
	for _, tc := range []struct{ from, to, id, wrong string }{
		{"2026-11-01", "2026-11-14", "P-2026-11-01-to-2026-11-14-shop", ""},
		{"2026-11-01T12:00", "2026-11-01T13:30", "P-2026-11-01T1200-to-2026-11-01T1330-shop", ""},
		{"2026-11-26", "", "P-2026-11-26-to-2026-11-27T1001-shop", ""},
		{"", "2026-11-14", "", "from when on"},
		{"2026-11-14", "2026-11-01", "", "no length"},
		{"2027-01-01", "2027-02-01", "", "no length"},
		{"monday", "", "", "neither a day"},
	} {
		period, err := Between(tc.from, tc.to, at("2026-11-27T10:00"))
		switch {
		case tc.wrong != "":
			if err == nil || !strings.Contains(err.Error(), tc.wrong) {
				t.Errorf("%s to %s: %v", tc.from, tc.to, err)
			}
		case err != nil:
			t.Error(err)
		default:
			if id := d.DocumentID("", period, "shop"); id != tc.id {
				t.Errorf("the id is %s, want %s", id, tc.id)
			}
		}
	}
}

func TestRulesThatThereAreNotAreTold(t *testing.T) {
	text := strings.Replace(good, "formats", "rules = [\"auth.*\", \"db.deadlock\", \"web.*\"]\nformats", 1) + "[[report.section]]\nshow = \"rules\"\ntitle = \"R\"\nrules = [\"db.deadlok\"]\n"
	fsys := fstest.MapFS{"reports.toml": {Data: []byte(text)}}
	list, err := Load(fsys, "reports.toml", []kpi.Definition{{ID: "web.errors"}})
	if err != nil {
		t.Fatal(err)
	}
	err = CheckRules(fsys, "reports.toml", list, []string{"auth.bruteforce", "db.deadlock"})
	for _, want := range []string{`reports.toml:7: report "night": there is no rule web.*`, `reports.toml:17: report "night": there is no rule db.deadlok; did you mean "db.deadlock"?`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ninstead of\n%s", err, want)
		}
	}
	if err != nil && strings.Count(err.Error(), "there is no rule") != 2 {
		t.Errorf("more than what is wrong: %v", err)
	}
}
