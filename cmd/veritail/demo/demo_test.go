package demo

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saypro/veritail/testdata/site"
)

// feed runs Feed for d in a bubble of fake time and returns what each file holds, rotated parts first. check, if
// not nil, is called inside the bubble every 100 ms of its time.
func feed(t *testing.T, d time.Duration, check func(dir string, since time.Duration)) map[string]string {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		done := make(chan error)
		go func() { done <- Feed(ctx, dir, time.Now) }()
		start := time.Now()
		for {
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("Feed: %v", err)
				}
				if over := time.Since(start) - d; over > 100*time.Millisecond {
					t.Errorf("Feed stopped %v after its context ended", over)
				}
				return
			case <-time.After(100 * time.Millisecond):
				if check != nil {
					check(dir, time.Since(start))
				}
			}
		}
	})
	out := map[string]string{}
	for _, g := range groups {
		for _, s := range g.streams {
			for _, name := range []string{s.name + ".1", s.name} {
				text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				out[s.name] += string(text)
			}
		}
	}
	return out
}

// bundled returns the lines of the stream's bundled files, with stamps and numbers that change blanked.
func bundled(t *testing.T, s *stream) []string {
	t.Helper()
	var lines []string
	for _, name := range s.bundled {
		text, err := site.Logs.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			lines = append(lines, blank(s, string(line)))
		}
	}
	return lines
}

func blank(s *stream, line string) string {
	for _, re := range []*regexp.Regexp{s.pids, s.ports, s.stamp} {
		if re == nil {
			continue
		}
		var b strings.Builder
		done := 0
		for _, at := range re.FindAllStringSubmatchIndex(line, -1) {
			for g := 2; g < len(at); g += 2 {
				if at[g] >= 0 {
					b.WriteString(line[done:at[g]] + "·")
					done = at[g+1]
				}
			}
		}
		line = b.String() + line[done:]
	}
	return line
}

func TestEachRoundReplaysTheBundledLinesInOrder(t *testing.T) {
	fed := feed(t, 2*round+10*time.Second, nil)
	for _, g := range groups {
		for _, s := range g.streams {
			want := bundled(t, s)
			got := slices.Collect(strings.Lines(fed[s.name]))
			if len(got) < 2*len(want) && s.rotateAt == seldom {
				t.Errorf("%s: %d lines after two rounds of %d", s.name, len(got), len(want))
			}
			for i, line := range got {
				if w := want[i%len(want)]; blank(s, line) != w {
					t.Errorf("%s: line %d is\n%swant, with stamps and numbers blanked,\n%s", s.name, i+1, line, w)
					break
				}
			}
		}
	}
}

func TestTimeStampsAreThePresentInTheirOwnLayout(t *testing.T) {
	for _, g := range groups {
		for _, s := range g.streams {
			t.Run(s.name, func(t *testing.T) {
				steps, err := s.steps()
				if err != nil {
					t.Fatal(err)
				}
				now := time.Date(2027, 3, 4, 5, 6, 7, 123_456_789, time.FixedZone("", -7*3600))
				for _, st := range steps {
					text := s.rewrite(st.unit, now, 0)
					stamp := s.stamp.FindSubmatch(text)
					if stamp == nil {
						t.Fatalf("no stamp in %s", text)
					}
					got, err := time.ParseInLocation(s.layout, string(stamp[1]), now.Location())
					if err != nil {
						t.Fatalf("%s: %v", text, err)
					}
					if s.utc && got.Location() != time.UTC {
						got = time.Date(got.Year(), got.Month(), got.Day(), got.Hour(), got.Minute(), got.Second(), got.Nanosecond(), time.UTC)
					}
					if got.Year() == 0 { // the layout has no year
						got = got.AddDate(now.Year(), 0, 0)
					}
					if off := now.Sub(got).Abs(); off > time.Second {
						t.Fatalf("%v off the present: %s", off, text)
					}
				}
			})
		}
	}
}

// Each line is written at the time that it is stamped with.
func TestLinesAreStampedWhenTheyAreWritten(t *testing.T) {
	s := groups[3].streams[0] // PostgreSQL: milliseconds
	sizes := 0
	feed(t, 20*time.Second, func(dir string, since time.Duration) {
		text, err := os.ReadFile(filepath.Join(dir, s.name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text[sizes:]) {
			stamp := s.stamp.FindSubmatch(line)
			if stamp == nil {
				continue
			}
			at, err := time.Parse(s.layout, string(stamp[1]))
			if age := time.Since(at); err != nil || age < 0 || age > 200*time.Millisecond {
				t.Fatalf("written at %v, %v after the start, but stamped %q (%v)", time.Now(), since, stamp[1], err)
			}
		}
		sizes = len(text)
	})
}

func TestFailuresComeWithinTenSeconds(t *testing.T) {
	fed := feed(t, 10*time.Second, nil)
	for _, tc := range []struct {
		file, pattern string
		least         int
	}{
		{"auth.log", `Failed password for \S+ from 127\.0\.3\.10 `, 5},
		{"postgresql.log", `ERROR:  deadlock detected`, 1},
		{"nginx/access.log", `127\.0\.2\.10 - .* 404 `, 10},
		{"apache/access.log", `127\.0\.2\.10 - .* 404 `, 10},
		{"backup.log", `FAILED`, 1},
		{"app.log", `"log.level":"error"`, 1},
	} {
		found := len(regexp.MustCompile(`(?m)`+tc.pattern).FindAllString(fed[tc.file], -1))
		if found < tc.least {
			t.Errorf("%s: %d lines match %s, want %d", tc.file, found, tc.pattern, tc.least)
		}
	}
}

func TestTheRateIsLively(t *testing.T) {
	lines := 0
	for _, text := range feed(t, round, nil) {
		lines += strings.Count(text, "\n")
	}
	if perSecond := float64(lines) / round.Seconds(); perSecond < 20 || perSecond > 100 {
		t.Errorf("%.0f lines a second, want some tens", perSecond)
	}
}

// However soon the feeder is stopped, a deadlock's lines are all there or none is.
func TestBlocksStayWhole(t *testing.T) {
	s := groups[3].streams[0]
	steps, err := s.steps()
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, st := range steps {
		text := string(st.unit.text)
		if !strings.Contains(text, "deadlock detected\n") {
			continue
		}
		blocks++
		for _, part := range []string{"detected deadlock while waiting", "DETAIL:  Process holding", "\tProcess ", "HINT:", "CONTEXT:", "STATEMENT:"} {
			if !strings.Contains(text, part) {
				t.Errorf("a deadlock without %q:\n%s", part, text)
			}
		}
	}
	if blocks != 6 {
		t.Errorf("%d deadlocks, want the 6 of the log", blocks)
	}
}

// Access and error log tell of one wrong password within moments, as they do on a real server.
func TestTheLinesOfOneRequestComeTogether(t *testing.T) {
	first, later, err := plans()
	if err != nil {
		t.Fatal(err)
	}
	for _, steps := range [][]step{first, later} {
		for _, server := range []string{"nginx", "apache"} {
			var told []time.Duration // by the error log, of wrong passwords
			pairs := 0
			for _, st := range steps {
				text := string(st.unit.text)
				if client := st.unit.client; client != "127.0.2.20" && client != "127.0.2.21" {
					continue
				}
				switch st.stream.name {
				case server + "/error.log":
					if regexp.MustCompile(`mismatch|Mismatch|not found`).MatchString(text) {
						told = append(told, st.at)
					}
				case server + "/access.log":
					if len(told) != pairs+1 || st.at-told[pairs] > time.Second {
						t.Errorf("%s: request %d at %v, the error log told at %v", server, pairs+1, st.at, told)
					}
					pairs++
				}
			}
			if pairs != 13 {
				t.Errorf("%s: %d wrong passwords, want 13", server, pairs)
			}
		}
	}
}

func TestLaterRoundsHaveNumbersOfTheirOwn(t *testing.T) {
	auth, pg := groups[0].streams[0], groups[3].streams[0]
	for _, tc := range []struct {
		s          *stream
		round      int
		line, want string
	}{
		{auth, 0, "Nov 23 23:18:49 app01 sshd[5479]: Failed password for alice from 127.0.3.10 port 42319 ssh2\n",
			"Jan  2 03:04:05 app01 sshd[5479]: Failed password for alice from 127.0.3.10 port 42319 ssh2\n"},
		{auth, 1, "Nov 23 23:18:49 app01 sshd[5479]: Failed password for alice from 127.0.3.10 port 42319 ssh2\n",
			"Jan  2 03:04:05 app01 sshd[25490]: Failed password for alice from 127.0.3.10 port 43296 ssh2\n"},
		{auth, 1000, "Nov 23 23:18:49 app01 sshd[5479]: Invalid user root from 10.66.66.66 port 22 ssh2 from 127.0.3.16 port 59233\n",
			"Jan  2 03:04:05 app01 sshd[3239271]: Invalid user root from 10.66.66.66 port 22 ssh2 from 127.0.3.16 port 4041\n"},
		{pg, 1, "2026-11-23 23:06:24.928 UTC [18730] app@shop DETAIL:  Process 18730 waits for ShareLock on transaction 757; blocked by process 18731.\n",
			"2027-01-02 03:04:05.000 UTC [38741] app@shop DETAIL:  Process 38741 waits for ShareLock on transaction 757; blocked by process 38742.\n"},
		{pg, 1, "\tProcess 18731 waits for ShareLock on transaction 756; blocked by process 18730.\n",
			"\tProcess 38742 waits for ShareLock on transaction 756; blocked by process 38741.\n"},
	} {
		got := tc.s.rewrite(unit{text: []byte(tc.line)}, time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), tc.round)
		if string(got) != tc.want {
			t.Errorf("round %d of\n%sgives\n%swant\n%s", tc.round, tc.line, got, tc.want)
		}
	}
}

func TestTheAccessLogIsRotatedByRenaming(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.log")
	f, err := open(path, 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"one\n", "two\n", "three\n"} {
		if err := f.append([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.log.1": "one\ntwo\n", "a.log": "three\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, want %q (%v)", name, got, want, err)
		}
	}
	// After a restart it goes on where it was.
	if f, err = open(path, 8); err != nil {
		t.Fatal(err)
	}
	if f.size != 6 {
		t.Errorf("size %d after opening again, want 6", f.size)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFeedSaysWhyItCannotWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Feed(t.Context(), dir, time.Now)
	if err == nil || !strings.Contains(err.Error(), "feed the demonstration site") || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

func TestSourcesMatchWhatIsFed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*")
	sources := Sources(dir)
	seen := map[string]bool{}
	for _, g := range groups {
		for _, s := range g.streams {
			n := 0
			for _, c := range sources {
				ok, err := filepath.Match(c.Paths[0], filepath.Join(dir, filepath.FromSlash(s.name)))
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					n++
					if c.Dataset != s.dataset || !strings.HasPrefix(c.Dataset, "demo.") || c.Site != Site || c.Format != "auto" {
						t.Errorf("%s has the source %+v", s.name, c)
					}
				}
			}
			if n != 1 || seen[s.dataset] {
				t.Errorf("%s: %d sources, data set %s", s.name, n, s.dataset)
			}
			seen[s.dataset] = true
		}
	}
}
