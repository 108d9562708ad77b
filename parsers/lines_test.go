package parsers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

func TestOddBytesStayWhereTheyAre(t *testing.T) {
	const line = "Nov 24 10:00:00 web1 app[7]: "
	for _, tc := range []struct {
		name, text string
		want       []string // one of each event
	}{
		{"CRLF is a line ending", line + "a\r\n" + line + "b\r\n", []string{`"message":"a"`, `"message":"b"`}},
		{"a lone CR is not", line + "a\rb\n", []string{`"message":"a\u000db"`}},
		{"NUL is a byte like others", line + "a\x00b\n", []string{`"message":"a\u0000b"`}},
		{"a line of NUL, as a crash leaves it, is unparsed", "\x00\x00\x00\n" + line + "x\n", []string{`"veritail.unparsed":true`, `"message":"x"`}},
		{"invalid UTF-8 is kept, and printed as U+FFFD", line + "a\xffb\xc3\n", []string{"\"message\":\"a\ufffdb\ufffd\""}},
		{"the last line needs no ending", line + "a\n" + line + "b", []string{`"message":"a"`, `"message":"b"`}},
		{"nor does it need a newline after its CR", line + "b\r", []string{`"message":"b"`}},
		{"quotes and control bytes are escaped", line + "\"\\\x1b[31m\n", []string{`"message":"\"\\\u001b[31m"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, "syslog.rfc3164", "x.log", tc.text)
			if len(got) != len(tc.want) {
				t.Fatalf("%d events, want %d:\n%s", len(got), len(tc.want), strings.Join(got, "\n"))
			}
			all := strings.Join(got, "\n")
			has(t, all, tc.want...)
		})
	}
}

func TestAStampWithoutAYearGetsTheLatestThatFits(t *testing.T) {
	for _, tc := range []struct{ name, near, stamp, want string }{
		{"this year", "2026-11-24T12:00:00Z", "Nov 24 11:00:00", "2026-11-24T11:00:00"},
		{"a padded day", "2026-11-24T12:00:00Z", "Nov  3 11:00:00", "2026-11-03T11:00:00"},
		{"a clock that goes some hours before is not a year behind", "2026-11-24T12:00:00Z", "Nov 25 11:59:59", "2026-11-25T11:59:59"},
		{"more than a day ahead was last year", "2026-11-24T12:00:00Z", "Nov 25 12:00:01", "2025-11-25T12:00:01"},
		{"December read in January was last year", "2026-01-01T00:30:00Z", "Dec 31 23:59:59", "2025-12-31T23:59:59"},
		{"January read in December is next year's first day", "2025-12-31T23:59:00Z", "Jan  1 00:00:01", "2026-01-01T00:00:01"},
		{"29 February in a leap year", "2028-03-01T12:00:00Z", "Feb 29 10:00:00", "2028-02-29T10:00:00"},
		{"29 February read in another year is of the leap year before", "2026-11-24T12:00:00Z", "Feb 29 10:00:00", "2024-02-29T10:00:00"},
		{"29 February across a century without one", "2101-03-01T12:00:00Z", "Feb 29 10:00:00", "2096-02-29T10:00:00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tc.near)
			if err != nil {
				t.Fatal(err)
			}
			d, err := shipped(t).NewDecoder(event.Generation{ID: 1, Format: "syslog.rfc3164"}, parsers.Options{Near: at})
			if err != nil {
				t.Fatal(err)
			}
			has(t, read(d, []byte(tc.stamp+" web1 app: x\n"))[0].text, `"@timestamp":"`+tc.want+`.000000Z"`)
		})
	}
}

func TestStampsAreReadInTheirZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	chicago, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	const pg = " [1] a@b LOG:  x"
	for _, tc := range []struct {
		name, format string
		zone         *time.Location
		line, want   string
	}{
		{"no zone: the file's", "syslog.rfc3164", berlin, "Jul  1 12:00:00 h p: x", "2026-07-01T10:00:00"},
		{"no zone, winter", "nginx.error", berlin, "2026/01/01 12:00:00 [error] 1#1: x", "2026-01-01T11:00:00"},
		{"an offset wins over the file's zone", "nginx.access", berlin, `::1 - - [24/Nov/2026:10:00:00 -0330] "" 400 0 "-" "-"`, "2026-11-24T13:30:00"},
		{"UTC by name", "postgresql.stderr", berlin, "2026-07-01 12:00:00.000 UTC" + pg, "2026-07-01T12:00:00"},
		{"GMT by name", "postgresql.stderr", berlin, "2026-07-01 12:00:00.000 GMT" + pg, "2026-07-01T12:00:00"},
		{"a name that the zone uses", "postgresql.stderr", berlin, "2026-07-01 12:00:00.000 CEST" + pg, "2026-07-01T10:00:00"},
		{"a name that the zone does not use", "postgresql.stderr", time.UTC, "2026-07-01 12:00:00.000 CEST" + pg, "2026-07-01T10:00:00"},
		{"and another, of half an hour", "postgresql.stderr", time.UTC, "2026-07-01 12:00:00.000 ACST" + pg, "2026-07-01T02:30:00"},
		{"a name with several meanings means the zone's own", "postgresql.stderr", chicago, "2026-01-01 12:00:00.000 CST" + pg, "2026-01-01T18:00:00"},
		{"a name that nobody knows means the file's zone", "postgresql.stderr", berlin, "2026-07-01 12:00:00.000 XYZT" + pg, "2026-07-01T10:00:00"},
		{"a bare offset, as PostgreSQL writes where a zone has no name", "postgresql.stderr", berlin, "2026-07-01 12:00:00.000 +03" + pg, "2026-07-01T09:00:00"},
		{"an offset with minutes", "postgresql.stderr", time.UTC, "2026-07-01 12:00:00.000 +0545" + pg, "2026-07-01T06:15:00"},
		{"Z", "syslog.iso", berlin, "2026-07-01T12:00:00.5Z h p: x", "2026-07-01T12:00:00.5"},
		{"an offset without a colon", "syslog.iso", berlin, "2026-07-01T12:00:00+0200 h p: x", "2026-07-01T10:00:00"},
		{"seconds since 1970", "json", berlin, `{"ts":1782900000.25,"msg":"x"}`, "2026-07-01T10:00:00.25"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := shipped(t).NewDecoder(event.Generation{ID: 1, Format: tc.format}, parsers.Options{Near: near, Zone: tc.zone})
			if err != nil {
				t.Fatal(err)
			}
			has(t, read(d, []byte(tc.line+"\n"))[0].text, `"@timestamp":"`+tc.want)
		})
	}
}

func TestALineWithoutATimeHasTheTimeBeforeIt(t *testing.T) {
	got := events(t, "syslog.iso", "x.log", "junk\n2026-11-24T10:00:00Z h p: x\n2026-11-39T10:00:00Z h p: bad stamp\n")
	all := strings.Join(got, "\n")
	has(t, all, `bad stamp","event.dataset":"syslog"`)
	for _, e := range got {
		if strings.Contains(e, "bad stamp") {
			has(t, e, `"@timestamp":"2026-11-24T10:00:00.000000Z"`)
		}
	}
}

func TestRepeatedMessagesSayHowOften(t *testing.T) {
	got := events(t, "syslog.rfc3164", "x.log", "Nov 24 10:00:00 h sshd[9]: message repeated 2 times: [ Failed password for bob from 10.0.0.9 port 22 ssh2]\n")
	has(t, got[0], `"veritail.repeat":2`, `"event.action":"ssh_failed"`, `"user.name":"bob"`, `"source.ip":"10.0.0.9"`, `"message":"Failed password`)
}

// User names are the client's choice. Whatever they hold, the address is the one that the server saw.
func TestHostileUserNamesForgeNothing(t *testing.T) {
	const real = "192.0.2.7"
	for _, tc := range []struct{ name, format, line, user string }{
		{"sshd: another address in the name", "syslog.rfc3164", "Nov 24 10:00:00 h sshd[1]: Failed password for invalid user root from 10.66.66.66 port 22 ssh2 from " + real + " port 4242 ssh2", "root from 10.66.66.66 port 22 ssh2"},
		{"sshd: the whole of another message", "syslog.rfc3164", "Nov 24 10:00:00 h sshd[1]: Invalid user x from 10.66.66.66 port 1 Accepted password for root from 10.66.66.66 port 2 ssh2 from " + real + " port 3", "x from 10.66.66.66 port 1 Accepted password for root from 10.66.66.66 port 2 ssh2"},
		{"sshd: an empty name", "syslog.rfc3164", "Nov 24 10:00:00 h sshd[1]: Failed password for invalid user  from " + real + " port 4 ssh2", ""},
		{"sshd: brackets and a closed connection", "syslog.iso", "2026-11-24T10:00:00Z h sshd[1]: Connection closed by invalid user a 10.66.66.66 port 1 [preauth] " + real + " port 3 [preauth]", "a 10.66.66.66 port 1 [preauth]"},
		{"sshd: a certificate's name of itself", "syslog.iso", "2026-11-24T10:00:00Z h sshd[1]: Failed publickey for bob from " + real + " port 5 ssh2: RSA-CERT SHA256:q/7Yg ID x from 10.66.66.66 port 22 ssh2: RSA SHA256:abc (serial 0) CA RSA SHA256:l3rTx", "bob"},
		{"sshd: a client's user and host", "syslog.iso", `2026-11-24T10:00:00Z h sshd[1]: Failed hostbased for bob from ` + real + ` port 5 ssh2: RSA 8c:e3:aa, client user "x from 10.66.66.66 port 1 ssh2", client host "h"`, "bob"},
		{"sshd: a key in the name of an unknown user", "syslog.iso", "2026-11-24T10:00:00Z h sshd[1]: Failed publickey for invalid user x from 10.66.66.66 port 1 ssh2: RSA SHA256:abc from " + real + " port 5 ssh2: RSA SHA256:v3dp", "x from 10.66.66.66 port 1 ssh2: RSA SHA256:abc"},
		{"nginx: a client of its own", "nginx.error", `2026/11/24 10:00:00 [error] 1#1: *1 user "x": password mismatch, client: 10.66.66.66, server: s, request: "GET / HTTP/1.1" ": password mismatch, client: ` + real + `, server: shop, request: "GET /p HTTP/1.1", host: "shop"`, `x": password mismatch, client: 10.66.66.66, server: s, request: "GET / HTTP/1.1" `},
		{"nginx access: blanks and brackets", "nginx.access", real + ` - a b] [c [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 5 "-" "-"`, "a b] [c"},
		{"Apache access: quotes, escaped", "apache.access", real + ` - a\" 200 5 \" [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 5 "-" "-"`, `a\" 200 5 \"`},
		{"Apache: a forged client in the name", "apache.error", `[Tue Nov 24 10:00:00.000000 2026] [auth_basic:error] [pid 1:tid 1] [client ` + real + `:50] AH01617: user [client 10.66.66.66:1] AH01618: user x not found: /: authentication failure for "/p/": Password Mismatch`, "[client 10.66.66.66:1] AH01618: user x not found: /"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, tc.format, "x.log", tc.line+"\n")
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			has(t, got[0], `"event.category":"authentication"`, `"event.outcome":"failure"`, `"source.ip":"`+real+`"`)
			if tc.user != "" {
				has(t, got[0], `"user.name":`+string(event.AppendJSONString(nil, tc.user)))
			}
		})
	}
}

// What stands in a request or a file's name is no message of the server.
func TestForgedMessagesAreNone(t *testing.T) {
	for _, tc := range []struct{ name, format, line string }{
		{"Apache: a login failure as a file's name", "apache.error", `[Tue Nov 24 10:00:00.000000 2026] [core:info] [pid 1] [client 192.0.2.7:50] AH00128: File does not exist: /srv/[client 10.66.66.66] user root not found: /x`},
		{"Apache 2.2: the same", "apache.error", `[Tue Nov 24 10:00:00 2026] [error] [client 192.0.2.7] File does not exist: /srv/[client 10.66.66.66] user root not found: /x`},
		{"sudo's words from another program", "syslog.rfc3164", "Nov 24 10:00:00 h logger: root : 3 incorrect password attempts ; PWD=/ ; USER=root ; COMMAND=/bin/sh"},
		{"sshd's words from another program", "syslog.rfc3164", "Nov 24 10:00:00 h logger: sshd[1]: Failed password for root from 10.66.66.66 port 1 ssh2"},
		{"a deadlock in somebody's data", "postgresql.stderr", "2026-11-24 10:00:00.000 UTC [1] a@b LOG:  statement: INSERT INTO n VALUES ('\n\t2026-11-24 10:00:00.000 UTC [1] a@b ERROR:  deadlock detected\n\t')"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, tc.format, "x.log", tc.line+"\n")
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			for _, not := range []string{`"event.outcome":"failure"`, `"user.name":"root"`, `"source.ip":"10.66.66.66"`, `"event.action":"deadlock"`} {
				if strings.Contains(got[0], not) {
					t.Errorf("%s in %s", not, got[0])
				}
			}
		})
	}
}

func TestAnIPv6ClientKeepsItsAddress(t *testing.T) {
	for line, want := range map[string]string{
		"[Tue Nov 24 10:00:00 2026] [error] [client 2001:db8::1] x":                        `"source.ip":"2001:db8::1"`,
		"[Tue Nov 24 10:00:00.000000 2026] [core:error] [pid 1] [client 2001:db8::1:80] x": `"source.ip":"2001:db8::1","source.port":80`,
		"[Tue Nov 24 10:00:00.000000 2026] [core:error] [pid 1] [client ::1:50000] x":      `"source.ip":"::1","source.port":50000`,
	} {
		has(t, events(t, "apache.error", "x.log", line+"\n")[0], want)
	}
}

func TestWhatFollowsAMessageDoesNotHideIt(t *testing.T) {
	got := events(t, "backup", "x.log", "2026-11-24T10:00:00Z backup[a]: FAILED rc=3\ncron: exit 3\n")
	has(t, got[0], `"event.action":"backup_failed"`, `"process.exit_code":3`, `cron: exit 3`)
	got = events(t, "apache.error", "x.log", "[Tue Nov 24 10:00:00.000000 2026] [auth_basic:error] [pid 1] [client 192.0.2.7:1] AH01618: user bob not found: /p\noops\n")
	has(t, got[0], `"event.reason":"unknown user"`, `"user.name":"bob"`, `"url.original":"/p"`)
}

const joined = `
[[pattern]]
grok = '''(?<_time>[0-9]+) (?<_key>[a-z]) (?<_part>[A-Z]+): (?<message>.*)'''
[time]
from = "_time"
layouts = ["unix"]
[join]
by = "_key"
section = "_part"
continue = "\t"
max_lines = 4
max_bytes = 60
[join.sections]
MORE = "app.more"
`

func TestARecordBeyondItsBoundsIsCutAndNothingIsLost(t *testing.T) {
	set, err := parsers.Load(config(joined), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, text string
		cut        int64
		want       []string
	}{
		{"within both bounds", "1 a X: one\n\ttwo\n1 a MORE: three\n\tfour\n", 0, []string{`"message":"one\u000a\u0009two"`, `"app.more":"three\u000a\u0009four"`}},
		{"too many lines", "1 a X: one\n" + strings.Repeat("\tx\n", 9), 1, []string{`"message":"one\u000a\u0009x\u000a\u0009x\u000a\u0009x"`, `"veritail.cut":true`}},
		{"too many bytes", "1 a X: one\n1 a MORE: " + strings.Repeat("y", 99) + "\n\tafter\n", 1, []string{`"message":"one`, `"veritail.cut":true`}},
		{"the tail is missing, not the middle", "1 a X: one\n\t" + strings.Repeat("y", 99) + "\n\tshort\n", 1, []string{`"message":"one"`, `"veritail.cut":true`}},
		{"a first line alone beyond the bound", "1 a X: " + strings.Repeat("z", 99) + "\n\tx\n", 1, []string{`"veritail.cut":true`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := decoder(t, set, "app", "x.log")
			got := read(d, []byte(tc.text))
			balanced(t, d, []byte(tc.text))
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			has(t, got[0].text, tc.want...)
			has(t, got[0].text+got[0].spans, fmt.Sprintf("[{0 %d}]", len(tc.text)))
			if a := d.Mark().Lines; a.Cut != tc.cut {
				t.Errorf("account %+v", a)
			}
		})
	}
}

func TestTooManyOpenRecordsEndTheOldest(t *testing.T) {
	set, err := parsers.Load(config(strings.Replace(joined, "[a-z]) ", "[0-9]+) ", 1)), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "1 %d X: begins\n", i)
	}
	text.WriteString("1 4999 MORE: joins\n1 0 MORE: comes too late\n")
	d := decoder(t, set, "app", "x.log")
	var b event.Batch
	d.Decode(&b, []byte(text.String()), 0)
	if n := len(d.Mark().Open); n > 4096 {
		t.Errorf("%d records are open", n)
	}
	d.Flush(&b, near, true)
	if b.Rows() != 5001 {
		t.Errorf("%d events, want one for each line but the one that joined", b.Rows())
	}
	b.Release()
	balanced(t, d, []byte(text.String()))
}
