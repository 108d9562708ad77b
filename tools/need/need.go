// Package need lets tests say which programs of the machine they need. A test whose program is not there is skipped
// with a message that names the package to install; with REQUIRE_ALL=1 in the environment, as CI sets it, it fails.
package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// A Need is a program that some test runs for real.
type Need struct {
	Program string   // as Program takes it
	Package string   // the Debian package that has it, or an expression for one whose name has a version, as apt-get takes it
	Why     string   // what the tests do with it
	also    []string // globs of places beside the PATH, for what an ordinary user's PATH lacks; the last match counts
}

// All are the programs that tests may need, in the order in which `make deps` shows them.
var All = []Need{
	{"chromium", "chromium", "looks at the console as a browser does", nil},
	{"goaccess", "goaccess", "make bench: reads the same access log", nil},
	{"fail2ban-regex", "fail2ban", "make bench: reads the same login log", nil},
	{"pgbadger", "pgbadger", "sums up the same PostgreSQL log, to compare figures and speed", nil},
	{"initdb", "postgresql", "is driven into deadlocks, and reproduces them", []string{"/usr/lib/postgresql/*/bin/initdb"}},
	{"mariadbd", "mariadb-server", "is driven into deadlocks, and reproduces them", []string{"/usr/sbin/mariadbd"}},
	{"pgaudit.control", "^postgresql-.*-pgaudit$", "audits what is done in PostgreSQL", []string{"/usr/share/postgresql/*/extension/pgaudit.control"}},
	{"logrotate", "logrotate", "rotates logs", []string{"/usr/sbin/logrotate"}},
	{"gzip", "gzip", "compresses logs as rotation does", nil},
	{"zstd", "zstd", "compresses logs as rotation does", nil},
	{"bzip2", "bzip2", "compresses logs as rotation does", nil},
	{"logger", "bsdutils", "sends syslog over the network", nil},
	{"journalctl", "systemd", "reads the journal", nil},
	{"systemd-journal-remote", "systemd-journal-remote", "writes journals", []string{"/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote"}},
	{"aiosmtpd", "python3-aiosmtpd", "takes mail", nil},
	{"prometheus", "prometheus", "is asked for key figures", nil},
	{"ruby", "ruby", "has the regular expressions that Logstash has, to compare with", nil},
	{"java", "default-jdk-headless", "runs Elasticsearch", nil},
	{"javac", "default-jdk-headless", "make deps: compiles what starts Elasticsearch", nil},
	{"mvn", "maven", "make deps: fetches Elasticsearch", nil},
}

// Find returns the program's path, and false if it is not there.
func (n Need) Find() (string, bool) {
	if path, err := exec.LookPath(n.Program); err == nil {
		return path, true
	}
	found := ""
	for _, glob := range n.also {
		matches, err := filepath.Glob(glob)
		if err == nil && len(matches) > 0 {
			found = matches[len(matches)-1]
		}
	}
	return found, found != ""
}

// Program returns the path of a program of All, or skips the test if the machine does not have it. A name that All
// does not have fails the test: what is needed must be known to `make deps`.
func Program(t testing.TB, name string) string {
	t.Helper()
	i := slices.IndexFunc(All, func(n Need) bool { return n.Program == name })
	if i < 0 {
		t.Fatalf("package need does not know the program %q", name)
	}
	path, ok := All[i].Find()
	if !ok {
		message := "needs the program " + name + " (Debian package " + All[i].Package + "; make deps installs it)"
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	return path
}
