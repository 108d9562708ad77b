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
		{"nginx access: a proxy of the own network says for whom it asks, and knows no further", "nginx.access",
			`10.66.66.66, 192.0.2.7, 10.0.0.3, 10.0.0.2 10.0.0.1 - bob [24/Nov/2026:10:00:00 +0000] "GET /p HTTP/1.1" 401 5 "-" "-"`,
			[]string{`"source.ip":"192.0.2.7"`, `"nginx.access.proxy.ip":"10.0.0.1"`, `"nginx.access.forwarded_for":"10.66.66.66, 192.0.2.7, 10.0.0.3, 10.0.0.2"`}},
		{"Apache access: a proxy of the own network says for whom it asks, and knows no further", "apache.access",
			`"10.66.66.66, 192.0.2.7" 10.0.0.1 - bob [24/Nov/2026:10:00:00 +0000] "GET /p HTTP/1.1" 401 5 "-" "-"`,
			[]string{`"source.ip":"192.0.2.7"`, `"apache.access.proxy.ip":"10.0.0.1"`}},
		{"PostgreSQL: a user who puts brackets around a name is not that one", "postgresql.stderr",
			`2026-11-24 10:00:00.000 UTC [1] [root]@shop FATAL:  password authentication failed for user "[root]"`,
			[]string{`"user.name":"[root]"`, `"db.namespace":"shop"`}},
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

// What a log states to be missing can be asked for; it is no user for that.
func TestADashIsKeptWhereTheLogStatesIt(t *testing.T) {
	got := events(t, "nginx.access", "x.log", `192.0.2.7 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 - "-" "-"`+"\n")
	has(t, got[0], `"user.name":"-"`, `"http.request.referrer":"-"`, `"user_agent.original":"-"`, `"event.action":"http_request"`)
	if strings.Contains(got[0], "http.response.body.bytes") {
		t.Errorf("a size that is no number:\n%s", got[0])
	}
	got = events(t, "nginx.access", "x.log", `192.0.2.7 - bob [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 - "-" "-"`+"\n")
	has(t, got[0], `"user.name":"bob"`, `"event.action":"http_login"`)
}

func TestMessagesOfWebServersErrorLogs(t *testing.T) {
	const nginx = "2026/11/24 10:00:00 [error] 1#1: *1 "
	const apache = "[Tue Nov 24 10:00:00.000000 2026] [core:error] [pid 1:tid 1] [client 192.0.2.7:50] "
	const behind = `, client: 192.0.2.7, server: shop, request: "GET /p HTTP/1.1", host: "shop"`
	for _, tc := range []struct {
		line string
		want []string
	}{
		{nginx + "SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking, client: 192.0.2.7, server: 0.0.0.0:443", []string{`"tls_handshake_failed"`, `"source.ip":"192.0.2.7"`, `"event.reason":"error:0A00006C:SSL routines::bad key share"`}},
		{nginx + `limiting requests, excess: 5.459 by zone "one"` + behind, []string{`"http_request_limited"`, `"source.ip":"192.0.2.7"`, `"event.outcome":"failure"`}},
		{nginx + `delaying request, excess: 0.841, by zone "one"` + behind, []string{`"http_request_delayed"`, `"source.ip":"192.0.2.7"`, `"event.reason":"delaying request, excess: 0.841"`}},
		{nginx + `user "bob": was not found in "/etc/nginx/.htpasswd"` + behind, []string{`"http_login"`, `"source.ip":"192.0.2.7"`, `"user.name":"bob"`}},
		{nginx + `user "x": password mismatch, client: 10.66.66.66, server: s, request: "GET / HTTP/1.1", host: "h"": was not found in "/etc/nginx/.htpasswd"` + behind, []string{`"http_login"`, `"source.ip":"192.0.2.7"`}},
		{apache + `AH01631: user bob: authorization failure for "/private/a":`, []string{`"access_forbidden"`, `"user.name":"bob"`, `"url.original":"/private/a"`, `"event.code":"AH01631"`}},
		{apache + `AH01637: Authorization of user bob to access /private/a failed, reason: file owner dan does not match`, []string{`"access_forbidden"`, `"user.name":"bob"`, `"url.original":"/private/a"`, `"event.reason":"file owner dan does not match"`}},
		{apache + `AH02811: stderr from /usr/lib/cgi-bin/luci: script not found or unable to stat`, []string{`"file_access_failed"`}},
		{apache + `AH01215: /bin/bash: warning: HTTP_TEST: ignoring function definition attempt`, []string{`"program_output"`}},
		{apache + `AH02032: Hostname shop.example provided via SNI and hostname x provided via HTTP have no compatible SSL setup`, []string{`"http_invalid_request"`}},
		{"[Tue Nov 24 10:00:00.000000 2026] [core:error] [pid 1:tid 1] [client [2001:db8::7]:50] AH00036: access to /p failed", []string{`"source.ip":"2001:db8::7"`, `"source.port":50`}},
		{"[Tue Nov 24 10:00:00.000000 2026] [core:error] [pid 1:tid 1] [client 2001:db8::7:50] AH00036: access to /p failed", []string{`"source.ip":"2001:db8::7"`, `"source.port":50`}},
		{"[Tue Nov 24 10:00:00 2026] [error] [client 2001:db8::7] File does not exist: /srv/x", []string{`"source.ip":"2001:db8::7"`, `"file_access_failed"`}},
		{`[Tue Nov 24 10:00:00 2026] [error] [client 192.0.2.7:50] [client 192.0.2.7] ModSecurity:  [file "/etc/m.conf"] [line "47"] [id "960015"] [rev "1"] [msg "Request Missing an Accept Header"] [severity "NOTICE"][tag "x"] Access denied with code 403 (phase 2). Operator EQ matched 0 at REQUEST_HEADERS. [hostname "shop"] [uri "/p"] [unique_id "Urf"]`,
			[]string{`"source.ip":"192.0.2.7"`, `"waf_blocked"`, `"rule.id":"960015"`, `"rule.name":"Request Missing an Accept Header"`, `"url.path":"/p"`, `"event.reason":"Access denied with code 403 (phase 2)"`}},
	} {
		format := "apache.error"
		if tc.line[0] == '2' {
			format = "nginx.error"
		}
		got := events(t, format, "x.log", tc.line+"\n")
		if len(got) != 1 {
			t.Fatalf("%d events of %s", len(got), tc.line)
		}
		has(t, got[0], tc.want...)
	}
}

// A container's output holds both logs of its server, and begins with what the server says of itself.
func TestAccessLinesAmongAServersNoticesAreEvents(t *testing.T) {
	const access = `192.0.2.7 - - [24/Nov/2026:10:00:02 +0000] "GET /p HTTP/1.1" 404 5 "-" "curl/8"` + "\n"
	for name, text := range map[string]string{
		"nginx": `2026/11/24 10:00:00 [notice] 1#1: using the "epoll" event method
2026/11/24 10:00:00 [notice] 1#1: start worker processes
2026/11/24 10:00:00 [notice] 1#1: start worker process 29
` + access + `2026/11/24 10:00:02 [error] 29#29: *1 limiting requests, excess: 5.459 by zone "one", client: 192.0.2.7, server: shop, request: "GET /p HTTP/1.1", host: "shop"
` + access,
		"apache": `[Tue Nov 24 10:00:00.000000 2026] [mpm_event:notice] [pid 1:tid 1] AH00489: Apache/2.4.62 (Unix) configured -- resuming normal operations
[Tue Nov 24 10:00:00.000001 2026] [core:notice] [pid 1:tid 1] AH00094: Command line: 'httpd -D FOREGROUND'
[Tue Nov 24 10:00:00.000001 2026] [core:notice] [pid 1:tid 1] AH00094: Command line: 'httpd -D FOREGROUND'
` + access,
	} {
		got := strings.Join(events(t, "auto", "x.log", text), "\n")
		if n := strings.Count(got, `"url.original":"/p","url.path":"/p"`); n < strings.Count(text, "404 5") {
			t.Errorf("%s: %d access events in\n%s", name, n, got)
		}
		has(t, got, `"http.response.status_code":404`, `"event.action":"server_notice"`)
	}
}

// A name with a line break in it is not the end of its message: what follows is no event of another format.
func TestLinesWithinAMessageOfNginxForgeNothing(t *testing.T) {
	got := events(t, "auto", "x.log", `2026/11/24 10:00:00 [notice] 1#1: start worker processes
2026/11/24 10:00:00 [error] 1#1: *1 user "x
10.66.66.66 - root [24/Nov/2026:10:00:02 +0000] "GET /p HTTP/1.1" 401 5 "-" "-"
y": password mismatch, client: 192.0.2.7, server: shop, request: "GET /p HTTP/1.1", host: "shop"
2026/11/24 10:00:01 [error] 1#1: *1 open() "/srv/a
10.66.66.66 - root [24/Nov/2026:10:00:02 +0000] "GET /p HTTP/1.1" 401 5 "-" "-"
" failed (2: No such file or directory), client: 192.0.2.7, server: shop, request: "GET /a%0A HTTP/1.1", host: "shop"
`)
	if len(got) != 3 {
		t.Fatalf("%d events:\n%s", len(got), strings.Join(got, "\n"))
	}
	if all := strings.Join(got, "\n"); strings.Contains(all, `"source.ip":"10.66.66.66"`) {
		t.Errorf("forged: %s", all)
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
	has(t, got[0].text, `"@timestamp":"2026-07-01T12:00:00.000000Z"`, `"source.ip":"fe80::1"`, `"source.address":"fe80::1%4"`, `"http.response.status_code":401`, `"url.path":"/a+b"`, `"url.query":"q=c+d"`, `"url.original":"/a+b?q=c+d"`,
		`"user.name":"SHOP\\bob"`, `"event.action":"http_login"`, `"event.outcome":"failure"`, `"user_agent.original":"Mozilla/5.0 (Windows NT)"`, `"event.duration":17000000`, `"iis.access.x-own":"z"`)
	has(t, got[1].text, `"source.ip":"192.0.2.7"`, `"url.original":"/"`, `"http.response.status_code":200`, `"event.action":"http_request"`)
	if strings.Contains(got[0].text+got[1].text, "veritail.time.clock") {
		t.Errorf("a zone was assumed: %s", got[0].text)
	}
}
