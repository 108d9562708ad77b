package rules

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
)

func TestCountingByGroup(t *testing.T) {
	t.Parallel()
	fail := "event.action=fail "
	for _, tc := range []struct {
		name string
		rule Rule
		log  []said
		want string
	}{
		{"each event that matches counts under its group",
			Rule{When: "event.action:fail"},
			[]said{{0, fail + "source.ip=10.0.0.1"}, {0, fail + "source.ip=10.0.0.1"}, {1, "event.action=fine source.ip=10.0.0.1"}, {2, fail + "source.ip=10.0.0.2"}},
			"3, groups 10.0.0.1=2 10.0.0.2=1"},
		{"a group that the event does not give is -",
			Rule{When: "event.action:fail"}, []said{{0, "event.action=fail"}}, "1, groups -=1"},
		{"of several fields the first that is there is the group",
			Rule{When: "event.action:fail", Group: "source.ip|source.address"},
			[]said{{0, fail + "source.address=gate.example"}, {1, fail + "source.ip=10.0.0.1 source.address=gate.example"}},
			"2, groups 10.0.0.1=1 gate.example=1"},
		{"a template makes one group of several fields",
			Rule{When: "event.action:fail", Group: "{{user.name}}@{{source.ip|source.address}}"},
			[]said{{0, fail + "user.name=bob source.address=gate"}, {1, fail + "source.ip=10.0.0.1"}},
			"2, groups -@10.0.0.1=1 bob@gate=1"},
		{"an event counts as often as its weight says",
			Rule{When: "event.action:fail", Weight: "veritail.repeat"},
			[]said{{0, fail + "veritail.repeat=3"}, {1, fail}, {2, fail + "veritail.repeat=0"}, {3, fail + "veritail.repeat=-4"}},
			"6, groups -=6"},
		{"a weight that nobody can mean counts once",
			Rule{When: "event.action:fail", Weight: "veritail.repeat"}, []said{{0, fail + "veritail.repeat=9999999999"}}, "1, groups -=1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, got := scan(t, tc.rule, log{said: tc.log}); got != tc.want {
				t.Errorf("counted %s, want %s", got, tc.want)
			}
		})
	}
}

func TestALongGroupIsToldApartByItsBeginning(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 600)
	_, got := scan(t, Rule{When: "event.action:fail", Group: "user.name"},
		log{said: []said{{0, "event.action=fail user.name=" + long}, {0, "event.action=fail user.name=" + long + "x"}}})
	if want := "2, groups " + strings.Repeat("é", 512) + "…=2"; got != want {
		t.Errorf("counted %q", got)
	}
}

func TestAFindingSaysWhatItRestsOn(t *testing.T) {
	t.Parallel()
	w, _ := scan(t, Rule{
		ID: "r", When: "event.action:fail", Severity: "critical", Title: "Login of {{user.name}} from {{source.ip|source.address}}, {{url.original}}",
		Message: "{{event.action}}", Group: "source.ip|source.address",
		Threshold: &Threshold{Count: 2, Within: seconds(60)},
	}, log{site: "north", data: "sshd", said: []said{
		{0, "event.action=fail source.ip=10.0.0.1 user.name=ann"}, {5, "event.action=fine"}, {9, "event.action=fail source.ip=10.0.0.1 user.name=bob"},
	}})
	if len(w.findings) != 1 {
		t.Fatalf("%d findings", len(w.findings))
	}
	f := w.findings[0]
	got := fmt.Sprint(f.Title, "; ", f.Message, "; ", f.Severity, f.Site, f.Group, f.Count, f.Time == micro(9), f.First == micro(0), f.Last == micro(9), len(f.Evidence))
	if want := "Login of bob from 10.0.0.1, -; fail; criticalnorth[{source.ip 10.0.0.1}]2true true true 2"; strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	e := f.Evidence[1]
	raw := "9 event.action=fail source.ip=10.0.0.1 user.name=bob"
	if e.Text != raw || e.SHA256 != sha256.Sum256([]byte(raw)) || e.Path != "file1" || e.Gen != 1 || e.Dataset != "sshd" ||
		e.Time != micro(9) || e.Teller || len(e.Spans) != 1 || e.Spans[0] != (event.Span{Off: 200, Len: int32(len(raw))}) {
		t.Errorf("evidence %+v", e)
	}
}

func TestAFindingKeepsTheFirstAndTheLastOfItsEvidence(t *testing.T) {
	t.Parallel()
	var many []said
	for i := range 120 {
		many = append(many, said{float64(i), "event.action=fail source.ip=10.0.0.1"})
	}
	w, _ := scan(t, Rule{When: "event.action:fail", Threshold: &Threshold{Count: 120, Within: seconds(600)}}, log{said: many})
	f := w.findings[0]
	if f.Count != 120 || len(f.Evidence) != maxEvidence || f.Evidence[0].Time != micro(0) || f.Evidence[maxEvidence-1].Time != micro(119) {
		t.Errorf("count %d, %d pieces of evidence from %d to %d", f.Count, len(f.Evidence), f.Evidence[0].Time, f.Evidence[len(f.Evidence)-1].Time)
	}
}

func TestForeignValuesAreHarmlessInTitles(t *testing.T) {
	t.Parallel()
	schema := testSchema(t)
	for name, tc := range map[string]struct{ value, want string }{
		"line ends and escapes":        {"a\nb\x1b[31mc\r", "user a\ufffdb\ufffd[31mc\ufffd"},
		"marks that reverse the order": {"x\u202egnp.exe", "user x\ufffdgnp.exe"},
		"bytes that are not UTF-8":     {"a\xff\xfeb", "user a\ufffd\ufffdb"},
		"templates are not expanded":   {"{{source.ip}}", "user {{source.ip}}"},
		"a long value is cut":          {strings.Repeat("x", 300), "user " + strings.Repeat("x", maxValue) + "…"},
		"a character is not cut apart": {strings.Repeat("x", maxValue-1) + "é", "user " + strings.Repeat("x", maxValue-1) + "…"},
	} {
		p := &event.Page{Schema: schema, Arena: &event.Arena{}}
		p.AddRow(p.Arena.PutString("raw"), 1, []event.Span{{Len: 3}})
		p.SetStr(0, event.FieldUser, p.Arena.PutString(tc.value))
		p.Complete()
		title := newTemplate("user {{user.name}}", nil, schema)
		if got, _ := title.render(nil, title.appendWords(nil, p.Row(0))); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestARuleOfSeverityInfoCountsAndRaisesNothing(t *testing.T) {
	t.Parallel()
	r := Rule{When: "event.action:fail", Severity: "info", Once: []Once{{From: []Condition{"message:a", "*"}, Within: seconds(2)}}}
	w, got := scan(t, r, log{said: []said{{0, "event.action=fail message=a"}, {1, "event.action=fail message=b"}, {9, "event.action=fail message=b"}}})
	if got != "2, groups -=2" || len(w.findings) != 0 {
		t.Errorf("counted %s, raised %d", got, len(w.findings))
	}
	r = Rule{When: "event.action:fail", Severity: "info", Threshold: &Threshold{Count: 2, Within: seconds(5)}}
	w, got = scan(t, r, log{said: at("10.0.0.1", 0, 1, 20, 21, 22)})
	if got != "2, groups 10.0.0.1=2" || len(w.findings) != 0 {
		t.Errorf("with a threshold: counted %s, raised %d", got, len(w.findings))
	}
}

func TestAfterAFindingItsGroupMustBeQuietForTheNext(t *testing.T) {
	t.Parallel()
	fail := func(at float64, ip string) said { return said{at, "event.action=fail source.ip=" + ip} }
	r := Rule{When: "event.action:fail", Rearm: seconds(10)}
	w, got := scan(t, r, log{said: []said{
		fail(0, "10.0.0.1"), fail(4, "10.0.0.2"), fail(9, "10.0.0.1"), // still armed off for .1, a first one of .2
		fail(18.999999, "10.0.0.1"), // 9.999999 s after the last: not quiet long enough
		fail(28.999999, "10.0.0.1"), // exactly 10 s after it
	}})
	if got != "5, groups 10.0.0.1=4 10.0.0.2=1" || len(w.findings) != 3 {
		t.Errorf("counted %s, raised %d findings", got, len(w.findings))
	}
}

func TestRollupsAreByMinuteSiteAndDataset(t *testing.T) {
	t.Parallel()
	w := follow(t, Rule{ID: "r", When: "event.action:fail", Severity: "info"},
		log{site: "", data: "a", said: []said{{0, "event.action=fail"}, {59.9, "event.action=fail"}, {60, "event.action=fail"}}},
		log{site: "north", data: "a", said: []said{{0, "event.action=fail"}}},
		log{site: "north", data: "b", said: []said{{0, "event.action=fail"}}})
	got := map[string]int64{}
	for _, d := range w.rollups {
		got[fmt.Sprintf("%s %s/%s %d", d.Series, d.Site, d.Dataset, (d.Minute-base.UnixMicro())/minute)] += d.N
	}
	want := map[string]int64{
		"rule/r /a 0": 2, "rule/r /a 1": 1, "rule/r north/a 0": 1, "rule/r north/b 0": 1,
		"group/r/- /a 0": 3, "group/r/- north/a 0": 1, "group/r/- north/b 0": 1,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestAnHourNamesABoundedNumberOfGroups(t *testing.T) {
	t.Parallel()
	var many []said
	for i := range maxNamed + 200 {
		many = append(many, said{float64(i), fmt.Sprintf("event.action=fail user.name=u%d", i)})
	}
	many = append(many, said{2000, "event.action=fail user.name=u0"}, said{3601, "event.action=fail user.name=late"})
	w := follow(t, Rule{ID: "r", When: "event.action:fail", Group: "user.name", Severity: "info"}, log{said: many})
	series, sum := map[string]int64{}, int64(0)
	for _, d := range w.rollups {
		if name, ok := strings.CutPrefix(d.Series, GroupSeries("r")); ok {
			series[name] += d.N
			sum += d.N
		}
	}
	if series[Others] != 200 || series["u0"] != 2 || series["late"] != 1 || len(series) != maxNamed+2 || sum != int64(len(many)) {
		t.Errorf("%d series, others %d, u0 %d, late %d, sum %d of %d", len(series), series[Others], series["u0"], series["late"], sum, len(many))
	}
}

func TestSitesHaveNothingToDoWithEachOther(t *testing.T) {
	t.Parallel()
	fail := "event.action=fail source.ip=10.0.0.1 message=a"
	two := func(r Rule) []event.Finding {
		w, _ := scan(t, r, log{site: "north", said: []said{{0, fail}, {1, fail}, {2, fail}}},
			log{site: "south", said: []said{{0, fail}, {1, fail}, {2, fail}}})
		return w.findings
	}
	if f := two(Rule{When: "event.action:fail", Threshold: &Threshold{Count: 5, Within: seconds(60)}}); len(f) != 0 {
		t.Errorf("a brute force spread over two sites was found: %v", f[0].Title)
	}
	if f := two(Rule{When: "event.action:fail", Threshold: &Threshold{Count: 3, Within: seconds(60)}}); len(f) != 2 || f[0].ID == f[1].ID {
		t.Errorf("want a finding of each site with its own id, got %d", len(f))
	}
	if f := two(Rule{When: "event.action:fail", Rearm: seconds(60)}); len(f) != 2 {
		t.Errorf("rearm: want a finding of each site, got %d", len(f))
	}
	once := []Once{{From: []Condition{"log.file.path:file1", "*"}, By: []string{"source.ip"}, Within: seconds(0.5)}}
	for _, by := range []string{"source.ip", "user.name"} { // a key that they give, and one that they do not
		once[0].By = []string{by}
		if f := two(Rule{When: "event.action:fail", Once: once}); len(f) != 6 {
			t.Errorf("once by %s: want three occurrences of each site, got %d", by, len(f))
		}
	}
}
