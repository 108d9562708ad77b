package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saypro/veritail/tools/need"
)

// A stream is what a writer of the matrix writes: numbered events, of one line or of several that interleave.
type stream struct {
	name   string
	events func(from, n int) string // n events from number from on, whole
	lines  int                      // of an event
	text   *regexp.Regexp           // finds the number of an event in its lines
	first  int                      // what stands there for the first
	number string                   // the same in SQL
	whole  string                   // in SQL, whether an event has all of its lines
}

var streams = []stream{
	{"plain lines", func(from, n int) string {
		var b strings.Builder
		for i := from; i < from+n; i++ {
			fmt.Fprintf(&b, "%s app01 sshd[%d]: Failed password for user%d from 10.0.0.1 port 4242 ssh2\n", stampNow(), i%30000+1, i)
		}
		return b.String()
	}, 1, regexp.MustCompile(`user([0-9]+) from`), 0, `substr("user.name", 5)::BIGINT`, `"user.name" LIKE 'user%'`},
	{"PostgreSQL's sessions", func(from, n int) string { // errors of four sessions, line by line by turns
		var b strings.Builder
		for at := from; at < from+n; at += 4 {
			for _, kind := range []string{"ERROR:  duplicate key value violates unique constraint \"orders_pkey\"", "DETAIL:  Key (id)=(%d) already exists.", "STATEMENT:  insert into orders values (%d)"} {
				for i := at; i < min(at+4, from+n); i++ {
					text := kind
					if strings.Contains(kind, "%d") {
						text = fmt.Sprintf(kind, i)
					}
					fmt.Fprintf(&b, "%s UTC [%d] app@shop %s\n", time.Now().UTC().Format("2006-01-02 15:04:05.000"), 1000+i%4, text)
				}
			}
		}
		return b.String()
	}, 3, regexp.MustCompile(`values \(([0-9]+)\)`), 0, `regexp_extract("db.query.text", '[0-9]+')::BIGINT`, `len(string_split("event.original", chr(10))) = 3`},
	{"auditd", func(from, n int) string { // records of two events by turns
		var b strings.Builder
		for at := from; at < from+n; at += 2 {
			now := float64(time.Now().UnixMilli()) / 1000
			for _, kind := range []string{"SYSCALL msg=audit(%.3f:%d): arch=c000003e syscall=59 success=yes exit=0 items=1 ppid=1 pid=%d auid=0 uid=0 comm=\"ls\" exe=\"/bin/ls\" key=\"x\"", "PROCTITLE msg=audit(%.3f:%d): proctitle=6C73%04X"} {
				for i := at; i < min(at+2, from+n); i++ {
					fmt.Fprintf(&b, "type="+kind+"\n", now, i+1, i%60000)
				}
			}
		}
		return b.String()
	}, 2, regexp.MustCompile(`audit\([0-9.]+:([0-9]+)\)`), 1, `"auditd.log.sequence" - 1`, `len(string_split("event.original", chr(10))) = 2`},
}

func stampNow() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00") }

// A rotator rotates the log at path, whose writer appends meanwhile and opens the path anew after reopen.
type rotator struct {
	name   string
	rotate func(t testing.TB, path string, n int, reopen func())
	loses  bool // what is written between its copy and its truncation
	link   bool // the path is one from the beginning: what it takes the place of is not removed
}

// shifted renames path.1… by one.
func shifted(t testing.TB, path string) {
	t.Helper()
	names, err := filepath.Glob(path + ".[0-9]*")
	must(t, err)
	at := func(name string) int {
		text, _, _ := strings.Cut(strings.TrimPrefix(name, path+"."), ".")
		n, err := strconv.Atoi(text)
		must(t, err)
		return n
	}
	slices.SortFunc(names, func(a, b string) int { return at(b) - at(a) })
	for _, name := range names {
		_, ext, packed := strings.Cut(strings.TrimPrefix(name, path+"."), ".")
		to := fmt.Sprintf("%s.%d", path, at(name)+1)
		if packed {
			to += "." + ext
		}
		must(t, os.Rename(name, to))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// packLater compresses path.2, as delaycompress does.
func packLater(program string) func(t testing.TB, path string, n int, reopen func()) {
	return func(t testing.TB, path string, _ int, reopen func()) {
		shifted(t, path)
		must(t, os.Rename(path, path+".1"))
		reopen()
		if _, err := os.Stat(path + ".2"); err == nil {
			args := []string{"--rm", "-q", path + ".2"}
			if program == "gzip" {
				args = args[2:]
			}
			if out, err := exec.Command(need.Program(t, program), args...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", program, err, out)
			}
		}
	}
}

// logrotate runs Debian's with these directives.
func logrotate(directives string) func(t testing.TB, path string, n int, reopen func()) {
	return func(t testing.TB, path string, _ int, reopen func()) {
		conf := filepath.Join(filepath.Dir(path), "logrotate.conf")
		must(t, os.WriteFile(conf, []byte(fmt.Sprintf("%q {\n  rotate 1000\n  su root root\n  %s\n}\n", path, strings.ReplaceAll(directives, ";", "\n "))), 0o644))
		cmd := exec.Command(need.Program(t, "logrotate"), "--force", "--state", filepath.Join(filepath.Dir(path), "logrotate.state"), conf)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("logrotate: %v\n%s", err, out)
		}
		reopen()
	}
}

var rotators = []rotator{
	{"rename and create", func(t testing.TB, path string, _ int, reopen func()) {
		shifted(t, path)
		must(t, os.Rename(path, path+".1"))
		reopen()
	}, false, false},
	{"three renames at once", func(t testing.TB, path string, _ int, reopen func()) {
		for range 3 {
			shifted(t, path)
			must(t, os.Rename(path, path+".1"))
			reopen()
		}
	}, false, false},
	{"rename, then gzip", packLater("gzip"), false, false},
	{"rename, then zstd", packLater("zstd"), false, false},
	{"dated names", func(t testing.TB, path string, n int, reopen func()) {
		must(t, os.Rename(path, fmt.Sprintf("%s-2026%02d%02d", path, 1+n/28%12, 1+n%28)))
		reopen()
	}, false, false},
	{"a link to another file", func(t testing.TB, path string, n int, reopen func()) {
		target := fmt.Sprintf("%s-2025%02d%02d", path, 1+n/28%12, 1+n%28)
		f, err := os.Create(target)
		must(t, err)
		must(t, f.Close())
		must(t, os.Symlink(filepath.Base(target), path+".new"))
		must(t, os.Rename(path+".new", path))
		reopen()
	}, false, true},
	{"logrotate, create", logrotate("create"), false, false},
	{"logrotate, compress", logrotate("create;compress;delaycompress"), false, false},
	{"logrotate, copytruncate", logrotate("copytruncate"), true, false},
}

// A writer appends numbered events to a log; its journal is how many there are.
type writer struct {
	t     testing.TB
	of    stream
	path  string
	pause time.Duration

	mu   sync.Mutex
	f    *os.File
	n    int
	gaps [][2]int // numbers that a rotator may have destroyed
}

func (w *writer) reopen() {
	f, err := os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f != nil {
		must(w.t, w.f.Close())
	}
	w.f = f
}

// run writes until stop is closed.
func (w *writer) run(stop <-chan struct{}) {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	for {
		select {
		case <-stop:
			return
		default:
		}
		w.mu.Lock()
		n := 4 * (1 + r.IntN(20))
		text := w.of.events(w.n, n)
		if cut := r.IntN(len(text)); cut%3 == 0 { // in two writes
			_, err := w.f.WriteString(text[:cut])
			must(w.t, err)
			text = text[cut:]
		}
		_, err := w.f.WriteString(text)
		must(w.t, err)
		w.n += n
		w.mu.Unlock()
		time.Sleep(w.pause)
	}
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// rotate rotates once, and notes which numbers the rotator may have destroyed.
func (w *writer) rotate(r rotator, n int) {
	from := w.count()
	r.rotate(w.t, w.path, n, w.reopen)
	if r.loses {
		w.gaps = append(w.gaps, [2]int{from, w.count()})
	}
}

// A pace is how fast a writer writes.
type pace struct {
	name  string
	pause time.Duration // between writes of 42 events in the mean
}

var fast, slow = pace{"fast", 2 * time.Millisecond}, pace{"slow", 25 * time.Millisecond}

// A depot is a store of the matrix, and what befalls it.
type depot struct {
	name    string
	conf    string                                       // what the configuration says of it
	trouble func(t *testing.T, stop <-chan struct{})     // lasts until stop is closed; then the store takes everything again
	look    func(t *testing.T, s stream) (holding, bool) // false: it is not to be told yet
}

// A holding is what a store has of a stream.
type holding struct {
	whole, different int // events with all their lines, and how many different numbers they have
	parts            int // events without
	missing          func(n int) []int
}

// Torture: each way of rotating a log × what is in it × how fast × kill -9 at random moments × the store, with the command itself. Every
// event is stored once and whole; what a rotator destroyed is counted apart. VERITAIL_TORTURE takes each cell, for a part of that
// time; without it some are taken, for seconds.
func TestTortureRotationMatrix(t *testing.T) {
	t.Parallel()
	all, total := os.Getenv("VERITAIL_TORTURE"), 3*time.Second
	if all != "" {
		d, err := time.ParseDuration(all)
		must(t, err)
		total = max(d/12, total)
	}
	bin := program(t)
	var m matrix
	for i, r := range rotators {
		for k, s := range streams {
			if all == "" && (i+2*k)%9 != 4 && !(r.name == "logrotate, copytruncate" && k == 0) {
				continue
			}
			t.Run(r.name+"/"+s.name, func(t *testing.T) {
				dir := t.TempDir()
				m.cell(t, bin, dir, r, s, fast, embeddedDepot(t, bin, dir), total)
			})
			if all != "" {
				t.Run(r.name+"/"+s.name+"/slow", func(t *testing.T) {
					dir := t.TempDir()
					m.cell(t, bin, dir, r, s, slow, embeddedDepot(t, bin, dir), total)
				})
			}
		}
	}
	m.tell(t)
}

// A matrix is what its cells have found.
type matrix struct {
	rows                                               bytes.Buffer
	cells, events, lines, lost, repeated, destroyed, k int
}

func (m *matrix) tell(t *testing.T) {
	t.Logf("%d cells, %d events of %d lines, %d rotations and kills: %d lost, %d repeated, %d destroyed by the rotator\n%-24s %-22s %-24s %9s %9s %9s %6s %6s %9s %9s\n%s", m.cells, m.events, m.lines,
		m.k, m.lost, m.repeated, m.destroyed, "rotation", "log", "store", "events", "events/s", "rotations", "kills", "lost", "repeated", "destroyed", m.rows.String())
}

func (m *matrix) cell(t *testing.T, bin, dir string, r rotator, s stream, p pace, in depot, total time.Duration) {
	conf := "state = \"state\"\nwellknown = false\nhost = \"h\"\n" + in.conf + "[console]\nlisten = \"127.0.0.1:0\"\n[retention]\ndisk_share = 0\n[[source]]\npaths = [\"logs/a.log\"]\ndataset = \"a\"\n"
	must(t, os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "logs"), 0o755))
	w := &writer{t: t, of: s, path: filepath.Join(dir, "logs/a.log"), pause: p.pause}
	if r.link {
		must(t, os.Symlink("a.log-20241231", w.path))
	}
	w.reopen()
	_, err := w.f.WriteString(s.events(0, 40)) // it is followed before it is rotated
	must(t, err)
	w.n = 40
	cmd := start(t, bin, dir)
	awaitStored(t, bin, dir, 1)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() { w.run(stop) })
	busy.Go(func() { in.trouble(t, stop) })
	rnd := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 4))
	rotations, kills := 0, 0
	begin := time.Now()
	for end := begin.Add(total); time.Now().Before(end); {
		time.Sleep(time.Duration(100+rnd.IntN(700)) * time.Millisecond)
		if rnd.IntN(3) > 0 {
			w.rotate(r, rotations)
			rotations++
			continue
		}
		must(t, cmd.Process.Kill())
		if err := cmd.Wait(); err == nil {
			t.Fatal("the daemon ended by itself")
		}
		kills++
		if rnd.IntN(2) == 0 { // rotated while nobody reads
			w.rotate(r, rotations)
			rotations++
		}
		cmd = start(t, bin, dir)
	}
	n := w.count()
	perSecond := float64(n) / time.Since(begin).Seconds()
	close(stop)
	busy.Wait()
	n = w.count()
	lost, repeated, parts := settled(t, bin, dir, s, in, n, w.gaps)
	destroyed := 0
	for _, i := range lost {
		if slices.ContainsFunc(w.gaps, func(g [2]int) bool { return g[0] <= i && i < g[1] }) {
			destroyed++
		}
	}
	fmt.Fprintf(&m.rows, "%-24s %-22s %-24s %9d %9.0f %9d %6d %6d %9d %9d\n", r.name, s.name, in.name, n, perSecond, rotations, kills, len(lost)-destroyed, repeated, destroyed)
	m.cells, m.events, m.lines, m.k = m.cells+1, m.events+n, m.lines+n*s.lines, m.k+rotations+kills
	m.lost, m.repeated, m.destroyed = m.lost+len(lost)-destroyed, m.repeated+repeated, m.destroyed+destroyed
	if len(lost) > destroyed || repeated > 0 || parts > 2*len(w.gaps) {
		list, _ := exec.Command("ls", "-lai", "--time-style=full-iso", filepath.Join(dir, "logs")).Output()
		status, _ := command(bin, dir, "status", "-config", "v.toml").Output()
		t.Errorf("of %d events %d are lost, %d repeated, %d in parts; %d of them a rotator destroyed: %v\n%s\n%s",
			n, len(lost), repeated, parts, destroyed, lost[:min(len(lost), 20)], status, list)
	}
	must(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		t.Fatalf("a stop that was asked for: %v", err)
	}
}

// settled waits until the store has what there is of n events, and returns the numbers that are missing, how many are there again, and
// how many have not all of their lines.
func settled(t *testing.T, bin, dir string, s stream, in depot, n int, gaps [][2]int) (lost []int, repeated, parts int) {
	t.Helper()
	awaitStored(t, bin, dir, 1) // sql opens the store itself as long as no daemon answers
	least := n
	for _, g := range gaps {
		least -= g[1] - g[0]
	}
	last, since := holding{whole: -1}, time.Now()
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		has, ok := in.look(t, s)
		if !ok {
			continue
		}
		if has.whole != last.whole {
			since = time.Now()
		}
		last = has
		// What rotation left is looked for within seconds; records end when their time is over. What a busy cluster has not taken yet
		// is not lost.
		if quiet := time.Since(since); has.different == n && quiet > 3*time.Second || has.different >= least && quiet > 20*time.Second ||
			quiet > 90*time.Second && !pending(bin, dir) {
			break
		}
	}
	if last.different < n {
		lost = last.missing(n)
	}
	return lost, last.whole - last.different, last.parts
}

// pending reports whether the daemon has events that its store has not.
func pending(bin, dir string) bool {
	out, err := command(bin, dir, "status", "-json", "-config", "v.toml").Output()
	var s statusReport
	return err == nil && json.Unmarshal(out, &s) == nil && s.Totals.Pending > 0
}

// embeddedDepot is the store of the daemon itself.
func embeddedDepot(t *testing.T, bin, dir string) depot {
	ask := func(query string) [][]string {
		out, err := command(bin, dir, "sql", "-csv", "-limit", "100000", "-config", "v.toml", query).Output()
		if err != nil {
			return nil // it is starting
		}
		rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
		must(t, err)
		return rows[1:]
	}
	number := func(text string) int {
		v, err := strconv.Atoi(text)
		must(t, err)
		return v
	}
	look := func(_ *testing.T, s stream) (holding, bool) {
		rows := ask("SELECT count(*) FILTER (WHERE whole), count(DISTINCT i) FILTER (WHERE whole), count(*) FILTER (WHERE NOT whole) FROM (SELECT " +
			s.number + " AS i, " + s.whole + ` AS whole FROM events WHERE "event.dataset" = 'a')`)
		if len(rows) != 1 {
			return holding{}, false
		}
		return holding{number(rows[0][0]), number(rows[0][1]), number(rows[0][2]), func(n int) (lost []int) {
			for _, row := range ask(fmt.Sprintf(`SELECT r.i FROM range(%d) r(i) WHERE r.i NOT IN (SELECT %s FROM events WHERE "event.dataset" = 'a' AND %s) ORDER BY 1`, n, s.number, s.whole)) {
				lost = append(lost, number(row[0]))
			}
			return lost
		}}, true
	}
	return depot{"embedded", "", func(*testing.T, <-chan struct{}) {}, look}
}
