package parsers_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

func TestTheFormatIsToldFromTheContent(t *testing.T) {
	for _, format := range shipped(t).Formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			path := map[string]string{"apache.access": "/var/log/apache2/access.log"}[format]
			d := decoder(t, shipped(t), "", path)
			read(d, sample(t, format))
			if got := d.Told().Format; got != format {
				t.Errorf("told %q", got)
			}
		})
	}
	combined := `10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"` + "\n"
	for _, tc := range []struct{ name, path, text, want string }{
		{"a line that nginx and Apache write alike is Apache's where the path says so", "/var/log/apache2/access.log", combined, "apache.access"},
		{"and where it says httpd", "/var/log/httpd/access_log", combined, "apache.access"},
		{"and nginx's where it says so", "/var/log/nginx/access.log", combined, "nginx.access"},
		{"and nginx's, by rank, where it says nothing", "/srv/access.log", combined, "nginx.access"},
		{"one line is enough", "x.log", "Nov 24 10:00:00 web1 sshd[12]: Server listening on :: port 22.\n", "syslog.rfc3164"},
		{"a line without an end, too", "x.log", `{"ts":1763978400,"msg":"up"}`, "json"},
		{"most lines decide", "x.log", combined + strings.Repeat("2026/11/24 10:00:00 [error] 1#1: *1 x\n", 3), "nginx.error"},
		{"lines that no format takes do not", "x.log", "garbage\n" + combined + "more\ngarbage\n", "nginx.access"},
		{"an empty file has no format", "x.log", "", ""},
		{"nor do empty lines", "x.log", "\n\r\n\n", ""},
		{"nor binary bytes", "x.log", "\x00\x01\x02\xff\xfe\n\x7fELF\x02\x01\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := decoder(t, shipped(t), "auto", tc.path)
			read(d, []byte(tc.text))
			balanced(t, d, []byte(tc.text))
			if got := d.Told().Format; got != tc.want {
				t.Errorf("told %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDetectionGoesOnUntilAFormatFits(t *testing.T) {
	d := decoder(t, shipped(t), "", "x.log")
	var b event.Batch
	first, second := "starting up\n", "Nov 24 10:00:00 web1 cron[1]: x\n"
	d.Decode(&b, []byte(first), 0)
	if got := d.Told().Format; got != "" {
		t.Errorf("told %q, of a line that fits nothing", got)
	}
	d.Decode(&b, []byte(second), int64(len(first)))
	if got := d.Told().Format; got != "syslog.rfc3164" {
		t.Errorf("told %q", got)
	}
	b.Release()
}

func TestALineThatItsFileRefusesIsTriedAgainstTheOthers(t *testing.T) {
	syslog := "Nov 24 10:00:00 web1 cron[1]: x\n"
	pg := "2026-11-24 10:00:00.000 UTC [7] app@shop ERROR:  deadlock detected\n"
	text := strings.Repeat(syslog, 3) + pg + "nobody's\n" + syslog

	d := decoder(t, shipped(t), "auto", "x.log")
	got := read(d, []byte(text))
	balanced(t, d, []byte(text))
	has(t, got[3].text, `"event.action":"deadlock"`, `"db.response.status_code":"40P01"`)
	has(t, got[4].text, `"veritail.unparsed":true`)
	if a := d.Mark().Lines; a.Parsed != 5 || a.Unparsed != 1 {
		t.Errorf("account %+v", a)
	}

	d = decoder(t, shipped(t), "syslog.rfc3164", "x.log")
	got = read(d, []byte(text))
	has(t, got[3].text, `"veritail.unparsed":true`)
}

func TestAFileOfTheWrongFormatIsToldWhereItStops(t *testing.T) {
	d := decoder(t, shipped(t), "nginx.access", "x.log")
	read(d, []byte(`10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] 'GET / HTTP/1.1' 200`+"\n"))
	at := shipped(t).Where("nginx.access", []byte(d.Told().Shapes[0].Example))
	if len(at) != 1 || at[0].Format != "nginx.access" || at[0].Column != 43 {
		t.Errorf("stops %+v", at)
	}
	d = decoder(t, shipped(t), "", "x.log")
	read(d, []byte(`10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] 'GET / HTTP/1.1' 200`+"\n"))
	if at := shipped(t).Where("", []byte(d.Told().Shapes[0].Example)); at[0].Format != "nginx.access" || at[0].Column != 43 {
		t.Errorf("nearest %+v", at[0])
	}
}

// mixture returns lines of all kinds of trouble beside real ones, in an order of its own.
func mixture(r *rand.Rand, format string, t testing.TB) []byte {
	lines := rawLines(sample(t, format))
	odd := []string{"\n", "\r\n", "garbage\n", "\tcontinued\n", "\x00\x00\n", "\xff\xfe broken UTF-8\n", strings.Repeat("long ", 300) + "\n",
		"Nov 24 10:00:00 web1 cron[1]: another format\n", `{"msg":"yet another"}` + "\n"}
	var text []byte
	for _, line := range lines {
		for r.IntN(6) == 0 {
			text = append(text, odd[r.IntN(len(odd))]...)
		}
		text = append(text, line...)
		if text[len(text)-1] != '\n' {
			text = append(text, '\n')
		}
	}
	if r.IntN(2) == 0 {
		text = append(text, "no line ending"...)
	}
	return text
}

func TestTheSameEventsAndMarksWhateverTheCuts(t *testing.T) {
	for seed := range uint64(4) {
		for _, format := range shipped(t).Formats() {
			what := fmt.Sprintf("%s, seed %d", format, seed)
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				r := rand.New(rand.NewPCG(seed, 1))
				text := mixture(r, format, t)
				sameWhateverTheCuts(t, what, text, r, func() *parsers.Decoder { return decoder(t, shipped(t), format, "x.log") })
			})
		}
	}
}

// sameWhateverTheCuts fails the test unless text gives the same events and marks in blocks of any size.
func sameWhateverTheCuts(t *testing.T, what string, text []byte, r *rand.Rand, newDecoder func() *parsers.Decoder) {
	t.Helper()
	marks, want := map[int64]string{}, []outcome(nil)
	d := newDecoder()
	for off, lines := 0, rawLines(text); len(lines) > 0; lines = lines[1:] {
		var b event.Batch
		d.Decode(&b, lines[0], int64(off))
		off += len(lines[0])
		want = collect(want, &b)
		marks[int64(off)] = stored(d.Mark())
	}
	var b event.Batch
	d.Flush(&b, near, true)
	want = byOffset(collect(want, &b))
	balanced(t, d, text)

	d = newDecoder()
	var got []outcome
	for off := 0; off < len(text); {
		end := off
		for end < len(text) && (end == off || r.IntN(20) > 0) {
			if n := bytes.IndexByte(text[end:], '\n'); n >= 0 {
				end += n + 1
			} else {
				end = len(text)
			}
		}
		d.Decode(&b, text[off:end], int64(off))
		off = end
		if m := stored(d.Mark()); m != marks[int64(off)] {
			t.Fatalf("%s: mark at %d\n got %s\nwant %s", what, off, m, marks[int64(off)])
		}
		if r.IntN(2) == 0 {
			got = collect(got, &b)
		}
	}
	d.Flush(&b, near, true)
	same(t, what, byOffset(collect(got, &b)), want)
	balanced(t, d, text)
}

func same(t *testing.T, what string, got, want []outcome) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: event %d\n got %s %s\nwant %s %s", what, i, got[i].text, got[i].spans, want[i].text, want[i].spans)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d events, want %d", what, len(got), len(want))
	}
}

// A restart at any mark yields what an uninterrupted reading does: no event twice, none lost, none with other fields.
func TestResumeAtAnyMark(t *testing.T) {
	site, err := os.ReadFile("../testdata/site/postgres-stderr/postgresql.log")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string][]byte{"postgresql.stderr": site}
	for _, format := range shipped(t).Formats() {
		if format != "postgresql.stderr" {
			texts[format] = mixture(rand.New(rand.NewPCG(7, 7)), format, t)
		}
	}
	texts["postgresql.stderr mixed"] = mixture(rand.New(rand.NewPCG(7, 7)), "postgresql.stderr", t)
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			format, _, _ := strings.Cut(name, " ")
			open := sameAfterAnyResume(t, name, text, func() *parsers.Decoder { return decoder(t, shipped(t), format, "x.log") })
			if format == "postgresql.stderr" && open == 0 {
				t.Error("no mark had an open record: the test shows nothing")
			}
		})
	}
}

// sameAfterAnyResume fails the test unless a restart at any mark of text changes no event. It returns how many open
// spans the marks had in all.
func sameAfterAnyResume(t *testing.T, what string, text []byte, newDecoder func() *parsers.Decoder) (open int) {
	t.Helper()
	want := read(newDecoder(), text)
	span := func(s event.Span) ([]byte, error) { return text[s.Off:s.End()], nil }
	lines := rawLines(text)
	step := max(1, len(lines)/60) // all marks of short files

	d, before, off := newDecoder(), []outcome(nil), 0
	for i, line := range lines {
		var b event.Batch
		d.Decode(&b, line, int64(off))
		off += len(line)
		before = collect(before, &b)
		if i%step != 0 {
			continue
		}
		m := d.Mark()
		open += len(m.Open)
		again := newDecoder()
		if err := again.Resume(m, span); err != nil {
			t.Fatal(err)
		}
		if got := again.Mark(); stored(got) != stored(m) {
			t.Fatalf("%s: resumed at %+v, the mark says %+v", what, got, m)
		}
		again.Decode(&b, text[off:], int64(off))
		again.Flush(&b, near, true)
		same(t, fmt.Sprintf("%s, resumed at %d", what, off), byOffset(collect(slices.Clone(before), &b)), want)
		balanced(t, again, text)
	}
	return open
}

func TestResumeTellsWhatItCannotReadAgain(t *testing.T) {
	gone := func(event.Span) ([]byte, error) { return nil, os.ErrNotExist }
	for format, m := range map[string]event.Mark{
		"nginx.access":      {Off: 100},
		"postgresql.stderr": {Off: 0, Open: []event.Span{{Off: 0, Len: 10}}},
	} {
		if err := decoder(t, shipped(t), format, "x.log").Resume(m, gone); err == nil || !strings.Contains(err.Error(), "again") {
			t.Errorf("%s: %v", format, err)
		}
	}
	text := func(s event.Span) ([]byte, error) { return make([]byte, s.Len), nil }
	err := decoder(t, shipped(t), "nginx.access", "x.log").Resume(event.Mark{Off: 9, Open: []event.Span{{Len: 9}}}, text)
	if err == nil || !strings.Contains(err.Error(), `"nginx.access" has none`) {
		t.Errorf("open records of a format without: %v", err)
	}
}

func TestOpenRecordsEndByTheLogsTimeAndByTheClock(t *testing.T) {
	line := func(second int, pid int, text string) string {
		return fmt.Sprintf("2026-11-24 10:00:%02d.000 UTC [%d] app@shop %s\n", second, pid, text)
	}
	d := decoder(t, shipped(t), "postgresql.stderr", "x.log")
	var b event.Batch
	text := line(0, 1, "ERROR:  deadlock detected") + line(1, 2, "LOG:  x")
	d.Decode(&b, []byte(text), 0)
	if m := d.Mark(); b.Rows() != 0 || len(m.Open) != 2 || m.Lines.Read != 0 {
		t.Errorf("%d events, mark %+v; both records are younger than two seconds", b.Rows(), m)
	}
	d.Decode(&b, []byte(line(9, 3, "LOG:  y")), int64(len(text)))
	if b.Rows() != 2 {
		t.Errorf("%d events once the log has gone on for eight seconds", b.Rows())
	}
	d.Flush(&b, time.Now(), false)
	if b.Rows() != 2 {
		t.Error("a record ended by the clock at once")
	}
	d.Flush(&b, time.Now().Add(time.Minute), false)
	if b.Rows() != 3 || len(d.Mark().Open) != 0 {
		t.Errorf("%d events, mark %+v a minute later", b.Rows(), d.Mark())
	}
	b.Release()
}

func TestALineBeyondTheReadersBoundIsKeptCutAndCounted(t *testing.T) {
	d := decoder(t, shipped(t), "postgresql.stderr", "x.log")
	var b event.Batch
	head := "2026-11-24 10:00:00.000 UTC [1] app@shop LOG:  x\n"
	d.Decode(&b, []byte(head), 0)
	d.Long(&b, []byte("yyyy"), int64(len(head)), 10<<20)
	d.Decode(&b, []byte("\tof the long line\n"), int64(len(head))+10<<20)
	d.Flush(&b, near, true)
	m := d.Mark()
	if a := m.Lines; a.Read != 3 || a.Parsed != 1 || a.Unparsed != 2 || a.Cut != 1 || a.Bytes != int64(len(head))+10<<20+18 || !a.Balanced() {
		t.Errorf("account %+v", a)
	}
	got := byOffset(collect(nil, &b))
	has(t, got[1].text, `"event.original":"yyyy"`, `"veritail.cut":true`, `"veritail.unparsed":true`)
}

func TestResumeEndsNoRecord(t *testing.T) {
	text := []byte("2026-11-24 10:00:00.000 UTC [1] a@b LOG:  x\n2026-11-24 10:59:00.000 UTC [2] a@b LOG:  y\n")
	half := int32(len(text) / 2)
	m := event.Mark{Open: []event.Span{{Off: 0, Len: half}, {Off: int64(half), Len: half}}} // no decoder leaves such a mark
	d := decoder(t, shipped(t), "postgresql.stderr", "x.log")
	if err := d.Resume(m, func(s event.Span) ([]byte, error) { return text[s.Off:s.End()], nil }); err != nil {
		t.Fatal(err)
	}
	if got := d.Mark(); stored(got) != stored(m) {
		t.Errorf("resumed at %+v", got)
	}
}
