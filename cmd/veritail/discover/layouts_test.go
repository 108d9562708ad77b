package discover

import (
	"strings"
	"testing"
	"time"
)

// What servers say in their settings of the lines of their logs is written where it is needed: through included files, by name or as
// it stands, for logs of the well-known list and for those that are empty.
func TestLayoutsOfServers(t *testing.T) {
	now := time.Now()
	nginx := strings.Repeat(`198.51.100.7 shop.example 200 0.004 "GET /a HTTP/1.1" `+now.Format(time.RFC3339)+"\n", 9)
	apache := strings.Repeat(`4 200 "GET /a HTTP/1.1" 198.51.100.7 [`+now.Format("02/Jan/2006:15:04:05 -0700")+"]\n", 9)
	root := tree(t, map[string]string{
		"etc/nginx/nginx.conf": `http { # access_log /var/log/nginx/no.log shop;
    log_format shop '$remote_addr $host $status $request_time ' # in two parts
                    '"$request" $time_iso8601';
    log_format json escape=json '{"at":"$time_iso8601","ip":"$remote_addr","status":$status,"request":"$request"}';
    log_format usual '$remote_addr - $remote_user [$time_local] "$request" '
                     '$status $body_bytes_sent "$http_referer" "$http_user_agent"';
    include conf.d/*.conf;
}`,
		"etc/nginx/conf.d/shop.conf": `server { access_log /var/log/nginx/access.log shop buffer=32k;
  access_log /srv/shop/log/api.log json; access_log /srv/shop/log/plain.log usual; access_log /srv/shop/log/new.log shop; access_log off;
  access_log /srv/shop/log/$host.log shop; }`,
		"etc/apache2/apache2.conf": `ServerRoot "/etc/apache2"
LogFormat "%{ms}T %>s \"%r\" %a %t" timed
LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined
IncludeOptional sites-enabled/*.conf
`,
		"etc/apache2/sites-enabled/a.conf": "<VirtualHost *:80>\n  CustomLog ${APACHE_LOG_DIR}/own.log \\\n    timed env=!dontlog\n  CustomLog /srv/web/log/text.log \"%{ms}T %>s \\\"%r\\\" %a %t\"\n" +
			"  CustomLog /srv/web/log/usual.log combined\n  CustomLog \"|/usr/bin/rotate\" timed\n</VirtualHost>\n",
		"var/log/nginx/access.log": nginx,
		"srv/shop/log/api.log":     strings.Repeat(`{"at":"`+now.Format(time.RFC3339)+`","ip":"198.51.100.7","status":200,"request":"GET /a HTTP/1.1"}`+"\n", 9),
		"srv/shop/log/plain.log":   access,
		"srv/shop/log/new.log":     "",
		"var/log/apache2/own.log":  apache,
		"srv/web/log/text.log":     apache,
		"srv/web/log/usual.log":    "",
	})
	found := look(t, config(t, root))
	want := map[string]string{ // format, data set and the beginning of log_format
		"/var/log/nginx/access.log": "nginx.access nginx.access log_format shop '$remote_addr $host",
		"/srv/shop/log/api.log":     "nginx.access shop.api log_format json escape=json '{",
		"/srv/shop/log/plain.log":   "nginx.access shop.plain ",
		"/srv/shop/log/new.log":     "nginx.access shop.new log_format shop '$remote_addr $host",
		"/var/log/apache2/own.log":  `apache.access apache2.own LogFormat "%{ms}T %>s \"%r\" %a %t" timed`,
		"/srv/web/log/text.log":     `apache.access web.text LogFormat "%{ms}T %>s \"%r\" %a %t"`,
		"/srv/web/log/usual.log":    "auto web.usual ",
	}
	for i := range found.Sources {
		s := &found.Sources[i]
		path := strings.TrimPrefix(s.Paths[0], root)
		w, ok := want[path]
		if got := s.Format + " " + s.Dataset + " " + s.Layout; ok && (!strings.HasPrefix(got, w) || strings.HasSuffix(w, " ") && s.Layout != "") {
			t.Errorf("%s: %s, want %s", path, got, w)
		}
		if ok && s.Kind == Understood && s.Share() != 100 {
			t.Errorf("%s: %d %% understood", path, s.Share())
		}
		delete(want, path)
	}
	for path := range want {
		t.Errorf("%s is not found", path)
	}
	text := found.Config("web1")
	if !strings.Contains(text, "# What its lines look like is said in /etc/nginx/nginx.conf:2.") {
		t.Errorf("the configuration does not say where a layout stands:\n%s", text)
	}
}

func TestDirectives(t *testing.T) {
	for _, tc := range []struct {
		text   string
		blocks bool
		want   string
	}{
		{"a b; c 'd e' { f; } # g;\nh\n  i;", true, "1 a|b\n1 c|'d e'\n1 f\n2 h|i\n"},
		{"a 'x;\ny' \"{\\\"}\"; b#c d;", true, "1 a|'x; y'|\"{\\\"}\"\n2 b#c|d\n"},
		{"A \"b c\" d\\\n  e\n# no\n F g#h\n", false, "1 A|\"b c\"|d|e\n4 F|g#h\n"},
		{"A \"not closed\nB c", false, "1 A|\"not closed\n2 B|c\n"},
	} {
		got := ""
		for _, d := range directives(strings.Split(tc.text, "\n"), tc.blocks) {
			got += string(rune('0'+d.line)) + " " + strings.Join(d.words, "|") + "\n"
		}
		if got != tc.want {
			t.Errorf("%q: got\n%s want\n%s", tc.text, got, tc.want)
		}
	}
}
