package transactions_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/rules/transactions"
)

func workload(t testing.TB, list []transactions.Event) *transactions.Workload {
	t.Helper()
	c := transactions.NewWorkloadCounter(sessions(t))
	for i := range list {
		c.Add(&list[i])
	}
	return c.Workload()
}

// TestFiguresOfALogAreThoseOfItsLines counts the same again with regular expressions over the log's lines.
func TestFiguresOfALogAreThoseOfItsLines(t *testing.T) {
	const path = "../../testdata/site/postgres-stderr/postgresql.log"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log := string(data)
	count := func(expr string) int64 { return int64(len(regexp.MustCompile(expr).FindAllString(log, -1))) }
	sum := func(expr string) float64 {
		total := 0.0
		for _, m := range regexp.MustCompile(expr).FindAllStringSubmatch(log, -1) {
			v, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			total += v
		}
		return total
	}
	w := workload(t, events(t, path, "postgresql.stderr"))
	var took time.Duration
	var timed, statements int64
	for _, q := range w.Queries {
		took += q.Total
		timed += q.Timed
		statements += q.Count
	}
	for _, tc := range []struct {
		what      string
		got, want float64
	}{
		{"connections", float64(w.Connections), float64(count(`(?m)LOG:  connection received: `))},
		{"checkpoints", float64(w.Checkpoints), float64(count(`(?m)LOG:  checkpoint complete: `))},
		{"temporary files", float64(w.TempFiles.Count), float64(count(`(?m)LOG:  temporary file: path "[^"]*", size `))},
		{"bytes of temporary files", float64(w.TempFiles.Size), sum(`(?m)LOG:  temporary file: path "[^"]*", size ([0-9]+)`)},
		{"lock waits that ended", float64(w.Waits.Count), float64(count(`(?m)LOG:  process [0-9]+ acquired `))},
		{"milliseconds of lock waits", float64(w.Waits.Total.Microseconds()) / 1000, sum(`(?m)LOG:  process [0-9]+ acquired .* after ([0-9.]+) ms`)},
		{"statements with a time", float64(timed), float64(count(`(?m)LOG:  duration: [0-9.]+ ms  (?:statement|execute)|LOG:  duration: [0-9.]+ ms$`))},
		{"milliseconds of statements", float64(took.Microseconds()) / 1000, sum(`(?m)LOG:  duration: ([0-9.]+) ms`)},
	} {
		if diff := tc.got - tc.want; diff > 0.05 || diff < -0.05 {
			t.Errorf("%s: %g, the lines say %g", tc.what, tc.got, tc.want)
		}
	}
	if statements < timed {
		t.Errorf("%d statements, and %d with a time", statements, timed)
	}
	codes := map[string]int{}
	for _, f := range w.Failures {
		codes[f.Code] = f.Count
	}
	for code, want := range map[string]int{"40P01": 6, "40001": 6, "23505": 6, "23503": 4, "23514": 3, "22012": 2} { // as truth.json beside the log has them
		if codes[code] != want {
			t.Errorf("%s: %d, not %d", code, codes[code], want)
		}
	}
}

func TestAFailureIsCountedOnceAndARetryToldApart(t *testing.T) {
	work := func(pid, end string) string {
		return fmt.Sprintf("%[1]s LOG:  statement: BEGIN\n%[1]s LOG:  statement: UPDATE accounts SET balance=1 WHERE id=%[1]s\n%[2]s\n", pid, end)
	}
	list := postgres(t, work("1", "1 ERROR:  deadlock detected\n1 LOG:  statement: ROLLBACK")+work("1", "1 LOG:  statement: COMMIT")+
		work("2", "2 ERROR:  deadlock detected\n2 LOG:  statement: ROLLBACK")+work("3", "3 ERROR:  division by zero\n3 LOG:  statement: ROLLBACK"))
	var errors []int64
	for _, e := range list {
		if e.Fields["db.response.status_code"] == "40P01" {
			errors = append(errors, e.Time)
		}
	}
	app := func(at int64) {
		list = append(list, transactions.Event{Time: at, Path: "app.json", Fields: map[string]any{"event.outcome": "failure", "db.response.status_code": "40P01", "event.dataset": "app"}})
	}
	app(errors[0] + 150_000)                        // the first deadlock's
	app(errors[1] + 150_000)                        // the second one's
	app(errors[1] + time.Minute.Microseconds()*1e3) // of a server whose log is not here
	w := workload(t, list)
	if w.Retried != 1 || w.Final != 1 {
		t.Errorf("%d were tried again with success, %d were final", w.Retried, w.Final)
	}
	var got []string
	for _, f := range w.Failures {
		got = append(got, fmt.Sprint(f.Code, " ", f.Count, " ", f.ByServer, " ", f.ByPrograms, " ", f.TwiceSeen))
	}
	if s := strings.Join(got, ", "); s != "40P01 3 2 3 2, 22012 1 1 0 0" {
		t.Errorf("failures %s", s)
	}
	if w.Ends[transactions.Committed] != 1 || w.Ends[transactions.Failed] != 3 {
		t.Errorf("ends %v", w.Ends)
	}
}

func TestManyDifferentStatementsAreBounded(t *testing.T) {
	c := transactions.NewWorkloadCounter(sessions(t))
	for i := range 30_000 {
		c.Add(&transactions.Event{Time: int64(i), Path: "x", Fields: map[string]any{
			"event.module": "postgresql", "host.name": "db1", "process.pid": int64(1), "event.action": "statement", "db.query.text": fmt.Sprintf("select a%d from b", i),
		}})
	}
	if w := c.Workload(); len(w.Queries) != 20_000 || w.Lost != 10_000 {
		t.Errorf("%d queries are kept, %d are said to be lost", len(w.Queries), w.Lost)
	}
}
