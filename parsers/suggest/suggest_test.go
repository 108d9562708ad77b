package suggest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/parsers/suggest"
	"github.com/saypro/veritail/pipeline/event"
)

var loadShipped = sync.OnceValues(func() (*parsers.Set, error) {
	return parsers.Load(configs.FS(""), event.NewSchema())
})

// shipped returns the formats that Veritail ships.
func shipped(t testing.TB) *parsers.Set {
	t.Helper()
	set, err := loadShipped()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// linesOf returns the lines of a file that are not empty.
func linesOf(t *testing.T, path string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]byte
	for _, line := range bytes.Split(text, []byte("\n")) {
		if line = bytes.TrimRight(line, "\r"); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	return lines
}

// A format that is made up for a log whose own format is not told takes it, and reads its times.
func TestAProposalTakesTheLogsOfRealPrograms(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../testdata/site/*/*.log", "../../testdata/site/app/*.json", "../../testdata/elastic-examples/*.log", "../../testdata/formats/*.log"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if filepath.Base(file) == "mysql.audit-enterprise.log" { // objects over several lines, which no proposal puts together
			continue
		}
		p, err := suggest.Propose(shipped(t), "proposed", "x.log", linesOf(t, file))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if p.Taken*100 < p.Lines*95 && p.Lines-p.Taken > 2 { // of short files a heading may be left
			t.Errorf("%s: it takes %d of %d lines; of the others the first is %q", file, p.Taken, p.Lines, p.Left[0].Example)
		}
	}
}

func TestAProposalTakesTheZoo(t *testing.T) {
	files, err := filepath.Glob("../../testdata/lnav/logfile_*")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	lines, taken := 0, 0
	for _, file := range files {
		p, err := suggest.Propose(shipped(t), "proposed", "x.log", linesOf(t, file))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		lines, taken = lines+p.Lines, taken+p.Taken
	}
	if taken*100 < lines*95 {
		t.Errorf("%d of %d lines", taken, lines)
	}
}

func TestAProposalNamesWhatItKnows(t *testing.T) {
	for _, tc := range []struct {
		name, lines string
		want        []string // in the first event
	}{
		{"stamp, level, address, duration, message", "2026-11-24 10:00:00,123 [WARN] 10.0.0.7:5000 12ms could not write to disk\n2026-11-24 10:00:01,123 [INFO] 10.0.0.8:5001 7ms all is well",
			[]string{`"@timestamp":"2026-11-24T10:00:00.123000Z"`, `"log.level":"warning"`, `"source.ip":"10.0.0.7"`, `"source.port":5000`, `"event.duration":12000000`, `"message":"could not write to disk"`}},
		{"a program with its pid", "Nov 24 10:00:00 web1 shopd[12]: order of bob is late\nNov 24 10:00:01 web1 shopd[13]: all is well",
			[]string{`"host.name":"web1"`, `"process.name":"shopd"`, `"process.pid":12`, `"message":"order of bob is late"`}},
		{"an access log", `10.0.0.7 - bob [24/Nov/2026:10:00:00 +0100] "GET /x?y HTTP/1.1" 200 512 "-"` + "\n" + `10.0.0.8 - - [24/Nov/2026:10:00:01 +0100] "POST /z HTTP/1.1" 404 0 "-"`,
			[]string{`"@timestamp":"2026-11-24T09:00:00.000000Z"`, `"http.request.method":"GET"`, `"url.original":"/x?y"`, `"source.ip":"10.0.0.7"`}},
		{"key=value", `t=2026-11-24T10:00:00Z lvl=eror user="bob x" src=10.0.0.7 n=3` + "\n" + `t=2026-11-24T10:00:01Z user=ann lvl=info n=4 more=1`,
			[]string{`"@timestamp":"2026-11-24T10:00:00.000000Z"`, `"user.name":"bob x"`, `"source.ip":"10.0.0.7"`, `"app.n":"3"`}},
		{"JSON", `{"when":"2026-11-24T10:00:00Z","text":"order of bob is late","sev":"WARN","n":{"m":1}}`,
			[]string{`"@timestamp":"2026-11-24T10:00:00.000000Z"`, `"message":"order of bob is late"`, `"log.level":"WARN"`, `"n.m":1`}},
		{"lines that follow", "2026-11-24 10:00:00 ERROR it broke badly\n  at one\n  at two\ncaused by that\n2026-11-24 10:00:01 INFO it goes on",
			[]string{`"message":"it broke badly\u000a  at one\u000a  at two\u000acaused by that"`, `"log.level":"error"`}},
		{"quotes that would end a pattern", "2026-11-24 10:00:00 it''' broke '''x''' %{IP:y}\n2026-11-24 10:00:00 it''' broke '''x''' %{IP:y}\n2026-11-24 10:00:00 it''' broke '''x''' %{IP:y}",
			[]string{`"@timestamp":"2026-11-24T10:00:00.000000Z"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := suggest.Propose(shipped(t), "proposed", "x.log", bytes.Split([]byte(tc.lines), []byte("\n")))
			if err != nil {
				t.Fatal(err)
			}
			if p.Taken != p.Lines {
				t.Errorf("it takes %d of %d lines:\n%s", p.Taken, p.Lines, p.TOML)
			}
			for _, member := range tc.want {
				if !strings.Contains(string(p.Events[0]), member) {
					t.Errorf("no %s in\n%s", member, p.Events[0])
				}
			}
			if t.Failed() {
				t.Log(p.TOML)
			}
		})
	}
}

// Whatever the lines hold, the proposal compiles.
func FuzzPropose(f *testing.F) {
	f.Add("2026-11-24 10:00:00 ERROR x\n")
	f.Add("a='''b''' [x] <y> \"z\" k=v %{IP} (?<a>")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == "" || len(text) > 2000 {
			return
		}
		var lines [][]byte
		for _, line := range strings.Split(text, "\n") {
			if strings.TrimSpace(line) != "" {
				lines = append(lines, []byte(line))
			}
		}
		if _, err := suggest.Propose(shipped(t), "proposed", "x\x00.log", lines); err != nil && strings.Contains(err.Error(), "compile") {
			t.Fatal(err)
		}
	})
}
