package parsers_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// toldOf returns the format that is told from text alone.
func toldOf(t testing.TB, text []byte) *parsers.Decoder {
	t.Helper()
	d := decoder(t, shipped(t), "auto", "x.log")
	read(d, text)
	balanced(t, d, text)
	return d
}

// The formats of real logs, by the folder and file that hold them. Where a line is written alike by two servers, the
// name of the file decides.
var formatsOfSite = map[string]string{
	"apache/error.log": "apache.error", "nginx/access.log": "nginx.access", "nginx/access.log.1": "nginx.access", "nginx/access-timed.log": "nginx.access",
	"nginx/error.log": "nginx.error", "linux-auth/auth.log": "syslog.rfc3164", "linux-auth/auth-iso.log": "syslog.iso",
	"linux-auth/auth-rfc5424.log": "syslog.rfc5424", "postgres-stderr/postgresql.log": "postgresql.stderr", "postgres-stderr/backup.log": "backup",
	"mariadb/error.log": "mysql.error", "mariadb/general.log": "mysql.general", "mariadb/slow.log": "mysql.slowlog",
	"mariadb/server_audit.log": "mariadb.audit", "mariadb/sql_errors.log": "mariadb.sql-errors", "app/service.json": "json",
}

// Each sample is told from its content without its name, whole and when reading begins in the middle of a line in it.
func TestFormatsAreToldWithoutTheirName(t *testing.T) {
	texts := map[string][]byte{}
	formats := map[string]string{}
	for _, format := range shipped(t).Formats() {
		texts[format], formats[format] = sample(t, format), format
	}
	for name, format := range formatsOfSite {
		text, err := os.ReadFile("../testdata/site/" + name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name], formats[name] = text, format
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, from := range []int{0, len(text) / 3, len(text) / 2} {
				named := decoder(t, shipped(t), formats[name], "x.log")
				if read(named, text[from:]); named.Mark().Lines.Parsed == 0 {
					continue // the end of one record
				}
				d := toldOf(t, text[from:])
				if got := d.Told(); got.Format != formats[name] {
					t.Errorf("from byte %d: told %q, %+v", from, got.Format, got.Sample)
				}
			}
		})
	}
}

// It is said how sure the format is.
func TestHowSureAFormatIs(t *testing.T) {
	combined := `10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"` + "\n"
	s := toldOf(t, []byte(strings.Repeat(combined, 7)+"nobody's\n")).Told().Sample
	if s.Lines != 8 || s.Taken != 7 || s.Second != "apache.access" || s.SecondTaken != 7 {
		t.Errorf("%+v", s)
	}
	d := decoder(t, shipped(t), "nginx.access", "x.log")
	read(d, []byte(combined))
	if s := d.Told().Sample; s.Lines != 0 {
		t.Errorf("of a format that was named: %+v", s)
	}
}

// Files that hold lines of several formats lose none of them.
func TestMixedFilesLoseNoLine(t *testing.T) {
	alone := func(format string) (lines [][]byte) { // those that are a record of their own
		for _, line := range rawLines(sample(t, format)) {
			d := decoder(t, shipped(t), format, "x.log")
			read(d, line)
			if d.Mark().Lines.Parsed == 1 {
				lines = append(lines, line)
			}
		}
		return lines
	}
	nginx, errs, auth, pg := alone("nginx.access"), alone("nginx.error"), alone("syslog.iso"), alone("postgresql.stderr")
	for name, lists := range map[string][][][]byte{
		"error lines in an access log": {nginx, nginx, errs}, "syslog with an application": {auth, auth, nginx}, "three in one": {auth, pg, nginx},
	} {
		var text []byte
		for i := range 30 {
			for _, lines := range lists {
				text = append(text, bytes.TrimRight(lines[i%len(lines)], "\r\n")...)
				text = append(text, '\n')
			}
		}
		d := toldOf(t, text)
		if a := d.Mark().Lines; a.Unparsed != 0 {
			t.Errorf("%s: %+v, told %s, %+v", name, a, d.Told().Format, d.Told().Shapes)
		}
	}
}

// What is remembered of unparsed lines is bounded, and counts every line.
func TestUnparsedLinesAreGroupedByShape(t *testing.T) {
	var text strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&text, "worker %d picked job <abc%d> from 10.0.0.%d in queue=\"q %d\"\nlevel %d: it's \"over\"\n", i, i, i%256, i, i)
	}
	for i := range 300 {
		text.WriteString(strings.Repeat("*", i+1) + "!\n")
	}
	d := decoder(t, shipped(t), "nginx.access", "x.log")
	read(d, []byte(text.String()))
	told := d.Told()
	if len(told.Shapes) != 64 || told.Shapes[0].Count != 2500 || told.Shapes[1].Count != 2500 {
		t.Fatalf("%d shapes, the first %+v", len(told.Shapes), told.Shapes[:2])
	}
	n := told.Dropped
	for _, s := range told.Shapes {
		n += s.Count
	}
	if n != d.Mark().Lines.Unparsed {
		t.Errorf("the shapes count %d of %d lines", n, d.Mark().Lines.Unparsed)
	}
}

func TestShapes(t *testing.T) {
	for line, want := range map[string]string{
		"2026-11-24T10:00:00.123Z ERROR worker-3 failed to connect to 10.0.0.7:5432 (attempt 4)": "0-0-x:0:0.x ERROR w-0 w+ @:0 (w 0)",
		`user=bob ip=10.0.0.7 path="/a b" took 3ms`:                                              `user=w ip=@ path="" w x`,
		"it's  fine":                     "w'w+",
		"version 1.2.3.4.5 of 10.0.0.7.": "w 0.0.0.0.0 w @.",
		"größe ok":                       "w+",
		"a\tb":                           "w+",
		`unclosed "text`:                 `w "w`,
		strings.Repeat("[a] ", 200):      strings.Repeat("[w] ", 40),
	} {
		if got := parsers.ShapeOf(line); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
}

// Of each log of the zoo either a format is told, or its shapes say where the nearest one stops.
func TestTheZooIsToldOrExplained(t *testing.T) {
	files, err := filepath.Glob("../testdata/lnav/logfile_*")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		told := toldOf(t, text).Told()
		if told.Format == "" && len(told.Shapes) == 0 {
			t.Errorf("%s: nothing is said", file)
		}
	}
}

// A line is live once everything before it had been decoded: its year is then that of the receipt, else the file's.
func TestLinesAreLiveOnceTheFileWasReadToItsEnd(t *testing.T) {
	d, err := shipped(t).NewDecoder(event.Generation{ID: 1, Path: "x.log", Format: "syslog.rfc3164"}, parsers.Options{Live: true, Near: near})
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(time.Now().UTC().Format("Jan _2 15:04:05") + " web1 cron[1]: x\n")
	var got []string
	var off int64
	for range 3 {
		var b event.Batch
		d.Decode(&b, line, off)
		off += int64(len(line))
		d.Flush(&b, time.Now().Add(time.Minute), false) // so that a record ends
		if got = append(got, "file"); strings.Contains(string(b.Pages[0].Row(0).AppendJSON(nil)), `"veritail.time.clock":"zone+receipt"`) {
			got[len(got)-1] = "receipt"
		}
		b.Release()
		if len(got) == 2 {
			d.Flush(&b, time.Now(), false) // nothing came since the last one: the end was reached
			b.Release()
		}
	}
	if strings.Join(got, " ") != "file file receipt" {
		t.Errorf("%q", got)
	}
}
