package demo

import (
	"bytes"
	"regexp"
	"strconv"
	"time"
)

// A stream is one log file of the site: which bundled files it replays and where their lines hold what changes.
type stream struct {
	name    string // of the file, under the site's directory
	dataset string
	bundled []string // replayed one after the other

	stamp  *regexp.Regexp // its first group is the time stamp; a line without one goes on its predecessor
	layout string         // of the stamp
	utc    bool           // the stamp says that it is UTC

	joined *regexp.Regexp // adjacent lines for which this is the same text are written at once
	client *regexp.Regexp // its first group is the address of a line of a web server
	pids   *regexp.Regexp // its groups are process ids and other numbers that count up
	ports  *regexp.Regexp // its groups are ports of clients

	rotateAt int64 // bytes
}

// A group holds streams that tell of the same events, in whose order they are replayed together.
type group struct {
	streams []*stream // one, or the access and the error log of a web server
	until   string    // is in the first line of a failure: those before it are hurried in the first round
}

const (
	often  = 128 << 10 // a rotation every few minutes
	seldom = 8 << 20
)

const clf = "02/Jan/2006:15:04:05 -0700"

var (
	clfStamp  = regexp.MustCompile(`^[^"]* \[(\d\d/[^\]]*)\] "`)
	clfClient = regexp.MustCompile(`^(\S+) `)
)

var groups = []group{
	{until: "127.0.3.10", streams: []*stream{{
		name: "auth.log", dataset: "demo.auth", bundled: []string{"linux-auth/auth.log"},
		stamp: regexp.MustCompile(`^(\w{3} [ \d]\d \d\d:\d\d:\d\d) `), layout: time.Stamp,
		pids: regexp.MustCompile(`\w\[(\d+)\]`), ports: regexp.MustCompile(`port (\d{4,5})\b`), rotateAt: seldom,
	}}},
	{until: "127.0.2.10", streams: []*stream{{
		name: "nginx/access.log", dataset: "demo.nginx.access", bundled: []string{"nginx/access-timed.log"},
		stamp: clfStamp, layout: clf, client: regexp.MustCompile(`^\S+ (\S+) `), rotateAt: often,
	}, {
		name: "nginx/error.log", dataset: "demo.nginx.error", bundled: []string{"nginx/error.log"},
		stamp: regexp.MustCompile(`^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) `), layout: "2006/01/02 15:04:05",
		client:   regexp.MustCompile(`client:? ([0-9a-f.:]+)\b`),
		pids:     regexp.MustCompile(`^\S+ \S+ \[\w+\] (\d+)#(\d+):(?: \*(\d+))?|process (\d+)`),
		rotateAt: seldom,
	}}},
	{until: "127.0.2.10", streams: []*stream{{
		name: "apache/access.log", dataset: "demo.apache.access", bundled: []string{"apache/access.log"},
		stamp: clfStamp, layout: clf, client: clfClient, rotateAt: often,
	}, {
		name: "apache/error.log", dataset: "demo.apache.error", bundled: []string{"apache/error.log"},
		stamp: regexp.MustCompile(`^\[(\w{3} \w{3} \d\d \d\d:\d\d:\d\d\.\d{6} \d{4})\]`), layout: "Mon Jan 02 15:04:05.000000 2006",
		client: regexp.MustCompile(`\[client ([0-9a-f.:]+):\d+\]`),
		pids:   regexp.MustCompile(`\[pid (\d+):tid (\d+)\]`), ports: regexp.MustCompile(`\[client [0-9a-f.:]+:(\d+)\]`), rotateAt: seldom,
	}}},
	{until: "detected deadlock", streams: []*stream{{
		name: "postgresql.log", dataset: "demo.postgresql", bundled: []string{"postgres-stderr/postgresql.log"},
		stamp: regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC `), layout: "2006-01-02 15:04:05.000", utc: true,
		joined: regexp.MustCompile(`^\S+ \S+ UTC \[\d+\]`),
		pids:   regexp.MustCompile(`^\S+ \S+ UTC \[(\d+)\]|[Pp]rocess (\d+)|the lock: (\d+)|\(PID (\d+)\)`), ports: regexp.MustCompile(`port=(\d+)`), rotateAt: seldom,
	}}},
	{until: "FAILED", streams: []*stream{{
		name: "backup.log", dataset: "demo.backup", bundled: []string{"postgres-stderr/backup.log"},
		stamp: regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) `), layout: "2006-01-02T15:04:05Z", utc: true, rotateAt: seldom,
	}}},
	{until: `"log.level":"error"`, streams: []*stream{{
		name: "app.log", dataset: "demo.app", bundled: []string{"app/service.json", "app/renovate.json"},
		stamp: regexp.MustCompile(`^\{(?:.*,)?"(?:@timestamp|time)":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"`), layout: "2006-01-02T15:04:05.000Z", utc: true,
		pids: regexp.MustCompile(`"pid":(\d+)`), rotateAt: seldom,
	}}},
}

// The steps by which numbers change from one round to the next are prime, so that it takes long until they return.
const (
	pidStep, pidMin, pidMax    = 20_011, 2, 4_194_304 // /proc/sys/kernel/pid_max of 64-bit Linux
	portStep, portMin, portMax = 977, 1_024, 65_536
)

// rewrite returns the lines of u as they are written at now in round n.
func (s *stream) rewrite(u unit, now time.Time, n int) []byte {
	if s.utc {
		now = now.UTC()
	}
	stamp := now.Format(s.layout)
	var out []byte
	for line := range bytes.Lines(u.text) {
		if n > 0 {
			line = shift(line, s.pids, n*pidStep, pidMin, pidMax)
			line = shift(line, s.ports, n*portStep, portMin, portMax)
		}
		if at := s.stamp.FindSubmatchIndex(line); at != nil {
			out = append(out, line[:at[2]]...)
			out = append(out, stamp...)
			line = line[at[3]:]
		}
		out = append(out, line...)
	}
	return out
}

// shift adds by to each number that a group of where finds, going round between low and high.
func shift(line []byte, where *regexp.Regexp, by, low, high int) []byte {
	if where == nil {
		return line
	}
	var out []byte
	done := 0
	for _, at := range where.FindAllSubmatchIndex(line, -1) {
		for g := 2; g < len(at); g += 2 {
			if at[g] < 0 {
				continue
			}
			old, err := strconv.Atoi(string(line[at[g]:at[g+1]]))
			if err != nil || old < low || old >= high {
				continue
			}
			out = append(out, line[done:at[g]]...)
			out = strconv.AppendInt(out, int64(low+(old-low+by)%(high-low)), 10)
			done = at[g+1]
		}
	}
	return append(out, line[done:]...)
}
