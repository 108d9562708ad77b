package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage/state"
	"github.com/saypro/veritail/tools/need"
)

const scheduleConf = `state = "state"
wellknown = false
host = "app01"
[console]
listen = "127.0.0.1:0"
[mail]
server = "127.0.0.1"
port = PORT
tls = "none"
from = "Veritail <veritail@shop.example>"
[[schedule]]
report = "daily"
cron = "0 0 * * *"
formats = ["html", "md"]
folder = "out"
to = ["ann@shop.example"]
`

// mailServer runs one that takes mail at a port, in dir, until the test ends.
func mailServer(t *testing.T, dir string) (port int) {
	t.Helper()
	need.Program(t, "aiosmtpd")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	port = l.Addr().(*net.TCPAddr).Port
	must(t, l.Close())
	cmd := exec.Command("/usr/bin/python3", "../../reports/mail/testdata/server.py", dir, "none", strconv.Itoa(port))
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		must(t, cmd.Wait())
	})
	for end := time.Now().Add(patience); !there(filepath.Join(dir, "port")); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the mail server does not answer")
		}
	}
	return port
}

// A report that was missed while nothing ran is made at the start, once: about the day before it was due, in its folder, by mail, kept and
// shown in the status. Another start makes it no second time.
func TestAReportThatWasMissedIsMadeOnce(t *testing.T) {
	t.Parallel()
	bin, dir, mails := program(t), t.TempDir(), t.TempDir()
	conf := strings.Replace(scheduleConf, "PORT", strconv.Itoa(mailServer(t, mails)), 1)
	must(t, os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600))
	cfg, err := configs.LoadDaemon(filepath.Join(dir, "v.toml"))
	must(t, err)
	must(t, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	db, err := state.Open(t.Context(), filepath.Join(dir, "state", recordsName))
	must(t, err)
	db.SetClock(func() time.Time { return time.Now().AddDate(0, 0, -5) }) // it was seen first five days ago
	_, err = db.Begin(t.Context(), cfg.Schedules[0].Key())
	must(t, err)
	must(t, db.Close())

	yesterday := func() string { return time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly) }
	begun := yesterday()
	arrived := func() []string {
		names, err := filepath.Glob(filepath.Join(mails, "mail", "*-ann@shop.example"))
		must(t, err)
		return names
	}
	var status string
	for run := range 2 {
		status = ""
		daemon := start(t, bin, dir)
		for end := time.Now().Add(patience); len(arrived()) == 0 || !strings.Contains(status, `"document": "D-`); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("run %d: no mail came; the status is\n%s", run, status)
			}
			out, _ := command(bin, dir, "status", "-json", "-config", "v.toml").Output() // not yet there, or not well
			status = string(out)
		}
		must(t, daemon.Process.Signal(os.Interrupt))
		must(t, daemon.Wait())
	}
	day := regexp.MustCompile(`"document": "D-([0-9-]+)"`).FindStringSubmatch(status)[1]
	if day != begun && day != yesterday() { // midnight may pass meanwhile
		t.Errorf("it is about %s", day)
	}
	if n := len(arrived()); n != 1 && begun == yesterday() {
		t.Errorf("%d mails came", n)
	}
	text, err := os.ReadFile(arrived()[0])
	must(t, err)
	for _, want := range []string{"Subject: Daily report D-" + day, "D-" + day + ".md", "D-" + day + ".html", "To: <ann@shop.example>"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the mail lacks %q:\n%.2000s", want, text)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "out", "*"))
	must(t, err)
	if len(files) != 2 || filepath.Base(files[0]) != "D-"+day+".html" || filepath.Base(files[1]) != "D-"+day+".md" {
		t.Errorf("the folder has %v", files)
	}
	if !strings.Contains(status, `"tries": 1`) || !strings.Contains(status, `"cron": "0 0 * * *"`) {
		t.Errorf("the status is\n%s", status)
	}
	out, err := command(bin, dir, "report", "issued", "-config", "v.toml").Output()
	must(t, err)
	if strings.Count(string(out), "D-"+day) != 2 || strings.Contains(string(out), "D-"+day+"        2") { // of each format one

		t.Errorf("issued were\n%s", out)
	}
}

func TestAScheduleIsDueAtItsTimes(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse("2006-01-02 15:04", text)
		must(t, err)
		return v
	}
	for _, tc := range []struct{ name, cron, after, now, want string }{
		{"not yet", "10 0 * * *", "2026-11-23 00:10", "2026-11-24 00:09", ""},
		{"now", "10 0 * * *", "2026-11-23 00:10", "2026-11-24 00:10", "2026-11-24 00:10"},
		{"missed for days: the last one", "10 0 * * *", "2026-11-20 00:10", "2026-11-24 12:00", "2026-11-24 00:10"},
		{"on Mondays", "0 6 * * 1", "2026-11-20 00:00", "2026-11-24 12:00", "2026-11-23 06:00"},
		{"in a zone", "CRON_TZ=Europe/Berlin 0 7 * * *", "2026-11-23 12:00", "2026-11-24 12:00", "2026-11-24 06:00"},
		{"in a word", "@monthly", "2026-10-15 00:00", "2026-11-24 12:00", "2026-11-01 00:00"},
	} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "v.toml"), []byte("host = \"h\"\n[[schedule]]\nreport = \"daily\"\nfolder = \"x\"\ncron = \""+tc.cron+"\"\n"), 0o600))
		cfg, err := configs.LoadDaemon(filepath.Join(dir, "v.toml"))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := lastDue(&cfg.Schedules[0], at(tc.after), at(tc.now))
		if want := tc.want; got.IsZero() != (want == "") || want != "" && !got.Equal(at(want)) {
			t.Errorf("%s: due at %v, want %s", tc.name, got, want)
		}
	}
}
