package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/storage/migrate"
	"github.com/saypro/veritail/tools/elasticsearch"
)

// The logs of a site go into the embedded store; migrate is killed while it copies, and run again; the daemon goes on in
// Elasticsearch where it stopped, and queries answer the same.
func TestAStoreMovesToElasticsearch(t *testing.T) {
	if testing.Short() {
		t.Skip("nodes take a while")
	}
	t.Parallel()
	node := elasticsearch.ForTest(t)
	bin, dir := program(t), t.TempDir()
	conf := strings.ReplaceAll(fmt.Sprintf(elasticConf, node), "[elasticsearch]", "[elasticsearch]\nprefix = \"moved\"")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("v.toml", strings.ReplaceAll(conf, `"elasticsearch"`, `"embedded"`))
	var hours strings.Builder
	hours.Write(read(t, "../../testdata/site/linux-auth/auth-iso.log"))
	begin := time.Now().UTC().Add(-60 * time.Hour).Truncate(time.Hour)
	for i := range 1200 {
		at := begin.Add(time.Duration(i) * 3 * time.Minute)
		fmt.Fprintf(&hours, "%s web sshd[%d]: Failed password for root from 192.0.2.%d port 4242 ssh2\n", at.Format(time.RFC3339), 1000+i, i%200)
	}
	write("a.log", hours.String())
	write("b.log", string(read(t, "../../testdata/site/nginx/access.log")))
	stop := func(stored int) {
		t.Helper()
		daemon := start(t, bin, dir)
		awaitStored(t, bin, dir, stored)
		time.Sleep(ruleIdle)
		if err := daemon.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := daemon.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Count(hours.String(), "\n") + bytes.Count(read(t, filepath.Join(dir, "b.log")), []byte("\n"))
	stop(lines)
	questions := [][]string{
		{"search", "-json", "-limit", "10000", "*"},
		{"search", "-json", "event.outcome:failure | count by source.ip"},
		{"search", "-json", "* | count by event.dataset, http.response.status_code"},
		{"search", "-json", "* | sum(http.response.bytes) by event.dataset"},
	}
	ask := func() (answers []string) {
		for _, q := range questions {
			answers = append(answers, output(t, bin, dir, q...))
		}
		return answers
	}
	before := ask()
	write("v.toml", conf)
	for _, after := range []time.Duration{1200, 2000} {
		cmd := command(bin, dir, "migrate", "-config", "v.toml")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // what it says follows
		t.Logf("after %d ms: %s", after, cmd.ProcessState)
	}
	t.Log("\n" + output(t, bin, dir, "migrate"))
	var r migrate.Result
	if err := json.Unmarshal([]byte(output(t, bin, dir, "migrate", "-json")), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) > 0 || len(r.Days) == 0 || r.Days[0].Copied || r.Findings.Here == 0 || r.Rollups.Here == 0 {
		t.Errorf("run again, it says %+v", r)
	}
	for i, answer := range ask() {
		if answer != before[i] {
			t.Errorf("%q answered\n%.2000s\nand answers\n%.2000s", questions[i], before[i], answer)
		}
	}
	store, err := elastic.Open(t.Context(), elastic.Config{Addresses: []string{node}, Prefix: "moved", Writer: "h", Schema: event.NewSchema()})
	if err != nil {
		t.Fatal(err)
	}
	report, err := store.Check(t.Context())
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("the store says of itself: %v %v", report.Problems, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "a.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(numbered(1)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	stop(lines + 1)
	awaitText(t, n(int64(lines+1)), func() string { return output(t, bin, dir, "search", "* | count") })
	if out, err := command(bin, dir, "migrate", "-config", "v.toml").CombinedOutput(); err == nil || !strings.Contains(string(out), "written to by a daemon") {
		t.Errorf("after a daemon has gone on, migrate says %v\n%s", err, out)
	}
}
