package kpi

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

func load(t *testing.T, text string) ([]Definition, error) {
	t.Helper()
	return Load(fstest.MapFS{"kpis.toml": {Data: []byte(text)}}, "kpis.toml", event.NewSchema())
}

// fullSchema returns a schema with the fields of the shipped formats.
func fullSchema(t testing.TB) *event.Schema {
	t.Helper()
	schema := event.NewSchema()
	if _, err := parsers.Open(configs.FS(""), schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestTheShippedKPIsLoad(t *testing.T) {
	defs, err := Load(configs.FS(""), "kpis.toml", fullSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range defs {
		ids = append(ids, d.ID)
		if d.Comment.NotMeasured == "" {
			t.Errorf("%s does not say what would make it measured", d.ID)
		}
	}
	for _, want := range []string{"web.requests", "web.error-rate-4xx", "web.error-rate-5xx", "auth.failed-logins", "db.failed-transactions",
		"db.deadlocks", "web.response-average", "web.response-p95", "db.query-average", "db.query-p95", "log.parsed"} {
		if !slices.Contains(ids, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if _, err := NewStage(defs); err != nil {
		t.Fatal(err)
	}
}

func TestAFaultNamesFileLineAndKey(t *testing.T) {
	const good = "[[kpi]]\nid = \"a.b\"\ntitle = \"T\"\nkind = \"count\"\nfrom = \"*\"\n"
	for _, tc := range []struct{ name, text, want string }{
		{"an unknown key", good + "thresold = 1\n", `kpis.toml:6: unknown key "thresold" in kpi "a.b"`},
		{"a value of a wrong type", good + "max = \"1\"\n", `kpis.toml:6: key "max" wants a number`},
		{"an id given twice", good + good, `kpis.toml:7: kpi "a.b": id: given twice`},
		{"an id of another form", strings.Replace(good, "a.b", "Errors", 1), `kpis.toml:2: kpi "Errors": id: want`},
		{"a query that does not parse", good + "where = \"event.outcome:(failure\"\n", `kpis.toml:6: kpi "a.b": where: `},
		{"a source that does not parse", strings.Replace(good, `"*"`, `"log.level:"`, 1), `kpis.toml:5: kpi "a.b": from: `},
		{"no source", strings.Replace(good, "from = \"*\"\n", "", 1), `kpis.toml:1: kpi "a.b": from: missing`},
		{"no title", strings.Replace(good, "title = \"T\"\n", "", 1), `kpis.toml:1: kpi "a.b": title: missing`},
		{"a kind that there is not", strings.Replace(good, `"count"`, `"median"`, 1), `kpis.toml:4: kpi "a.b": kind: want`},
		{"a ratio without a part", strings.Replace(good, `"count"`, "\"ratio\"\nunit = \"%\"", 1), `kpi "a.b": where: missing`},
		{"a ratio in another unit", strings.Replace(good, `"count"`, "\"ratio\"\nwhere = \"*\"", 1), `kpi "a.b": unit: a ratio's is "%"`},
		{"rules beside a query", good + "where = \"*\"\nrules = [\"x.y\"]\n", `kpis.toml:7: kpi "a.b": rules: only a count`},
		{"an average without a field", strings.Replace(good, `"count"`, `"average"`, 1), `kpi "a.b": field: no format has a field ""`},
		{"an average of words", strings.Replace(good, `"count"`, "\"average\"\nfield = \"user.name\"", 1), `kpis.toml:5: kpi "a.b": field: "user.name" is of kind keyword`},
		{"a duration without a unit", strings.Replace(good, `"count"`, "\"p95\"\nfield = \"event.duration\"", 1), `kpi "a.b": unit: of a duration`},
		{"a field beside a count", good + "field = \"event.duration\"\n", `kpis.toml:6: kpi "a.b": field: only for`},
		{"two targets", good + "max = 1\nmin = 0\n", `kpis.toml:7: kpi "a.b": min: only one`},
		{"a tolerance on the Green side", good + "max = 10\nyellow = 5\n", `kpis.toml:7: kpi "a.b": yellow: lies on the Green side`},
		{"a tolerance on the Green side of a lower target", good + "min = 10\nyellow = 15\n", `kpis.toml:7: kpi "a.b": yellow: lies on the Green side`},
		{"a tolerance without a target", good + "yellow = 5\n", `kpis.toml:6: kpi "a.b": yellow: without`},
		{"a breakdown without rules", good + "by = \"source.ip\"\n", `kpis.toml:6: kpi "a.b": by: only for`},
		{"too many decimals", good + "decimals = 9\n", `kpis.toml:6: kpi "a.b": decimals: want`},
		{"an average of lines", strings.Replace(good, `"count"`, "\"average\"\nfield = \"event.duration\"\nunit = \"ms\"\nlines = true", 1), `kpis.toml:7: kpi "a.b": lines: only`},
		{"a rate of nothing", strings.Replace(good, `"count"`, `"rate"`, 1), `kpi "a.b": per: want second, minute or hour`},
		{"a kind with a slip", strings.Replace(good, `"count"`, `"percentil"`, 1), `or promql; did you mean "percentile"?`},
		{"a percentile of no rank", strings.Replace(good, `"count"`, "\"percentile\"\nfield = \"event.duration\"\nunit = \"ms\"", 1), `kpi "a.b": percentile: want more than 0`},
		{"a rank beside p95", strings.Replace(good, `"count"`, "\"p95\"\nfield = \"event.duration\"\nunit = \"ms\"\npercentile = 99", 1), `kpis.toml:7: kpi "a.b": percentile: kind "p95" is the 95th`},
		{"uptime without what says so", strings.Replace(good, `"count"`, "\"uptime\"\nunit = \"%\"", 1), `kpi "a.b": down: missing`},
		{"uptime of a field there is not", strings.Replace(good, `"count"`, "\"uptime\"\nunit = \"%\"\nup = \"*\"\ndown = \"*\"\ngroup = [\"service\"]", 1), `kpis.toml:8: kpi "a.b": group[0]: no format has`},
		{"downtime in another unit", strings.Replace(good, `"count"`, "\"downtime\"\nunit = \"ms\"\nup = \"*\"\ndown = \"*\"", 1), `kpis.toml:5: kpi "a.b": unit: a downtime's is`},
		{"a query beside a count", good + "query = \"up\"\n", `kpis.toml:6: kpi "a.b": query: only for kind promql`},
		{"events beside a query", strings.Replace(good, `"count"`, "\"promql\"\nquery = \"up\"", 1), `kpi "a.b": from: it is asked of Prometheus`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := load(t, tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestARuleThatIsNotThereIsNamed(t *testing.T) {
	text := "[[kpi]]\nid = \"a.b\"\ntitle = \"T\"\nkind = \"count\"\nfrom = \"*\"\nrules = [\"db.deadlock\", \"db.dedlock\"]\n"
	fsys := fstest.MapFS{"kpis.toml": {Data: []byte(text)}}
	defs, err := Load(fsys, "kpis.toml", event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	err = CheckRules(fsys, "kpis.toml", defs, []string{"db.deadlock", "auth.ssh-failed"})
	const want = `kpis.toml:6: kpi "a.b": rules: there is no rule "db.dedlock"; did you mean "db.deadlock"?`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := CheckRules(fsys, "kpis.toml", defs, []string{"db.deadlock", "db.dedlock"}); err != nil {
		t.Errorf("all rules are there: %v", err)
	}
}

func TestSeriesAreAskedForOnce(t *testing.T) {
	defs := []Definition{{ID: "a.b", Rules: []string{"x.y", "x.z"}}, {ID: "a.c", Rules: []string{"x.y"}}}
	got := Series(defs)
	want := []string{"kpi/a.b/from", "rule/x.y", "rule/x.z", "kpi/a.c/from"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
