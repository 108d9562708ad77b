package checks

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/state"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const file = `
[grace]
day = "12h"
[[check]]
id = "backup"
title = "Backup"
list = "Daily"
period = "day"
role = "dba"
query = "event.action:backup_succeeded"
not_measured = "a log of backups"
%s`

// load loads checks, and figures beside them.
func load(t *testing.T, text string) ([]Check, error) {
	t.Helper()
	schema := event.NewSchema()
	fsys := fstest.MapFS{configs.ChecksFile: {Data: []byte(text)}, "kpis.toml": {Data: []byte(errorRate)}}
	defs, err := kpi.Load(fsys, "kpis.toml", schema)
	if err != nil {
		t.Fatal(err)
	}
	return Load(fsys, schema, defs)
}

const errorRate = `
[[kpi]]
id = "app.failed"
title = "Failed"
kind = "count"
from = "event.action:*"
where = "event.action:failed"
max = 0
[[kpi]]
id = "app.all"
title = "All"
kind = "count"
from = "event.action:*"
`

// stored returns a store with an event of an action, some time before now.
func stored(t *testing.T, action string, ago time.Duration) *embedded.Store {
	t.Helper()
	schema := event.NewSchema()
	defs, err := kpi.Load(fstest.MapFS{"kpis.toml": {Data: []byte(errorRate)}}, "kpis.toml", schema)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := kpi.NewStage(defs)
	if err != nil {
		t.Fatal(err)
	}
	store, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(t.TempDir(), "events"), Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	const gen = event.GenID(1)
	p := &event.Page{Schema: schema, Arena: &event.Arena{}, Gen: gen, Data: "app"}
	p.AddRow(p.Arena.PutString("raw"), 1, []event.Span{{Len: 1}})
	p.SetInt(0, event.FieldTime, now.Add(-ago).UnixMicro())
	p.SetStr(0, event.FieldAction, p.Arena.PutString(action))
	p.Complete()
	c := &event.Commit{Batch: &event.Batch{
		Pages: []*event.Page{p}, Gens: []event.Generation{{ID: gen, Path: "app.log"}},
		From: []event.Mark{{Gen: gen}}, To: []event.Mark{{Gen: gen, Off: 1, Lines: event.Account{Read: 1, Parsed: 1}}},
	}}
	if err := stage.Process(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestHowACheckStands(t *testing.T) {
	query := strings.ReplaceAll(file, "%s", "")
	both := strings.ReplaceAll(file, "%s", "sign = true\n")
	person := "[grace]\nday = \"12h\"\n[[check]]\nid = \"backup\"\ntitle = \"B\"\nlist = \"L\"\nperiod = \"day\"\nrole = \"dba\"\n"
	once := strings.ReplaceAll(person, `"day"`, `"once"`)
	figure := person + "kpi = \"app.failed\"\nnot_measured = \"a log of the application\"\n"
	for _, tc := range []struct {
		name, checks, action string
		ago, signed          time.Duration // 0: never signed
		want                 State
	}{
		{"evidence within the day", query, "backup_succeeded", 23 * time.Hour, 0, Done},
		{"the day has passed", query, "backup_succeeded", 25 * time.Hour, 0, Due},
		{"the grace has passed too", query, "backup_succeeded", 37 * time.Hour, 0, Overdue},
		{"a person cannot make good for evidence that is late", query, "backup_succeeded", 37 * time.Hour, time.Hour, Overdue},
		{"other events are no evidence", query, "backup_failed", time.Hour, 0, NotMeasured},
		{"a person stands in where no log tells", query, "other", time.Hour, time.Hour, Done},
		{"what a person said grows old", query, "other", time.Hour, 37 * time.Hour, Overdue},
		{"both are wanted, one is there", both, "backup_succeeded", time.Hour, 0, Due},
		{"both are wanted, and there", both, "backup_succeeded", time.Hour, time.Hour, Done},
		{"nobody has signed yet", person, "other", time.Hour, 0, Due},
		{"signed", person, "other", time.Hour, time.Hour, Done},
		{"signed long ago", person, "other", time.Hour, 48 * time.Hour, Overdue},
		{"once is for ever", once, "other", time.Hour, 9000 * time.Hour, Done},
		{"a figure that meets its target", figure, "fine", time.Hour, 0, Done},
		{"a figure that misses it", figure, "failed", time.Hour, 0, Due},
		{"a figure of an earlier day", figure, "fine", 49 * time.Hour, 0, NotMeasured},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list, err := load(t, tc.checks)
			if err != nil {
				t.Fatal(err)
			}
			req := Request{Checks: list, Now: now, Signed: map[string]state.SignOff{}}
			if tc.signed > 0 {
				req.Signed["backup"] = state.SignOff{Check: "backup", Who: "ann", At: now.Add(-tc.signed)}
			}
			got, err := Evaluate(t.Context(), stored(t, tc.action, tc.ago), access.All(), req)
			if err != nil {
				t.Fatal(err)
			}
			if got[0].State != tc.want {
				t.Errorf("%s, want %s: %+v", got[0].State, tc.want, got[0])
			}
		})
	}
}

func TestAFaultNamesItsLineAndWhatWasMeant(t *testing.T) {
	head := "[[check]]\nid = \"a\"\ntitle = \"A\"\nlist = \"L\"\nrole = \"dba\"\n"
	for _, tc := range []struct{ name, text, want string }{
		{"a period", head + "period = \"weak\"\n", `checks.toml:6: key "period" wants one of once, day, week, month, quarter, not "weak"; did you mean "week"?`},
		{"a key", head + "period = \"day\"\nsing = true\n", `did you mean "sign"?`},
		{"a figure", head + "period = \"day\"\nkpi = \"app.faild\"\nnot_measured = \"x\"\n", `there is no key figure "app.faild"; did you mean "app.failed"?`},
		{"a figure without target", head + "period = \"day\"\nkpi = \"app.all\"\nnot_measured = \"x\"\n", `has no target`},
		{"a query", head + "period = \"day\"\nquery = \"event.action:(\"\nnot_measured = \"x\"\n", `checks.toml:7: check "a":`},
		{"no hint", head + "period = \"day\"\nquery = \"event.action:x\"\n", `says in "not_measured" what would give it`},
		{"twice", head + "period = \"day\"\n" + head + "period = \"day\"\n", `there is a check "a" already`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := load(t, tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
}
