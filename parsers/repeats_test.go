package parsers_test

import (
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// syslogd says how often the line before was said again, and nothing of what it was.
func TestLastMessageRepeatedSaysWhat(t *testing.T) {
	failed := "Nov 24 10:00:00 h sshd[9]: Failed password for bob from 10.0.0.9 port 22 ssh2\n"
	other := "Nov 24 10:00:00 i cron[7]: (root) CMD (true)\n"
	for _, tc := range []struct {
		name, text string
		same       bool // the last event is of what was said in failed
		repeat     string
	}{
		{"of the host", failed + "Nov 24 10:00:31 h last message repeated 3 times\n", true, "3"},
		{"once", failed + "Nov 24 10:00:31 h last message repeated 1 time\n", true, "1"},
		{"of no host, as macOS has it", failed + "Nov 24 10:00:31 --- last message repeated 3 times ---\n", true, "3"},
		{"of the program", failed + "Nov 24 10:00:31 h sshd[9]: last message repeated 3 times\n", true, "3"},
		{"more than once", failed + "Nov 24 10:00:31 h last message repeated 3 times\nNov 24 10:02:31 h last message repeated 20 times\n", true, "20"},
		{"of another host", failed + "Nov 24 10:00:31 i last message repeated 3 times\n", false, "3"},
		{"of another program", failed + "Nov 24 10:00:31 h sshd[8]: last message repeated 3 times\n", false, "3"},
		{"of another line", failed + other + "Nov 24 10:00:31 i last message repeated 3 times\n", false, "3"},
		{"of a line that nobody knows", failed + "junk\nNov 24 10:00:31 h last message repeated 3 times\n", false, "3"},
		{"of none", "Nov 24 10:00:31 h last message repeated 3 times\n", false, "3"},
	} {
		for _, format := range []string{"syslog.rfc3164", "syslog.iso"} {
			text := tc.text
			if format == "syslog.iso" {
				if strings.Contains(text, "---") {
					continue
				}
				text = strings.ReplaceAll(text, "Nov 24 ", "2026-11-24T")
				text = strings.ReplaceAll(strings.ReplaceAll(text, ":00 ", ":00Z "), ":31 ", ":31Z ")
			}
			t.Run(tc.name+", "+format, func(t *testing.T) {
				got := events(t, format, "x.log", text)
				last := ""
				for _, e := range got {
					if strings.Contains(e, "last message repeated") {
						last = e
					}
				}
				has(t, last, `"veritail.repeat":`+tc.repeat)
				members := []string{`"event.action":"ssh_failed"`, `"user.name":"bob"`, `"source.ip":"10.0.0.9"`, `"message":"Failed password for bob from 10.0.0.9 port 22 ssh2"`, `"event.outcome":"failure"`, `"host.name":"h"`, `"process.pid":9`}
				if tc.same {
					has(t, last, members...)
				} else if strings.Contains(last, "ssh_failed") {
					t.Errorf("said of %s", last)
				}
				if !strings.Contains(last, `"@timestamp":"2026-11-24T10:00:31`) && !strings.Contains(last, `"@timestamp":"2026-11-24T10:02:31`) {
					t.Errorf("the time is not its own: %s", last)
				}
			})
		}
	}
}

func TestRepeatsGoesWithPatternsAlone(t *testing.T) {
	_, err := parsers.Load(config("[[pattern]]\ngrok='(?<_all>.*)'\nrepeats=true\n[members]\nkind='json'\nfrom='_all'\n"), event.NewSchema())
	if err == nil || !strings.Contains(err.Error(), "formats/app.toml: pattern 1: repeats: only lines that patterns alone read") {
		t.Errorf("%v", err)
	}
}
