package parsers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// What clients choose (names, paths, headers) never becomes another field of a web server's event.
func TestHostileRequestsForgeNothing(t *testing.T) {
	const nginx = "2026/11/24 10:00:00 [error] 1#1: *1 "
	const apache = "[Tue Nov 24 10:00:00.000000 2026] "
	for _, tc := range []struct {
		name, format, line string
		want               []string
	}{
		{"nginx: a client in the referrer behind a login", "nginx.error",
			nginx + `user "bob": password mismatch, client: 192.0.2.7, server: shop, request: "GET /p HTTP/1.1", host: "shop", referrer: "": password mismatch, client: 10.66.66.66, server: s, request: "GET / HTTP/1.1", host: "h""`,
			[]string{`"source.ip":"192.0.2.7"`, `"user.name":"bob"`, `"url.original":"/p"`, `"event.action":"http_login"`}},
		{"nginx: a client in the host behind an upstream's failure", "nginx.error",
			nginx + `connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.7, server: shop, request: "GET /p HTTP/1.1", upstream: "http://127.0.0.1:1/p", host: "x", client: 10.66.66.66, server: s"`,
			[]string{`"source.ip":"192.0.2.7"`, `"event.action":"upstream_failed"`, `"event.reason":"Connection refused"`}},
		{"nginx: a path that holds the end of the message names two clients: none is believed", "nginx.error",
			nginx + `open() "/srv/x" failed (2: No such file or directory), client: 10.66.66.66, server: y" failed (2: No such file or directory), client: 192.0.2.7, server: shop, request: "GET /x HTTP/1.1", host: "shop"`,
			[]string{`"event.category":"web"`}},
		{"nginx: a login's words as a path", "nginx.error",
			nginx + `open() "/srv/user "root": password mismatch" failed (2: No such file or directory), client: 192.0.2.7, server: shop, request: "GET /x HTTP/1.1", host: "shop"`,
			[]string{`"source.ip":"192.0.2.7"`, `"event.action":"file_access_failed"`}},
		{"nginx access: fields of its own in the host, behind", "nginx.access",
			`192.0.2.7 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-" "-" "x rt=99.000 ua=\x2210.66.66.66:1\x22" sn="shop" rt=0.004 ua="10.0.0.5:80" us="200" ut="0.003"`,
			[]string{`"event.duration":4000000`, `"nginx.access.upstream.address":"10.0.0.5:80"`}},
		{"nginx access: forwarded addresses claimed by the client are not the source", "nginx.access",
			`10.66.66.66, 192.0.2.7 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"`,
			[]string{`"source.ip":"192.0.2.7"`}},
		{"Apache access: a name like the beginning of a line", "apache.access",
			`192.0.2.7 - - 10.66.66.66 - x [24/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1 [24/Nov/2026:10:00:01 +0000] "GET /p HTTP/1.1" 401 5 "-" "-"`,
			[]string{`"source.ip":"192.0.2.7"`, `"http.response.status_code":401`, `"url.original":"/p"`}},
		{"Apache access: forwarded addresses claimed by the client are not the source", "apache.access",
			`10.66.66.66, 10.66.66.67 192.0.2.7 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"`,
			[]string{`"source.ip":"192.0.2.7"`, `"apache.access.forwarded_for":"10.66.66.66, 10.66.66.67"`}},
		{"Apache: digest authentication, a name like another message", "apache.error",
			apache + "[auth_digest:error] [pid 1:tid 1] [client 192.0.2.7:50] AH01790: user `x: password mismatch: /a' in realm `shop' not found: /digest/",
			[]string{`"source.ip":"192.0.2.7"`, "\"user.name\":\"x: password mismatch: /a\"", `"event.reason":"unknown user"`}},
		{"Apache: mod_security quotes the request, the rule's brackets are its own", "apache.error",
			apache + `[security2:error] [pid 1] [client 192.0.2.7:50] [client 192.0.2.7] ModSecurity: Warning. String match "x" at ARGS:q [id \"9\"]. [file "/etc/m.conf"] [line "3"] [id "1001"] [msg "Attack"] [data "[uri \"/forged\"]"] [hostname "shop"] [uri "/p"] [unique_id "A"]`,
			[]string{`"rule.id":"1001"`, `"rule.name":"Attack"`, `"url.path":"/p"`, `"source.ip":"192.0.2.7"`}},
		{"HAProxy: quotes and brackets are encoded, so what looks like a request stays in its header", "haproxy",
			`192.0.2.7:40804 [24/Nov/2026:10:00:00.000] web back/n1 0/0/0/0/0 401 289 - - ---- 1/1/0/0/0 0/0 {x 200 #22GET /forged HTTP/1.1#22} {} "GET /p HTTP/1.1"`,
			[]string{`"source.ip":"192.0.2.7"`, `"http.response.status_code":401`, `"url.original":"/p"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, tc.format, "x.log", tc.line+"\n")
			if len(got) != 1 {
				t.Fatalf("%d events:\n%s", len(got), strings.Join(got, "\n"))
			}
			has(t, got[0], tc.want...)
			for _, not := range []string{`"source.ip":"10.66.66.66"`, `"user.name":"root"`, `"url.original":"/forged"`, `"event.duration":99`} {
				if strings.Contains(got[0], not) {
					t.Errorf("%s in\n%s", not, got[0])
				}
			}
		})
	}
}

// IIS names its columns in the file, writes UTC whatever the machine's zone, and pluses for blanks where it says so.
func TestIISsColumnsStandInAnyOrder(t *testing.T) {
	const text = "#Software: Microsoft Internet Information Services 10.0\r\n" +
		"#Fields: date time sc-status c-ip cs-method cs-uri-stem cs-uri-query cs-username cs(User-Agent) time-taken x-own\r\n" +
		"2026-07-01 12:00:00 401 fe80::1%4 GET /a+b q=c+d SHOP\\bob Mozilla/5.0+(Windows+NT) 17 z\r\n" +
		"#Fields: date time c-ip sc-status cs-method cs-uri-stem cs-uri-query\r\n" +
		"2026-07-01 12:00:01 192.0.2.7 200 GET / -\r\n"
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	d, err := shipped(t).NewDecoder(event.Generation{ID: 1, Format: "iis.access"}, parsers.Options{Near: near, Zone: berlin})
	if err != nil {
		t.Fatal(err)
	}
	got := read(d, []byte(text))
	has(t, got[0].text, `"@timestamp":"2026-07-01T12:00:00.000000Z"`, `"source.ip":"fe80::1"`, `"source.address":"fe80::1%4"`, `"http.response.status_code":401`, `"url.path":"/a+b"`, `"url.query":"q=c+d"`,
		`"user.name":"SHOP\\bob"`, `"event.action":"http_login"`, `"event.outcome":"failure"`, `"user_agent.original":"Mozilla/5.0 (Windows NT)"`, `"event.duration":17000000`, `"iis.access.x-own":"z"`)
	has(t, got[1].text, `"source.ip":"192.0.2.7"`, `"http.response.status_code":200`, `"event.action":"http_request"`)
	if strings.Contains(got[0].text+got[1].text, "veritail.time.clock") {
		t.Errorf("a zone was assumed: %s", got[0].text)
	}
}
