package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const reloadConf = `state = "state"
configs = "conf"
wellknown = false
host = "h"
[console]
listen = "127.0.0.1:0"
[[source]]
paths = ["a.log"]
dataset = "a"
`

// reloadRules are a rule of five failed logins of a user, one of each login, and one that is beside the point.
const reloadRules = `[[rule]]
id        = "test.five"
title     = "Five %d"
severity  = "low"
audience  = ["security"]
when      = 'event.action:ssh_failed'
threshold = { count = 5, within = "1h" }
rearm     = "1h"
group     = "user.name"
runbook   = "Look."
[[rule]]
id        = "test.login"
title     = "Login"
severity  = "low"
audience  = ["security"]
when      = 'event.action:ssh_login'
group     = "user.name"
runbook   = "Look."
[[rule]]
id        = "test.other"
title     = "Other"
severity  = "info"
audience  = ["security"]
when      = 'event.action:ssh_login and process.pid>%d'
group     = "user.name"
runbook   = "Look."
`

// Ten thousand lines a second come, of each user five failed logins within half a second, and one login in a hundred lines. Meanwhile the
// rules are changed again and again, half written or renamed, and the daemon is killed. Each user is found once, with all five, and each
// login once.
func TestRulesAreReloadedUnderLoad(t *testing.T) {
	t.Parallel()
	seconds, kills := 8, 2
	if os.Getenv("TORTURE") != "" {
		seconds, kills = 120, 30
	}
	bin, dir := program(t), t.TempDir()
	rules := filepath.Join(dir, "conf/local/test.toml")
	if err := os.MkdirAll(filepath.Dir(rules), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"v.toml": reloadConf, "a.log": "", "conf/local/test.toml": fmt.Sprintf(reloadRules, 0, 0)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	daemon := start(t, bin, dir)
	awaitStatus(t, bin, dir, func(r *statusReport) bool { return len(r.Sources) > 0 })
	written := make(chan error, 1)
	go func() { written <- logSteadily(t.Context(), filepath.Join(dir, "a.log"), seconds) }()
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for i := 1; time.Now().Before(end); i++ {
		rewrite(t, rules, fmt.Sprintf(reloadRules, i%2*i, i), r.IntN(2) == 0)
		time.Sleep(time.Duration(600+r.IntN(900)) * time.Millisecond)
		if i%3 == 0 && kills > 0 {
			kills--
			if err := daemon.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := daemon.Wait(); err == nil {
				t.Fatal("the daemon ended by itself")
			}
			daemon = start(t, bin, dir)
			awaitStatus(t, bin, dir, func(*statusReport) bool { return true }) // it refuses to start with what is half written
		}
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	rewrite(t, rules, fmt.Sprintf(reloadRules, 1000, 1000), false)
	awaitStatus(t, bin, dir, func(r *statusReport) bool {
		return r.Totals.Stored == int64(seconds)*10_000 && r.Totals.Pending == 0 && r.Rules.Reload != nil && r.Rules.Refused == nil
	})
	const each = "SELECT rule || ' ' || events || ' ' || count(*) FROM findings WHERE rule LIKE 'test.%' GROUP BY rule, events ORDER BY ALL"
	lines := seconds * 10_000
	want := []string{fmt.Sprintf("test.five 5 %d", lines/100*99/5), fmt.Sprintf("test.login 1 %d", lines/100)}
	var got []string
	for end := time.Now().Add(patience); !slices.Equal(got, want) && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		got = column(t, bin, dir, each)
	}
	time.Sleep(ruleIdle)
	if got = column(t, bin, dir, each); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if users := column(t, bin, dir, "SELECT count(DISTINCT body->'group') FROM findings WHERE rule = 'test.five'"); users[0] != strconv.Itoa(lines/100*99/5) {
		t.Errorf("of %s users, want of %d", users[0], lines/100*99/5)
	}
	for series, n := range map[string]int{"rule/test.five": lines / 100 * 99 / 5, "rule/test.login": lines / 100} {
		if sum := column(t, bin, dir, "SELECT sum(n)::BIGINT FROM rollups WHERE series = '"+series+"'"); sum[0] != strconv.Itoa(n) {
			t.Errorf("%s counted %s, want %d", series, sum[0], n)
		}
	}
}

// rewrite writes a file as editors do: another that is renamed, or the same in two parts.
func rewrite(t *testing.T, path, text string, rename bool) {
	t.Helper()
	if rename {
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		return
	}
	half := strings.Index(text, "[[rule]]\nid        = \"test.login\"") + 20
	if err := os.WriteFile(path, []byte(text[:half]), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// logSteadily appends 10,000 lines each second.
func logSteadily(ctx context.Context, path string, seconds int) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	failed, begun := 0, time.Now()
	for i := range seconds * 10_000 {
		at := begun.Add(time.Duration(i) * 100 * time.Microsecond).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
		if i%100 == 99 {
			fmt.Fprintf(w, "%s app01 sshd[%d]: Accepted password for bob from 10.0.0.1 port 4242 ssh2\n", at, i+1)
		} else { // of a thousand users, five each, then of the next thousand
			fmt.Fprintf(w, "%s app01 sshd[%d]: Failed password for u%d from 10.0.0.1 port 4242 ssh2\n", at, i+1, failed%990+failed/4950*990)
			failed++
		}
		for i%100 == 99 && time.Since(begun) < time.Duration(i)*100*time.Microsecond {
			if err := w.Flush(); err != nil {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return w.Flush()
}

// awaitStatus waits until a daemon's status is as wanted.
func awaitStatus(t *testing.T, bin, dir string, is func(*statusReport) bool) *statusReport {
	t.Helper()
	var last statusReport
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		out, err := command(bin, dir, "status", "-json", "-config", "v.toml").Output()
		if s := (statusReport{}); len(out) > 0 && json.Unmarshal(out, &s) == nil {
			if last = s; is(&last) {
				return &last
			}
		} else if err != nil {
			continue // it does not answer yet
		}
	}
	t.Fatalf("the daemon's status is %+v", last)
	return nil
}

// column returns the first column of what a statement yields.
func column(t *testing.T, bin, dir, statement string) []string {
	t.Helper()
	out, err := command(bin, dir, "sql", "-csv", "-config", "v.toml", statement).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")[1:]
}
