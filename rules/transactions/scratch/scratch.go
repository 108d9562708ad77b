// Package scratch runs database servers for a short while: with a data directory of their own, which is removed afterwards, and no
// door but a socket in a folder that only their user may enter. Nothing of a real database is touched.
//
// What is run on them comes from logs, so it runs as a user who may use one database and nothing else: no files, no programs.
//
// PostgreSQL and MariaDB (or MySQL) have to be installed; their programs are looked for where packages put them.
package scratch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql" // the drivers register themselves
	_ "github.com/jackc/pgx/v5/stdlib"
)

// A Kind is a kind of server.
type Kind string

// The kinds that can be run.
const (
	PostgreSQL Kind = "PostgreSQL"
	InnoDB     Kind = "InnoDB" // MariaDB, or MySQL where that is what there is
)

// ErrMissing is why a server cannot be started: it is not installed.
var ErrMissing = errors.New("is not installed")

// DeadlockTimeout is how long PostgreSQL waits before it looks for a deadlock.
const DeadlockTimeout = 100 * time.Millisecond

// startIn bounds the time that a server may take to answer.
const startIn = 60 * time.Second

// A Server is one that runs. Stop ends it, once.
type Server struct {
	Kind    Kind
	Version string  // as it says itself
	Log     string  // path of its log, until Stop
	DB      *sql.DB // connections of an ordinary user to the database

	dir  string
	cmd  *exec.Cmd
	done chan error // what became of the process
}

// Start makes a data directory, runs a server on it, and makes a database of that name ("scratch" where it is none that can be made
// everywhere). The server gets further settings, such as "port=5555", behind its own. The context bounds the start.
func Start(ctx context.Context, kind Kind, database string, settings ...string) (_ *Server, err error) {
	if !plainName.MatchString(database) || slices.Contains(taken, strings.ToLower(database)) {
		database = "scratch"
	}
	dir, err := os.MkdirTemp("", "veritail-scratch-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for a scratch server: %w", err)
	}
	s := &Server{Kind: kind, dir: dir, Log: filepath.Join(dir, "server.log"), done: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	who, err := s.own(kind)
	if err != nil {
		return nil, err
	}
	d, ok := doors[kind]
	if !ok {
		return nil, fmt.Errorf("there is no scratch server of kind %q", kind)
	}
	if err := d.start(s, ctx, who, settings); err != nil {
		return nil, err
	}
	if s.DB, err = sql.Open(d.driver, fmt.Sprintf(d.admin, dir)); err != nil {
		return nil, fmt.Errorf("open the scratch server: %w", err)
	}
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	for _, statement := range d.make {
		if _, err := s.DB.ExecContext(ctx, strings.ReplaceAll(statement, "DATABASE_NAME", database)); err != nil {
			return nil, fmt.Errorf("make a database on the scratch server: %w", err)
		}
	}
	if err := s.DB.Close(); err != nil {
		return nil, fmt.Errorf("leave the scratch server: %w", err)
	}
	if s.DB, err = sql.Open(d.driver, fmt.Sprintf(d.user, dir, database)); err != nil {
		return nil, fmt.Errorf("open the scratch server: %w", err)
	}
	return s, nil
}

// plainName is a name of a database that needs no quotes anywhere; taken are those that servers have themselves.
var (
	plainName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,50}$`)
	taken     = []string{"mysql", "sys", "information_schema", "performance_schema", "postgres", "template0", "template1", "user", "select", "table"}
)

// A door is how a kind is started and entered.
type door struct {
	start       func(*Server, context.Context, *syscall.SysProcAttr, []string) error
	driver      string
	admin, user string   // data source names, of the folder and the database
	make        []string // what the administrator does first
}

var doors = map[Kind]door{
	PostgreSQL: {(*Server).postgres, "pgx", "host=%[1]s user=veritail dbname=postgres sslmode=disable", "host=%[1]s user=scratch dbname=%[2]s sslmode=disable",
		[]string{"create role scratch login nosuperuser nocreatedb nocreaterole", "create database DATABASE_NAME owner scratch"}},
	InnoDB: {(*Server).innodb, "mysql", "root@unix(%[1]s/s)/mysql", "scratch@unix(%[1]s/s)/%[2]s?multiStatements=true",
		[]string{"create database DATABASE_NAME", "create user scratch@localhost", "grant all on DATABASE_NAME.* to scratch@localhost"}},
}

// own gives the folder to the user that the server shall run as: servers refuse to run as root. It returns how a command
// is run as that user, nil for the present one.
func (s *Server) own(kind Kind) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	names := []string{"postgres", "nobody"}
	if kind == InnoDB {
		names = []string{"mysql", "nobody"}
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("read the numbers of user %s: %w", name, err)
		}
		if err := os.Chown(s.dir, int(uid), int(gid)); err != nil {
			return nil, fmt.Errorf("give %s to %s: %w", s.dir, name, err)
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return attr, nil
	}
	return nil, fmt.Errorf("a database server does not run as root, and there is no user %s", names[0])
}

// postgres makes a cluster and starts it.
func (s *Server) postgres(ctx context.Context, who *syscall.SysProcAttr, settings []string) error {
	initdb, err := find("PostgreSQL", "initdb", "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	if err := s.run(ctx, who, initdb, "-D", data, "-U", "veritail", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"); err != nil {
		return err
	}
	own := []string{
		"listen_addresses=", "unix_socket_directories=" + s.dir, "fsync=off", "shared_buffers=16MB", fmt.Sprintf("deadlock_timeout=%dms", DeadlockTimeout.Milliseconds()),
		"log_lock_waits=on", "log_statement=all", "log_connections=on", "log_disconnections=on", "log_line_prefix=%m [%p] %q%u@%d ", "lc_messages=C", "timezone=UTC", "log_timezone=UTC",
	}
	if err := configure(filepath.Join(data, "postgresql.conf"), append(own, settings...)); err != nil {
		return err
	}
	return s.start(who, filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data)
}

// configure adds settings to a file of PostgreSQL's; of one that is given twice the last counts.
func configure(path string, settings []string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("configure a scratch server: %w", err)
	}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		_, e := fmt.Fprintf(f, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''"))
		err = errors.Join(err, e)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("configure a scratch server: %w", err)
	}
	return nil
}

// innodb makes a data directory of MariaDB and starts the server.
func (s *Server) innodb(ctx context.Context, who *syscall.SysProcAttr, settings []string) error {
	install, err := find("MariaDB", "mariadb-install-db", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")
	if err != nil {
		return err
	}
	server, err := find("MariaDB", "mariadbd", "/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/bin")
	if err != nil {
		return err
	}
	data, socket := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "s")
	if err := s.run(ctx, who, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		return err
	}
	args := []string{"--no-defaults", "--datadir=" + data, "--socket=" + socket, "--pid-file=" + filepath.Join(s.dir, "pid"), "--skip-networking",
		"--innodb-print-all-deadlocks=ON", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--log-warnings=2", "--default-time-zone=+00:00"}
	for _, setting := range settings {
		args = append(args, "--"+setting)
	}
	return s.start(who, server, args...)
}

// find returns the path of a program, the newest version where there are several.
func find(what, program string, places ...string) (string, error) {
	for _, place := range places {
		found, err := filepath.Glob(filepath.Join(place, program))
		if err == nil && len(found) > 0 {
			slices.SortFunc(found, func(a, b string) int { return len(a) - len(b) })
			return found[len(found)-1], nil
		}
	}
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s %w: there is no program %s", what, ErrMissing, program)
}

// run runs a program to its end; what it says is in the error.
func (s *Server) run(ctx context.Context, who *syscall.SysProcAttr, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*startIn)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Env = s.dir, who, environment(s.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", filepath.Base(program), err, last(out))
	}
	return nil
}

// start runs the server, which writes to s.Log.
func (s *Server) start(who *syscall.SysProcAttr, program string, args ...string) error {
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("make the log of a scratch server: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, who, environment(s.dir), log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	s.cmd = cmd
	go func() { s.done <- cmd.Wait() }() // ends with the process, which Stop ends
	return nil
}

// environment is what servers are told of this process's: nothing that leads them elsewhere.
func environment(dir string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LC_ALL=C", "TZ=UTC"}
}

// wait waits until the server answers.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startIn)
	defer cancel()
	for {
		err := s.DB.QueryRowContext(ctx, "select version()").Scan(&s.Version)
		if err == nil {
			s.Version, _, _ = strings.Cut(s.Version, " (") // behind it stands how it was built
			return nil
		}
		select {
		case ended := <-s.done:
			s.done <- ended
			said, _ := os.ReadFile(s.Log)
			return fmt.Errorf("the scratch server ended: %v: %s", ended, last(said))
		case <-ctx.Done():
			return fmt.Errorf("the scratch server does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the server and removes all that it has written. It may be called on one that did not start.
func (s *Server) Stop() error {
	var err error
	if s.DB != nil {
		err = s.DB.Close()
	}
	if s.cmd != nil {
		quit := syscall.SIGTERM
		if s.Kind == PostgreSQL {
			quit = syscall.SIGINT // ends its sessions
		}
		if e := s.cmd.Process.Signal(quit); e != nil && !errors.Is(e, os.ErrProcessDone) {
			err = errors.Join(err, fmt.Errorf("stop the scratch server: %w", e))
		}
		select {
		case <-s.done:
		case <-time.After(20 * time.Second):
			err = errors.Join(err, syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL))
			<-s.done
		}
	}
	if e := os.RemoveAll(s.dir); e != nil {
		err = errors.Join(err, fmt.Errorf("remove the scratch server's folder: %w", e))
	}
	return err
}

// last is the end of what a program said.
func last(out []byte) string {
	const most = 500
	if len(out) > most {
		return "…" + string(out[len(out)-most:])
	}
	return string(out)
}
