package configs

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // a machine may have none
)

const day = 24 * time.Hour

func load(t *testing.T, text string) (*Daemon, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "veritail.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := LoadDaemon(path)
	if err != nil {
		return nil, &short{err, filepath.Dir(path) + "/"}
	}
	return d, nil
}

// short takes the test's directory out of a message.
type short struct {
	error
	dir string
}

func (s *short) Error() string { return strings.ReplaceAll(s.error.Error(), s.dir, "") }

func TestTheSampleIsTheDefault(t *testing.T) {
	shipped, err := LoadDaemon("")
	if err != nil {
		t.Fatal(err)
	}
	empty, err := load(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(shipped, empty) {
		t.Errorf("an empty file gives\n%+v\nthe sample\n%+v", empty, shipped)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	want := &Daemon{Host: host, State: "var", Socket: "var/veritail.sock", WellKnown: true, MaxLine: 1 << 20, Console: Console{"127.0.0.1:8650"},
		Store:         Store{"embedded", "var/store", 512 << 20, 0, 1 << 30, Duration(time.Hour)},
		Retention:     Retention{Duration(90 * day), Duration(400 * day), Duration(400 * day), 10 << 30, 10},
		Issues:        Issues{"high"},
		Elasticsearch: defaultElasticsearch,
		Journal:       Journal{"auto", "", 256 << 20, "system.journal"},
		Resources:     Resources{"auto", Duration(time.Minute)}, Prometheus: Prometheus{Timeout: Duration(5 * time.Second)},
		Mail: Mail{Port: 587, TLS: StartTLS, Timeout: Duration(30 * time.Second)}}
	if !reflect.DeepEqual(shipped, want) {
		t.Errorf("the sample gives\n%+v\nwant\n%+v", shipped, want)
	}
}

var defaultElasticsearch = Elasticsearch{Addresses: []string{}, Prefix: "veritail", IndexEvery: "day", Shards: 1, Replicas: 1,
	Workers: 4, Timeout: Duration(time.Minute)}

// The sample names every key of the structs, each below a comment, and its commented source is a valid one.
func TestTheSampleDocumentsEveryKey(t *testing.T) {
	raw, err := os.ReadFile("veritail.toml")
	if err != nil {
		t.Fatal(err)
	}
	tables := ""
	for _, table := range regexp.MustCompile(`(?m)^# \[\[.*\n(#.*\n)+`).FindAllString(string(raw), -1) {
		tables += regexp.MustCompile(`(?m)^# `).ReplaceAllString(table, "")
	}
	d, err := load(t, tables)
	if err != nil {
		t.Fatalf("the sample's tables: %v", err)
	}
	if s := d.Sources[0]; s.Dataset != "shop.access" || len(s.Paths) != 2 || len(s.Exclude) != 1 || s.Format != Auto {
		t.Errorf("the sample's source is %+v", s)
	}
	if p := d.Pipes[0]; p.Name != "shop" || p.Path != "/run/shop/log.fifo" || p.Spool != 1<<30 {
		t.Errorf("the sample's pipe is %+v", p)
	}
	if s := d.Schedules[0]; s.Report != "daily" || s.Cron != "10 0 * * *" || s.Folder != "/srv/reports" || len(s.Formats) != 2 {
		t.Errorf("the sample's schedule is %+v", s)
	}
	if p := d.Probes[0]; p.Name != "shop" || p.URL != "https://shop.example/" || p.Every != Duration(time.Minute) || p.Timeout != Duration(10*time.Second) {
		t.Errorf("the sample's probe is %+v", p)
	}
	if s := d.Syslog[0]; s.Name != "network" || len(s.Listen) != 3 || s.Spool != 1<<30 || s.Format != Auto {
		t.Errorf("the sample's syslog is %+v", s)
	}
	lines := strings.Split(strings.ReplaceAll(string(raw), "\n# ", "\n"), "\n")
	var keys func(reflect.Type)
	keys = func(rt reflect.Type) {
		for i := range rt.NumField() {
			f := rt.Field(i)
			if !f.IsExported() {
				continue
			}
			if ft := f.Type; ft.Kind() == reflect.Struct {
				keys(ft)
				continue
			} else if ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct {
				keys(ft.Elem())
				continue
			}
			key := regexp.MustCompile(`^` + f.Tag.Get("toml") + `\s+=`)
			ok := false
			for n, l := range lines {
				ok = ok || key.MatchString(l) && n > 0 && strings.HasPrefix(lines[n-1], "#") ||
					key.MatchString(l) && n > 0 && !strings.Contains(lines[n-1], "=")
			}
			if !ok {
				t.Errorf("the sample does not show %q with a comment above it", f.Tag.Get("toml"))
			}
		}
	}
	keys(reflect.TypeFor[Daemon]())
}

func TestLoadDaemonTakesWhatTheFileSays(t *testing.T) {
	d, err := load(t, `
host = "db1"
state = "/srv/veritail"
wellknown = false
max_line = "64KiB"
console.listen = "[::1]:80"
[store]
memory = "2GiB"
threads = 3
temp = "64MiB"
seal_after = "0s"
[retention]
events = "1d12h"
findings = "0s"
disk = "0B"
disk_share = 50
[[source]]
paths = ["/a/*.log"]
dataset = "a-1.b_2"
site = "north.1"
zone = "Europe/Berlin"
line_timeout = "45s"
[[source]]
paths = ["x"]
dataset = "x"
format = "nginx.access"
`)
	if err != nil {
		t.Fatal(err)
	}
	want := &Daemon{Host: "db1", State: "/srv/veritail", Socket: "/srv/veritail/veritail.sock", MaxLine: 64 << 10, Console: Console{"[::1]:80"},
		Store:     Store{"embedded", "/srv/veritail/store", 2 << 30, 3, 64 << 20, 0},
		Retention: Retention{Duration(36 * time.Hour), 0, Duration(400 * day), 0, 50},
		Issues:    Issues{"high"},
		Sources: []Source{{Paths: []string{"/a/*.log"}, Dataset: "a-1.b_2", Format: Auto, Site: "north.1", Zone: "Europe/Berlin", Unended: Duration(45 * time.Second)},
			{Paths: []string{"x"}, Dataset: "x", Format: "nginx.access"}},
		Elasticsearch: defaultElasticsearch,
		Journal:       Journal{"auto", "", 256 << 20, "system.journal"},
		Resources:     Resources{"auto", Duration(time.Minute)}, Prometheus: Prometheus{Timeout: Duration(5 * time.Second)},
		Mail: Mail{Port: 587, TLS: StartTLS, Timeout: Duration(30 * time.Second)}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got\n%+v\nwant\n%+v", d, want)
	}
}

func TestLoadDaemonRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"an unknown key", "\n[store]\npaht = 'x'\n", `veritail.toml:3: unknown key "paht"; did you mean "path"?`},
		{"a wrong type", "wellknown = 1\n", `veritail.toml:1: key "wellknown" wants true or false, not the number 1`},
		{"an empty state directory", "state = ''\n", `veritail.toml:1: key "state" must name a directory`},
		{"a socket path that the system would cut", "socket = '" + strings.Repeat("s", 108) + "'\n",
			"veritail.toml:1: the path of the socket, " + strings.Repeat("s", 108) + ", is longer than 107 bytes; give a shorter one"},
		{"an address without port", "[console]\nlisten = 'localhost'\n", `veritail.toml:2: key "listen" wants host:port, such as "127.0.0.1:8650", not "localhost"`},
		{"a store that there is not", "[store]\nkind = 'oracle'\n", `veritail.toml:2: unknown kind of store "oracle"; there are "embedded" and "elasticsearch"`},
		{"Elasticsearch without addresses", "[store]\nkind = 'elasticsearch'\n",
			`veritail.toml: the store needs "addresses" of Elasticsearch, such as ["https://es1:9200"]`},
		{"addresses with a password, or of another kind", "[store]\nkind = 'elasticsearch'\n[elasticsearch]\naddresses = ['http://u:secret@es1:9200',\n 'es2:9200']\n",
			"veritail.toml:4: an address holds no user and password: give \"username\" and \"password_file\"\n" +
				"veritail.toml:5: an address wants the form \"https://host:9200\""},
		{"names and numbers that Elasticsearch does not take", "[store]\nkind = 'elasticsearch'\n[elasticsearch]\naddresses = ['http://es1:9200']\nprefix = 'Logs'\nshards = 0\nfingerprint = 'ab'\nindex_every = 'week'\n",
			"veritail.toml:7: key \"fingerprint\" wants a SHA-256 in hexadecimal digits\n" +
				"veritail.toml:5: key \"prefix\" wants small letters, digits, _ and -, not \"Logs\"\n" +
				"veritail.toml:8: key \"index_every\" wants \"day\" or \"month\", not \"week\"\n" +
				"veritail.toml:6: key \"shards\" wants 1 to 1024, not 0"},
		{"too little memory", "[store]\nmemory = '1MiB'\n", `veritail.toml:2: key "memory" wants at least 64MiB, not 1MiB`},
		{"a bound that no day fits into", "[retention]\ndisk = '1KiB'\n", `veritail.toml:2: key "disk" wants at least 64MiB, or "0B" for no bound, not 1KiB`},
		{"more of the disk than there is", "[retention]\ndisk_share = 101\n", `veritail.toml:2: key "disk_share" wants 0 to 100, in percent, not 101`},
		{"too little room for queries", "[store]\ntemp = '1MiB'\n", `veritail.toml:2: key "temp" wants at least 64MiB, not 1MiB`},
		{"a size without unit", "[store]\nmemory = '100'\n", `veritail.toml:2: key "memory": wants a size such as "64KiB", "512MiB" or "2GiB", not "100"`},
		{"a size beyond all bounds", "[store]\nmemory = '999999999TiB'\n", `veritail.toml:2: key "memory": "999999999TiB" is too large`},
		{"too many threads", "[store]\nthreads = 257\n", `veritail.toml:2: key "threads" wants 0 to 256, not 257`},
		{"a severity that is none", "[issues]\nfrom = 'hihg'\n", `veritail.toml:2: key "from" wants one of critical, high, medium, low, never, not "hihg"; did you mean "high"?`},
		{"a negative retention", "[retention]\nevents = '-1h'\n", `veritail.toml:2: key "events": wants a duration such as "90s", "36h" or "30d", not "-1h"`},
		{"an empty retention", "[retention]\nevents = ''\n", `veritail.toml:2: key "events": wants a duration such as "90s", "36h" or "30d", not ""`},
		{"a retention of more than a century", "[retention]\nevents = '999999999d'\n", `veritail.toml:2: key "events": wants a duration such as "90s", "36h" or "30d", not "999999999d"`},
		{"a source without paths, and another with a broken glob, at their own lines",
			"[[source]]\ndataset = 'a'\n[[source]]\npaths = ['ok',\n '[x']\ndataset = 'b'\n",
			"veritail.toml:1: a source needs \"paths\": the files to follow\n" +
				"veritail.toml:5: \"[x\" is no path or glob"},
		{"a zone that there is not", "[[source]]\npaths = ['a']\ndataset = 'a'\nzone = 'Europe/Berlim'\n",
			`veritail.toml:4: key "zone" wants a name of the time zone database, such as "Europe/Berlin", or "UTC", not "Europe/Berlim"`},
		{"a source without data set, or with a strange one", "[[source]]\npaths = ['a']\n[[source]]\npaths = ['b']\ndataset = 'a b'\nsite='a/b'\n",
			"veritail.toml:1: a source needs a \"dataset\" of letters, digits, _ and - in parts joined by dots, not \"\"\n" +
				"veritail.toml:5: a source needs a \"dataset\" of letters, digits, _ and - in parts joined by dots, not \"a b\"\n" +
				"veritail.toml:6: a site's name is at most 64 letters, digits, _, - and dots, not \"a/b\""},
		{"syslog without name, and addresses that are none", "[[syslog]]\ndataset = 'a'\nlisten = ['udp://:514',\n 'tcp://x',\n 'http://:80']\n",
			"veritail.toml:1: it needs a \"name\" of at most 64 letters, digits, _ and -, for its directory in the spool, not \"\"\n" +
				"veritail.toml:4: wants udp://, tcp:// or tls:// and host:port, such as \"udp://:514\" or \"tls://0.0.0.0:6514\", not \"tcp://x\"\n" +
				"veritail.toml:5: wants udp://, tcp:// or tls:// and host:port, such as \"udp://:514\" or \"tls://0.0.0.0:6514\", not \"http://:80\""},
		{"tls without a certificate", "[[syslog]]\nname = 'a'\ndataset = 'a'\nlisten = ['tls://:6514']\n",
			`veritail.toml:1: tls:// needs "cert_file" and "key_file"`},
		{"a certificate that nobody shows", "[[syslog]]\nname = 'a'\ndataset = 'a'\nlisten = ['tcp://:514']\nclient_ca_file = 'ca.pem'\n",
			`veritail.toml:5: certificates are for tls:// only, and there is none in "listen"`},
		{"a journal that is followed perhaps", "[journal]\nfollow = 'maybe'\nspool = '1KiB'\n",
			"veritail.toml:2: key \"follow\" wants \"auto\", \"yes\" or \"no\", not \"maybe\"\n" +
				"veritail.toml:3: key \"spool\" wants at least 1MiB, not 1KiB"},
		{"a pipe that is nowhere", "[[pipe]]\nname = 'journal'\ndataset = 'a'\n",
			"veritail.toml:1: it needs a \"path\": the named pipe, or \"-\" for standard input\n" +
				"veritail.toml:2: \"journal\" is the name of the systemd journal; give it another"},
		{"two of one name", "[[syslog]]\nname = 'a'\ndataset = 'a'\nlisten = ['tcp://:1']\n[[syslog]]\nname = 'a'\ndataset = 'b'\nlisten = ['tcp://:2']\n",
			`veritail.toml:6: there is a spool named "a" already`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := load(t, tc.text)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got\n%v\nwant\n%s", err, tc.want)
			}
		})
	}
}

func TestLoadDaemonSaysThatTheFileIsMissing(t *testing.T) {
	_, err := LoadDaemon("/no/such/veritail.toml")
	if err == nil || !strings.Contains(err.Error(), "/no/such/veritail.toml") {
		t.Errorf("got %v", err)
	}
}

// first returns the data set that a well-known source gives path.
func first(t *testing.T, sources []Source, path string) string {
	t.Helper()
	for _, s := range sources {
		for _, p := range s.Paths {
			if ok, err := filepath.Match(p, path); err != nil {
				t.Fatal(err)
			} else if ok {
				return s.Dataset
			}
		}
	}
	return ""
}

func TestWellKnownLogsAreToldByPath(t *testing.T) {
	sources, err := WellKnown()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/var/log/auth.log":                               "system.auth",
		"/var/log/secure":                                 "system.auth",
		"/var/log/syslog":                                 "system.syslog",
		"/var/log/messages":                               "system.syslog",
		"/var/log/nginx/access.log":                       "nginx.access",
		"/var/log/nginx/shop.access.log":                  "nginx.access",
		"/var/log/nginx/error.log":                        "nginx.error",
		"/var/log/apache2/access.log":                     "apache.access",
		"/var/log/apache2/other_vhosts_access.log":        "apache.access",
		"/var/log/httpd/ssl_error_log":                    "apache.error",
		"/var/log/postgresql/postgresql-15-main.log":      "postgresql.log",
		"/var/log/mysql/error.log":                        "mysql.error",
		"/var/log/nginx/access.log.1":                     "",
		"/var/log/nginx/access.log.2.gz":                  "",
		"/var/log/auth.log.1":                             "",
		"/var/log/postgresql/postgresql-15-main.log.3.gz": "",
		"/var/log/postgresql/postgresql-15-main.log.1":    "",
		"/var/log/audit/audit.log.1":                      "",
	} {
		if got := first(t, sources, path); got != want {
			t.Errorf("%s: data set %q, want %q", path, got, want)
		}
	}
}
