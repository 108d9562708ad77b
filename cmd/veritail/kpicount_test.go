package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/rules/kpi"
)

const (
	nginxLog  = "../../testdata/site/nginx/access.log.1"
	timedLog  = "../../testdata/site/nginx/access-timed.log"
	authLog   = "../../testdata/site/linux-auth/auth.log"
	pgLog     = "../../testdata/site/postgres-stderr/postgresql.log"
	backupLog = "../../testdata/site/postgres-stderr/backup.log"
	probeLog  = "../../testdata/formats/veritail.probe.log"
	usageLog  = "../../testdata/formats/veritail.resources.log"
)

// A byAwk is a figure counted a second time, by awk over the text of the same log.
type byAwk struct {
	log     string // of testdata, or one of madeLogs
	program string
	share   float64 // that the two may differ by
}

// status makes s the status of an access log's line, and m its method.
const status = `{split($0,q,"\""); split(q[3],a," "); s=a[1]; split(q[2],b," "); m=b[1]; p=b[2]; sub(/\?.*/,"",p)} `

// seconds makes t the seconds that a request took, of the log with times.
const seconds = status + `{split(q[7],e," "); t=e[2]} `

// durations makes d the milliseconds of a line of PostgreSQL that tells a duration.
const durations = `!/LOG:  duration: /{next} {d=$0; sub(/.*LOG:  duration: /,"",d); d+=0} `

// ends makes t the text of a statement that PostgreSQL logs, in small letters.
const ends = `!/LOG:  statement: /{next} {t=tolower($0); sub(/.*log:  statement: /,"",t)} `

// failedTransactions are the errors that fail a transaction, as PostgreSQL words them.
const failedTransactions = `/ERROR:  (deadlock detected|could not serialize access|canceling statement due to (statement|lock) timeout|canceling statement due to user request|duplicate key value violates unique constraint|insert or update on table .* violates foreign key|update or delete on table .* violates foreign key|new row for relation .* violates check|null value in column .* violates not-null|division by zero)|FATAL:  (terminating connection due to (administrator command|idle-in-transaction timeout))/`

var countedByAwk = map[string]byAwk{
	"web.requests":         {nginxLog, status + `s{n++} END{print n+0}`, 0},
	"web.request-rate":     {nginxLog, status + `s{n++} {split($4,c,":"); at=c[2]*60+c[3]; if(NR==1||at<lo)lo=at; if(at>hi)hi=at} END{print n/(hi-lo+1)}`, 1e-5},
	"web.error-rate-4xx":   {nginxLog, status + `s{n++; if(s>=400&&s<500)e++} END{print 100*e/n}`, 1e-5},
	"web.error-rate-5xx":   {nginxLog, status + `s{n++; if(s>=500)e++} END{print 100*e/n}`, 1e-5},
	"web.error-rate":       {nginxLog, status + `s{n++; if(s>=400)e++} END{print 100*e/n}`, 1e-5},
	"web.errors":           {nginxLog, status + `s>=400{e++} END{print e}`, 0},
	"web.server-errors":    {nginxLog, status + `s>=500{e++} END{print e}`, 0},
	"web.response-average": {timedLog, seconds + `s{n++; sum+=t} END{print 1000*sum/n}`, 1e-5},
	"web.response-p95":     {timedLog, seconds + `m ~ /^[A-Z]+$/{print 1000*t | "sort -n"; n++} END{close("sort -n"); print n+0}`, kpi.QuantileError},
	"web.page-load":        {"web", seconds + `m=="GET" && s==200 && p ~ /(\/|\.html?|\.php)$/{n++; sum+=t} END{print 1000*sum/n}`, 1e-5},
	"web.api-response":     {"web", seconds + `p ~ /^\/(api|v1)\//{n++; sum+=t} END{print 1000*sum/n}`, 1e-5},
	"auth.failed-logins":   {authLog, `/sshd\[[0-9]+\]: Failed /{n++} /sshd\[[0-9]+\]: message repeated [0-9]+ times: \[ Failed /{sub(/.*repeated /,""); n+=$1} END{print n+0}`, 0},
	"service.uptime":       {"probe", `/"success"/{up[NR]=1} {at[NR]=substr($0,21,2)*60+substr($0,24,2)} END{for(i=1;i<=NR;i++){d=(i<NR?at[i+1]:at[NR]+1)-at[i]; if(d>10)d=10; if(up[i])u+=d; else w+=d} print 100*u/(u+w)}`, 1e-5},
	"service.downtime":     {"probe", `/"success"/{up[NR]=1} {at[NR]=substr($0,21,2)*60+substr($0,24,2)} END{for(i=1;i<=NR;i++){d=(i<NR?at[i+1]:at[NR]+1)-at[i]; if(d>10)d=10; if(!up[i])w+=d} print w}`, 1e-5},
	"service.failed":       {"systemd", `{split(substr($1,12,8),c,":"); at=c[1]*3600+c[2]*60+c[3]} /shop.service: Failed with/{if(!since)since=at} /Started shop.service/{if(since)sum+=at-since; since=0} END{print sum/60}`, 1e-5},
	"db.uptime":            {pgLog, `{split($2,c,":"); at=c[1]*3600+c[2]*60+c[3]; end=int(at/60)*60+60; if(NR==1)last=at-c[3]} /is ready to accept connections/{if(down){w+=at-last; last=at; down=0}} /(is shut down|received (smart|fast|immediate) shutdown request|shutting down)$/{if(!down){u+=at-last; last=at; down=1}} END{if(down)w+=end-last; else u+=end-last; print 100*u/(u+w)}`, 1e-5},

	"db.failed-transactions": {pgLog, failedTransactions + `{n++} END{print n+0}`, 0},
	"db.deadlocks":           {pgLog, `/ERROR:  deadlock detected/{n++} END{print n+0}`, 0},
	"db.transactions":        {pgLog, ends + `t ~ /(^|;) *(commit|end|abort|rollback)( +(work|transaction))? *(;|$)/{n++} END{print n+0}`, 0},
	"db.rollback-rate":       {pgLog, ends + `t ~ /(^|;) *(commit|end|abort|rollback)( +(work|transaction))? *(;|$)/{n++} t ~ /(^|;) *(abort|rollback)( +(work|transaction))? *(;|$)/{r++} END{print 100*r/n}`, 1e-5},
	"db.retries-given-up":    {pgLog, `/ERROR:  (deadlock detected|could not serialize access)/{n++} END{print n+0}`, 0},
	"db.retries-succeeded":   {"retry", `/ERROR:  could not serialize/{failed[$4]=1; next} /STATEMENT:  /{sub(/.*STATEMENT:  /,"",$0); text=$0; next} /statement: COMMIT/{if(again[$4])n++; again[$4]=0; next} /statement: UPDATE/{if(failed[$4]&&index($0,text))again[$4]=1} END{print n+0}`, 0},
	"db.query-average":       {pgLog, durations + `{n++; sum+=d} END{print sum/n}`, 1e-5},
	"db.query-p95":           {pgLog, durations + `{print d | "sort -n"; n++} END{close("sort -n"); print n+0}`, kpi.QuantileError},
	"db.slow-queries":        {pgLog, durations + `d>=1000{n++} END{print n+0}`, 0},
	"host.cpu":               {usageLog, `match($0,/"cpu":[0-9.]+/){n++; sum+=substr($0,RSTART+6,RLENGTH-6)} END{print 100*sum/n}`, 1e-5},
	"host.memory":            {usageLog, `match($0,/"memory":[0-9.]+/){n++; sum+=substr($0,RSTART+9,RLENGTH-9)} END{print 100*sum/n}`, 1e-5},
	"host.disk":              {usageLog, `match($0,/"used":[0-9.]+/){v=substr($0,RSTART+7,RLENGTH-7); if(v>m)m=v} END{print 100*m}`, kpi.QuantileError},
	"net.latency":            {probeLog, `match($0,/"connect":[0-9]+/){n++; sum+=substr($0,RSTART+10,RLENGTH-10)} END{print sum/n/1e6}`, 1e-5},
	"backup.success":         {backupLog, `/finished OK rc=0$/{s++} /FAILED rc=/{f++} END{print 100*s/(s+f)}`, 1e-5},
	"log.parsed":             {"web", `/^garbage/{g++} END{print 100*(NR-g)/NR}`, 1e-5},
}

// notCounted are figures that no log of this repository has a source of, with where they are shown to be right.
var notCounted = map[string]string{
	"db.connections": "asked of a genuine Prometheus in reports/figures",
	"log.silent":     "silence leaves no line: TestADaemonsOwnFindingsAreFigures in reports/figures, and silence_test.go",
	"data.quality":   "no data check tells its result yet: it is not measured",
}

// madeLogs writes logs whose like testdata has not got enough of: requests of an API, a probe's day, a unit that fails, and
// a transaction that is tried again.
func madeLogs(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	logs := map[string]*strings.Builder{"web": {}, "probe": {}, "systemd": {}, "retry": {}}
	begin := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	paths := []string{"/", "/api/orders", "/page.html", "/v1/stock?x=/", "/style.css", "/api", "/shop/", "/index.php", "/apiary/x", "/missing.html"}
	for i := range 400 {
		at, path, code := begin.Add(time.Duration(i)*time.Second), paths[i%len(paths)], 200
		if path == "/missing.html" {
			code = 404
		}
		if path == "/api" {
			path = "/api/items"
		}
		fmt.Fprintf(logs["web"], "127.0.0.1 127.0.1.2 - - [%s] \"GET %s HTTP/1.1\" %d 7 \"http://127.0.0.1:58080/\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\" 169 %.3f [-] -\n",
			at.Format("02/Jan/2006:15:04:05 -0700"), path, code, float64(i*i%1777)/1000)
		if i%100 == 50 {
			logs["web"].WriteString("garbage that no format takes\n")
		}
	}
	for i := range 240 {
		if i > 100 && i < 130 { // the daemon stood still
			continue
		}
		outcome := "success"
		if i%50 > 45 || i == 20 {
			outcome = "failure"
		}
		fmt.Fprintf(logs["probe"], "{\"time\":\"%s\",\"probe\":\"shop\",\"kind\":\"tcp\",\"target\":\"shop:443\",\"outcome\":\"%s\",\"duration\":1000000}\n",
			begin.Add(time.Duration(i)*time.Minute).Format("2006-01-02T15:04:05.000Z"), outcome)
	}
	for i, said := range []string{"Started shop.service - The shop.", "shop.service: Main process exited, code=exited, status=1/FAILURE",
		"shop.service: Failed with result 'exit-code'.", "shop.service: Scheduled restart job, restart counter is at 1.",
		"Started shop.service - The shop.", "Started other.service - Another.", "shop.service: Failed with result 'signal'.",
		"shop.service: Failed with result 'signal'.", "Started shop.service - The shop.", "Reached target multi-user.target - Multi-User System."} {
		fmt.Fprintf(logs["systemd"], "%s web1 systemd[1]: %s\n", begin.Add(time.Duration(i*i*37)*time.Second).Format("2006-01-02T15:04:05.000000+00:00"), said)
	}
	for pid := range 5 {
		for i, said := range []string{"LOG:  statement: BEGIN", "LOG:  statement: UPDATE stock SET n = n - 1 WHERE id = 7",
			"ERROR:  could not serialize access due to concurrent update", "STATEMENT:  UPDATE stock SET n = n - 1 WHERE id = 7", "LOG:  statement: ROLLBACK",
			"LOG:  statement: BEGIN", "LOG:  statement: UPDATE stock SET n = n - 1 WHERE id = 7", "LOG:  statement: COMMIT"} {
			if pid == 3 && i >= 5 {
				continue // it gives up
			}
			fmt.Fprintf(logs["retry"], "%s UTC [%d] app@shop %s\n", begin.Add(time.Duration(pid*60+i)*time.Second).Format("2006-01-02 15:04:05.000"), 100+pid, said)
		}
	}
	// That the last COMMIT did not fail is known when the log has gone on.
	fmt.Fprintf(logs["retry"], "%s UTC [200] app@shop LOG:  statement: SELECT 1\n", begin.Add(time.Hour).Format("2006-01-02 15:04:05.000"))
	made := map[string]string{}
	for name, text := range logs {
		made[name] = filepath.Join(dir, name+".log")
		if err := os.WriteFile(made[name], []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

// awk runs a program over a file. Of a list of values that ends with their number it returns the 95th percentile.
func awk(t *testing.T, program, file string) float64 {
	t.Helper()
	out, err := exec.Command("awk", program, file).CombinedOutput()
	if err != nil {
		t.Fatalf("awk: %v: %s", err, out)
	}
	lines := strings.Fields(string(out))
	if len(lines) == 0 {
		t.Fatal("awk counts nothing")
	}
	pick := len(lines) - 1
	if pick > 0 {
		pick = int(math.Ceil(0.95*float64(pick))) - 1
	}
	v, err := strconv.ParseFloat(lines[max(pick, 0)], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryShippedKPIEqualsACountByAwk(t *testing.T) {
	made := madeLogs(t)
	figures := map[string]map[string]struct {
		Value  *float64
		Status string
	}{}
	var ids []string
	of := func(log string) string {
		path := log
		if p, ok := made[log]; ok {
			path = p
		}
		if figures[path] == nil {
			for line := range strings.Lines(veritail(t, "scan", "-json", path)) {
				var s struct {
					KPIs map[string]struct {
						Value  *float64
						Status string
					}
				}
				if err := json.Unmarshal([]byte(line), &s); err != nil {
					t.Fatal(err)
				}
				if s.KPIs != nil {
					figures[path] = s.KPIs
				}
			}
		}
		return path
	}
	of("web")
	for id := range figures[made["web"]] {
		ids = append(ids, id)
	}
	for _, id := range ids {
		t.Run(id, func(t *testing.T) {
			count, ok := countedByAwk[id]
			if !ok && notCounted[id] == "" {
				t.Fatal("it is not counted a second time")
			}
			if !ok {
				if f := figures[made["web"]][id]; f.Value != nil || f.Status != "not measured" {
					t.Errorf("it is %v, %s", *f.Value, f.Status)
				}
				return
			}
			path := of(count.log)
			want, got := awk(t, count.program, path), figures[path][id].Value
			if got == nil {
				t.Fatalf("not measured; awk counts %v", want)
			}
			if math.Abs(*got-want) > max(count.share*math.Abs(want), 0) {
				t.Errorf("%v; awk counts %v", *got, want)
			}
		})
	}
}
