package discover

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

var formats = func() *parsers.Set {
	set, err := parsers.Open(configs.FS(""), event.NewSchema())
	if err != nil {
		panic(err)
	}
	return set
}()

// Lines of three formats, of none, and of no text.
var (
	access = strings.Repeat(`10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"`+"\n", 9)
	object = strings.Repeat(`{"time":"2026-11-24T10:00:00Z","level":"info","msg":"all is well"}`+"\n", 9)
	psql   = strings.Repeat("2026-11-24 10:00:00.123 UTC [77] app@shop LOG:  duration: 5 ms\n", 9)
	odd    = strings.Repeat("~~ what <> is this\n", 9)
	binary = "a\x00\x00\x00\x00\x00b\n"
)

// config returns where to look below root, with the shipped lists.
func config(t *testing.T, root string) Config {
	t.Helper()
	known, err := configs.WellKnown()
	if err != nil {
		t.Fatal(err)
	}
	where, err := configs.LoadDiscovery()
	if err != nil {
		t.Fatal(err)
	}
	return Config{Root: root, User: "alice", WellKnown: known, Where: where, Formats: formats, Limits: Usual}
}

func look(t *testing.T, cfg Config) *Found {
	t.Helper()
	found, err := Look(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// tree writes files below a new folder; a text "-> path" makes a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(strings.Replace(to, "ROOT", root, 1), path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// written is a source in a line: kind, data set, format, paths, what is left out.
func written(s *Source, root string) string {
	text := fmt.Sprintf("%s %s %s %s", s.Kind, s.Dataset, s.Format, strings.Join(s.Paths, " "))
	if s.Prefix != "" {
		text += fmt.Sprintf(" %q", s.Prefix)
	}
	if len(s.Exclude) > 0 {
		text += " without " + strings.Join(s.Exclude, " ")
	}
	return strings.ReplaceAll(text, root, "")
}

func TestWhatBelongsTogether(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"well-known logs keep their data sets, by the paths that are there",
			map[string]string{"var/log/nginx/access.log": access, "var/log/nginx/access.log.1": access},
			[]string{"understood nginx.access auto /var/log/nginx/*access.log /var/log/nginx/access*.log"}},
		{"what rotation put aside is no log of its own",
			map[string]string{"srv/shop/log/a.log": object, "srv/shop/log/a.log.1": object, "srv/shop/log/a-20261101.log": object, "srv/shop/log/a.log.2.gz": "x"},
			[]string{"understood shop.a json /srv/shop/log/a.log"}},
		{"dates in names become a glob",
			map[string]string{"var/lib/pgsql/data/log/x.csv": "", "var/lib/postgresql/15/main/log/pg-2026-11-25_000000.log": psql, "var/lib/postgresql/15/main/log/pg-2026-11-26_000000.log": psql},
			[]string{`empty pgsql.x auto /var/lib/pgsql/data/log/x.csv`, `understood postgresql.log postgresql.stderr /var/lib/postgresql/15/main/log/pg-*.log "%m [%p] %q%u@%d "`}},
		{"days of the week too",
			map[string]string{"opt/pg/log/db-Mon.log": psql, "opt/pg/log/db-Tue.log": psql},
			[]string{`understood postgresql.log postgresql.stderr /opt/pg/log/db-*.log "%m [%p] %q%u@%d "`}},
		{"two names in a folder keep data sets of their own",
			map[string]string{"opt/app/log/a.log": object, "opt/app/log/b.log": object},
			[]string{"understood app.a json /opt/app/log/a.log", "understood app.b json /opt/app/log/b.log"}},
		{"many of one format become one, without those of another",
			map[string]string{"opt/app/log/a.log": object, "opt/app/log/b.log": object, "opt/app/log/c.log": object, "opt/app/log/d.log": object, "opt/app/log/web.log": access},
			[]string{"understood app json /opt/app/log/*.log without /opt/app/log/web.log", "understood app.web nginx.access /opt/app/log/web.log"}},
		{"folders that are alike become one",
			map[string]string{"srv/a/log/x.log": object, "srv/b/log/x.log": object, "srv/c/log/x.log": object, "srv/d/log/x.log": object, "srv/e/log/x.log": object},
			[]string{"understood x json /srv/*/log/x.log"}},
		{"not where a well-known log could come to be",
			map[string]string{"var/log/a/x.log": object, "var/log/b/x.log": object, "var/log/c/x.log": object, "var/log/d/x.log": object, "var/log/apache2/access.log": access, "var/log/e/access.log": access,
				"var/log/f/access.log": access, "var/log/g/access.log": access, "var/log/h/access.log": access, "var/log/i/access.log": access},
			[]string{"understood a.x json /var/log/a/x.log", "understood apache.access auto /var/log/apache2/*access.log", "understood b.x json /var/log/b/x.log", "understood c.x json /var/log/c/x.log", "understood d.x json /var/log/d/x.log",
				"understood e.access nginx.access /var/log/e/access.log", "understood f.access nginx.access /var/log/f/access.log", "understood g.access nginx.access /var/log/g/access.log", "understood h.access nginx.access /var/log/h/access.log", "understood i.access nginx.access /var/log/i/access.log"}},
		{"containers' logs are followed as a whole",
			map[string]string{"var/lib/docker/containers/" + id + "/" + id + "-json.log": `{"log":"GET /\n","stream":"stdout","time":"2026-11-24T10:00:00Z"}` + "\n"},
			[]string{"understood container auto /var/lib/docker/containers/*/*-json.log"}},
		{"a link to a log is not followed beside it, wherever it lies",
			map[string]string{"opt/app/log/a.log": object, "opt/app/log/z.log": "-> a.log", "var/log/app.log": "-> ../../opt/app/log/a.log", "var/log/app": "-> ../../opt/app/log"},
			[]string{"understood app.a json /opt/app/log/a.log"}},
		{"a link to what is no log, or out of the file system, is not followed",
			map[string]string{"etc/shadow": object, "var/log/a.log": "-> ../../etc/shadow", "var/log/b.log": "-> /etc/passwd", "var/log/loop.log": "-> loop.log"},
			nil},
		{"an empty log is taken, a rotated one tells its format",
			map[string]string{"opt/app/log/a.log": "", "opt/app/log/b.log": "", "opt/app/log/b.log.1": access},
			[]string{"empty app.a auto /opt/app/log/a.log", "understood app.b nginx.access /opt/app/log/b.log"}},
		{"what no format takes is not followed",
			map[string]string{"var/log/odd.log": odd, "var/log/wtmp": object, "var/log/x.log": binary},
			[]string{"odd odd auto /var/log/odd.log"}},
		{"what servers' settings name is found",
			map[string]string{"etc/nginx/conf.d/a.conf": "server {\n access_log /web/one.access main;\n error_log stderr;\n}\n", "web/one.access": access,
				"etc/apache2/sites-enabled/b.conf": "CustomLog ${APACHE_LOG_DIR}/../two.txt combined\nErrorLog \"|/bin/rotatelogs x\"\n", "var/log/two.txt": access,
				"etc/postgresql/15/main/postgresql.conf": "#log_directory = 'log'\nlog_directory = '/pg/logs'\t# x\n", "pg/logs/a.log": psql},
			[]string{`understood postgresql.log postgresql.stderr /pg/logs/a.log "%m [%p] %q%u@%d "`, "understood two nginx.access /var/log/two.txt", "understood web.one_access nginx.access /web/one.access"}},
		{"names of strangers stand for themselves",
			map[string]string{"var/log/a*[b]\n\x1b\"\\.log": object, "var/log/\xff.log": object},
			[]string{"understood a_b json /var/log/a\\*\\[b]\n\x1b\"\\\\.log"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := tree(t, tc.files)
			found := look(t, config(t, root))
			var got []string
			for i := range found.Sources {
				got = append(got, written(&found.Sources[i], root))
			}
			slices.Sort(got)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			followedOnce(t, found)
		})
	}
}

// followedOnce holds that a configuration loads, and that its sources follow every file that is to be followed under one path.
func followedOnce(t *testing.T, found *Found) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "veritail.toml")
	if err := os.WriteFile(path, []byte(found.Config("host")), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.LoadDaemon(path)
	if err != nil {
		t.Fatalf("%v\n%s", err, found.Config("host"))
	}
	of := map[inode][]string{}
	for _, s := range cfg.Sources {
		for _, glob := range s.Paths {
			paths, err := filepath.Glob(glob)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range paths {
				st, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				if id, _, _ := idOf(st); !matchesAny(s.Exclude, path) && !slices.Contains(of[id], path) {
					of[id] = append(of[id], path)
				}
			}
		}
	}
	for _, s := range found.Sources {
		for _, f := range s.Files {
			if paths := of[f.id]; s.Kind != Odd && !slices.Equal(paths, []string{f.Path}) {
				t.Errorf("%q is followed as %q", f.Path, paths)
			}
		}
	}
}

// What the daemon follows by itself is told and not written: it would have a second name there.
func TestWellKnownLogsAreNotWrittenAgain(t *testing.T) {
	root := tree(t, map[string]string{"web/access.log": access, "web/access.log.1": access, "web/shop.log": object})
	cfg := config(t, "")
	cfg.WellKnown = []configs.Source{{Dataset: "nginx.access", Paths: []string{root + "/web/access*"}}}
	cfg.Where.Folders, cfg.Where.Settings, cfg.Where.Sources = []string{root}, nil, nil
	found := look(t, cfg)
	if len(found.Known) != 1 || len(found.Known[0].Files) != 1 || found.Known[0].Files[0].Sample.Format != "nginx.access" {
		t.Errorf("known: %+v", found.Known)
	}
	if len(found.Sources) != 1 || found.Sources[0].Paths[0] != root+"/web/shop.log" {
		t.Errorf("written: %+v", found.Sources)
	}
	text := found.Config("h")
	if !strings.Contains(text, "\nwellknown = true\n") || !strings.Contains(text, "#   nginx.access     "+root+"/web/access.log: nginx.access, 100 % of 9 lines understood\n") {
		t.Error(text)
	}
}

// The journal is followed where no file has the same messages.
func TestJournal(t *testing.T) {
	files := map[string]string{"var/log/journal/0123/system.journal": "LPKSHHRH"}
	root := tree(t, files)
	found := look(t, config(t, root))
	if j := found.Journal; j == nil || j.Files != 1 || j.Instead != "" || j.Directory != root+"/var/log/journal" {
		t.Errorf("%+v", j)
	}
	if text := found.Config("h"); !strings.Contains(text, "follow    = \"yes\"\ndirectory = \""+root+"/var/log/journal\"\n") {
		t.Error(text)
	}
	followedOnce(t, found)
	files["var/log/syslog"] = "Nov 24 10:00:00 h sshd[1]: x\n"
	root = tree(t, files)
	found = look(t, config(t, root))
	if j := found.Journal; j == nil || j.Instead != root+"/var/log/syslog" {
		t.Errorf("%+v", j)
	}
	followedOnce(t, found)
}

func TestNames(t *testing.T) {
	for _, tc := range [][3]string{ // path, shape, data set
		{"/srv/shop/log/access.log", "/srv/shop/log/access.log", "shop.access"},
		{"/var/log/foo/foo.log", "/var/log/foo/foo.log", "foo"},
		{"/opt/tomcat/logs/localhost.2026-11-26.log", "/opt/tomcat/logs/localhost.*.log", "tomcat.localhost"},
		{"/var/log/app-20261126T101500.log", "/var/log/app-*.log", "app"},
		{"/var/log/x/pid-12345.out", "/var/log/x/pid-*.out", "x.pid"},
		{"/var/log/web-2.log", "/var/log/web-2.log", "web_2"},
		{"/log/log", "/log/log", "logs"},
		{"/srv/Ünïcode/log/Ä.log", "/srv/Ünïcode/log/Ä.log", "n_code"},
	} {
		if got := shapeOf(tc[0]); got != tc[1] {
			t.Errorf("shape of %s: %s, want %s", tc[0], got, tc[1])
		}
		if got := datasetOf(tc[1]); got != tc[2] {
			t.Errorf("data set of %s: %s, want %s", tc[1], got, tc[2])
		}
	}
}

// Quoted words are one word of bash, and the same.
func TestQuote(t *testing.T) {
	for _, word := range []string{"/var/log/a.log", "", "it's", "a b", "$(reboot)", "new\nline", "\x1b[31m", "é\x01'\\", "\xff"} {
		out, err := exec.Command("bash", "-c", "printf %s "+Quote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%s gives %q, %v, want %q", Quote(word), out, err, word)
		}
	}
}

// A log that a running program writes is found by it, not those that it reads, or that have been removed.
func TestLogsOfRunningPrograms(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", "exec 3>>app.log 4<read.log 5>gone.log; rm gone.log; echo '{}' >&3; echo; read end")
	cmd.Dir = dir
	if _, err := cmd.StdinPipe(); err != nil { // it stays open until the program is waited for
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "read.log"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = out.Read(make([]byte, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	cfg := config(t, "")
	cfg.WellKnown, cfg.Where.Folders, cfg.Where.Sources, cfg.Where.Settings, cfg.Where.Passing = nil, nil, nil, nil, nil
	cfg.Proc = "/proc"
	var got []string
	for _, s := range look(t, cfg).Sources {
		for _, f := range s.Files {
			if filepath.Dir(f.Path) == dir {
				got = append(got, filepath.Base(f.Path)+" "+f.From)
			}
		}
	}
	want := []string{fmt.Sprintf("app.log open in sh (pid %d)", cmd.Process.Pid)}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A look ends in time, and says what it left out.
func TestBounds(t *testing.T) {
	files := map[string]string{}
	for i := range 300 {
		files[fmt.Sprintf("var/log/remote/d%d/x.log", i)] = object
	}
	root := tree(t, files)
	cfg := config(t, root)
	cfg.Limits.Samples = 10
	if found := look(t, cfg); len(found.Sources) != 1 || len(found.Notes) != 1 || found.Looked.Samples != 10 {
		t.Errorf("%d sources, %d samples, %q", len(found.Sources), found.Looked.Samples, found.Notes)
	}
	cfg = config(t, root)
	cfg.Limits.Entries = 100
	if found := look(t, cfg); len(found.Notes) != 1 || !strings.Contains(found.Notes[0], "more than 100 files") {
		t.Errorf("%q", found.Notes)
	}
	cfg = config(t, root)
	cfg.Limits.Time = -time.Second
	if found := look(t, cfg); len(found.Notes) != 1 || !strings.Contains(found.Notes[0], "took longer") {
		t.Errorf("%q", found.Notes)
	}
	cfg = config(t, root)
	found := look(t, cfg)
	if len(found.Sources) != 1 || found.Looked.Samples != 300 {
		t.Errorf("%d sources, %d samples", len(found.Sources), found.Looked.Samples)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Look(ctx, cfg); err == nil {
		t.Error("it goes on although nobody waits")
	}
}
