package readiness_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/rules/readiness"
	"github.com/saypro/veritail/rules/transactions"
)

const checks = `
[[check]]
system = "MySQL"
what   = "deadlocks"
in     = { "event.dataset" = "mysql.error" }
of     = { "event.module" = "mysql" }
on     = [{ "event.dataset" = "mysql.error", "event.action" = "deadlock" }]
off    = [{ "db.response.status_code" = "1213" }]
set    = "innodb_print_all_deadlocks = ON"
`

// TestOffIsSaidOnlyWhereSomethingShowsIt: a missing line alone proves nothing.
func TestOffIsSaidOnlyWhereSomethingShowsIt(t *testing.T) {
	list, err := readiness.Load(fstest.MapFS{"readiness.toml": {Data: []byte(checks)}})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d checks, %v", len(list), err)
	}
	report := map[string]any{"event.module": "mysql", "event.dataset": "mysql.error", "event.action": "deadlock", "db.response.status_code": "1213"}
	other := map[string]any{"event.module": "mysql", "event.dataset": "mysql.error", "event.action": "server_started"}
	refused := map[string]any{"event.module": "mysql", "event.dataset": "mariadb.sql_errors", "db.response.status_code": "1213"}
	exception := map[string]any{"event.module": "app", "db.response.status_code": "1213"}
	for _, tc := range []struct {
		name   string
		events []map[string]any
		want   readiness.Verdict
	}{
		{"a report", []map[string]any{other, report}, readiness.On},
		{"a report and the client's error", []map[string]any{refused, report}, readiness.On},
		{"the client's error, and no report in the error log", []map[string]any{other, refused}, readiness.Off},
		{"a driver's exception, and no report in the error log", []map[string]any{exception, other}, readiness.Off},
		{"a driver's exception, and the error log was not read", []map[string]any{exception}, readiness.Unknown},
		{"nothing happened", []map[string]any{other}, readiness.Unknown},
		{"another program's lines", []map[string]any{{"event.module": "nginx"}}, readiness.Absent},
		{"nothing at all", nil, readiness.Absent},
	} {
		j := readiness.NewJudge(list)
		for i, fields := range tc.events {
			j.Add(&transactions.Event{Time: int64(i), Path: "x.log", Offset: int64(i), Fields: fields})
		}
		r := j.Results()[0]
		if r.Verdict != tc.want || (r.First != nil) != (tc.want == readiness.On || tc.want == readiness.Off) {
			t.Errorf("%s: %s, first %v", tc.name, r.Verdict, r.First)
		}
	}
}

func TestTheShippedChecksAreWhole(t *testing.T) {
	list, err := readiness.Load(configs.FS(""))
	if err != nil || len(list) < 10 {
		t.Fatalf("%d checks, %v", len(list), err)
	}
	for _, c := range list {
		if c.Hides == "" {
			t.Errorf("%s, %s: what it hides is not said", c.System, c.What)
		}
	}
	_, err = readiness.Load(fstest.MapFS{"readiness.toml": {Data: []byte("[[check]]\nwhat = \"x\"\n")}})
	if err == nil || !strings.Contains(err.Error(), "readiness.toml:1: system: missing") && !strings.Contains(err.Error(), "system: missing") {
		t.Errorf("a check without a system: %v", err)
	}
}
