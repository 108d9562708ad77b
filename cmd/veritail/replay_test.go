package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/query"
)

// siteLogs are the logs of the bundled site.
func siteLogs(t *testing.T) []string {
	t.Helper()
	logs, err := filepath.Glob("../../testdata/site/*/*.log")
	if err != nil || len(logs) < 10 {
		t.Fatalf("%d logs: %v", len(logs), err)
	}
	return logs
}

// found returns the ids of what was found, with their rules, sorted.
func (t *replayTally) found() (ids []string) {
	for rule, of := range t.of {
		for i := range of.found {
			ids = append(ids, rule+" "+of.found[i].ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestAReplayOfLogsFindsWhatAScanFinds(t *testing.T) {
	t.Parallel()
	s, err := loadSetup("")
	if err != nil {
		t.Fatal(err)
	}
	logs := siteLogs(t)
	scanned, err := scanFiles(t.Context(), s, logs, "auto", strings.NewReader(""), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range scanned.findings {
		want = append(want, scanned.findings[i].Rule+" "+scanned.findings[i].ID)
	}
	slices.Sort(want)
	o := &replaying{all: true, budget: noiseBudget, in: reading{format: "auto", zone: "UTC"}}
	req, err := o.request(time.Now(), true)
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.logs(t.Context(), req, logs, strings.NewReader(""), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.now.found(); !slices.Equal(got, want) || len(got) < 100 {
		t.Errorf("the replay found %d, the scan %d:\n%q\n%q", len(got), len(want), without(got, want), without(want, got))
	}
	for rule, groups := range scanned.counts {
		sum := int64(0)
		for _, n := range groups {
			sum += n
		}
		if got := r.now.of[rule].occurrences; got != sum {
			t.Errorf("%s: %d occurrences, the scan counted %d", rule, got, sum)
		}
	}
}

// A scanned store says whether its reading tells of its progress.
type scannedStore struct {
	storage.Store
	tells *bool
}

func (s scannedStore) Scan(ctx context.Context, v access.View, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	*s.tells = *s.tells || storage.TraceOf(ctx).Progress != nil
	return s.Store.Scan(ctx, v, e, during, f)
}

// A replay tells how far it is; were the store to tell of its reading besides, two goroutines would write one answer.
func TestAReplayAloneTellsOfItsProgress(t *testing.T) {
	t.Parallel()
	s, err := loadSetup("")
	if err != nil {
		t.Fatal(err)
	}
	st, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(t.TempDir(), "events"), Schema: s.schema})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	tells := false
	d := &daemon{cfg: &configs.Daemon{}, setup: s, store: scannedStore{st, &tells}}
	ctx := storage.WithTrace(t.Context(), storage.Trace{Progress: func(storage.Progress) {}})
	if _, _, err := d.judgeAgain(ctx, &replayRequest{all: true, during: query.Interval{From: 1, To: 2}}); err != nil {
		t.Fatal(err)
	}
	if tells {
		t.Error("the store tells of its reading")
	}
}

// A daemon follows the site's logs; what its rules found then is what a replay of its store finds, whether the interval begins
// before all events or among them.
func TestAReplayOfTheStoreFindsWhatTheDaemonFound(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), t.TempDir()
	conf := fmt.Sprintf("state = %q\nwellknown = false\nhost = \"h\"\n[console]\nlisten = \"127.0.0.1:0\"\n", filepath.Join(dir, "state"))
	lines := 0
	for i, path := range siteLogs(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%d-%s", i, filepath.Base(path))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		conf += fmt.Sprintf("[[source]]\npaths = [%q]\ndataset = %q\n", name, fmt.Sprintf("log%d", i))
		lines += strings.Count(string(text), "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	run := start(t, bin, dir)
	awaitStatus(t, bin, dir, func(r *statusReport) bool {
		return r.Totals.Read == int64(lines) && r.Totals.Pending == 0
	})
	for last, same := -1, 0; same < 4; time.Sleep(ruleIdle / 2) { // until nothing more is found
		if n := len(column(t, bin, dir, "SELECT id FROM findings")); n == last {
			same++
		} else {
			last, same = n, 0
		}
	}
	if err := run.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.LoadDaemon(filepath.Join(dir, "v.toml"))
	if err != nil {
		t.Fatal(err)
	}
	err = withStore(t.Context(), cfg, func(d *daemon) error {
		stored, err := d.store.Findings(t.Context(), access.All(), storage.FindingQuery{Limit: allFindings})
		if err != nil {
			return err
		}
		for _, since := range []string{"2026-11-20", "2026-11-23T23:19"} {
			o := &replaying{all: true, since: since, budget: noiseBudget}
			req, err := o.request(time.Now(), false)
			if err != nil {
				return err
			}
			var want []string
			for i := range stored {
				if f := &stored[i]; f.Time >= req.during.From && !strings.HasPrefix(f.Rule, "veritail.") {
					want = append(want, f.Rule+" "+f.ID)
				}
			}
			slices.Sort(want)
			now, _, err := d.judgeAgain(context.Background(), req)
			if err != nil {
				return err
			}
			if got := now.found(); !slices.Equal(got, want) || len(got) < 50 {
				t.Errorf("since %s: the replay found %d, the daemon %d; only the one\n%q, only the other\n%q", since, len(got), len(want), without(got, want), without(want, got))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
