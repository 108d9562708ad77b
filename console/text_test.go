package console

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

func TestHiddenCharactersAreSpelledOut(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"ordinary text stays", "Größe 5 µm\tok\n", "Größe 5 µm\tok\n"},
		{"an escape sequence", "\x1b[31mred", "⟨ESC⟩[31mred"},
		{"a turn of direction", "a\u202eb", "a⟨U+202E⟩b"},
		{"no width", "pass\u200bword", "pass⟨U+200B⟩word"},
		{"a byte that is not UTF-8", "a\xffb", "a⟨xFF⟩b"},
		{"nor is this one, with which U+FFFD begins", "\xef", "⟨xEF⟩"},
		{"NUL, carriage return, delete", "\x00\r\x7f", "⟨NUL⟩⟨CR⟩⟨U+007F⟩"},
		{"the character that stands for bad bytes is no bad byte", "a\ufffdb", "a\ufffdb"},
		{"a C1 control", "\u009b31m", "⟨U+009B⟩31m"},
		{"a line separator", "a\u2028b", "a⟨U+2028⟩b"},
	} {
		if got := visible(tc.in); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestCapturesAreMarkedOnlyWhereTheyAreCertain(t *testing.T) {
	c := func(v string) capture { return capture{v, "a", "user.name"} }
	for _, tc := range []struct {
		name, line string
		captures   []capture
		want       string
	}{
		{"a value that stands once", "for bob from x", []capture{c("bob")}, `for <mark class="a" title="user.name">bob</mark> from x`},
		{"not within a longer word", "bobby and bob", []capture{c("bob")}, `bobby and <mark class="a" title="user.name">bob</mark>`},
		{"not where it could be two places", "bob and bob", []capture{c("bob")}, "bob and bob"},
		{"the longer value first, so that a forged one inside it is no second place", "for root from 10.0.0.1 from 10.0.0.1", []capture{c("10.0.0.1"), c("root from 10.0.0.1")},
			`for <mark class="a" title="user.name">root from 10.0.0.1</mark> from <mark class="a" title="user.name">10.0.0.1</mark>`},
		{"markup is text", "<b>&bob", []capture{c("bob")}, `&lt;b&gt;&amp;<mark class="a" title="user.name">bob</mark>`},
		{"hidden characters are set apart", "a\x1bb", nil, `a<span class="cc">⟨ESC⟩</span>b`},
		{"an empty value is nowhere", "abc", []capture{c("")}, "abc"},
	} {
		if got := string(markText(tc.line, tc.captures)); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

var markup = regexp.MustCompile(`<(/?(mark|span)( class="[a-z]+")?( title="[^"<>]*")?)>`)

func FuzzMarkedTextIsTheLineAndNothingElse(f *testing.F) {
	f.Add("Failed password for bob from 127.0.3.1", "bob")
	f.Add("<script>\x1b\u202e\xff", "<script>")
	f.Add("a\x00b&amp;<", "b")
	f.Add("\xef", "b")
	f.Fuzz(func(t *testing.T, line, value string) {
		got := string(markText(line, []capture{{value, "a", `x"<y`}}))
		plain := html.UnescapeString(markup.ReplaceAllString(got, ""))
		want := html.UnescapeString(html.EscapeString(visible(line)))
		if plain != want && !strings.ContainsAny(line, "\x00\r") { // both are rewritten by the escapers of either side
			t.Errorf("%q shows %q, want %q", line, plain, want)
		}
		if hasHidden(got) || strings.Contains(markup.ReplaceAllString(got, ""), "<") || !utf8.ValidString(got) {
			t.Errorf("%q is not safe as it is: %q", line, got)
		}
	})
}

// What a link asks for is what it was made of, whatever somebody wrote into a field.
func FuzzQuotedValuesAskForThemselves(f *testing.F) {
	for _, s := range []string{"alice", "and", "-x", `a"b\c`, "10.0.0.0/8", "*", "", "a:b", "x\ny", "é", "\x1b", "5m", "/x/", "a*", "(", "now"} {
		f.Add(s)
	}
	schema := event.NewSchema()
	f.Fuzz(func(t *testing.T, v string) {
		if !utf8.ValidString(v) || len(v) > 1000 {
			return
		}
		e, err := query.Parse(is("user.name", v), schema, time.Now())
		if err != nil {
			t.Fatalf("%q: %v", is("user.name", v), err)
		}
		if test, ok := e.(*query.Test); !ok || test.Op != query.Equal || test.Str != v {
			t.Errorf("%q asks for %+v", v, e)
		}
	})
}

func FuzzAQueryIsPaintedWhole(f *testing.F) {
	f.Add(`a:"b" and (c or not d)`, 5)
	f.Add(`"open`, 0)
	f.Add("=\xff", 1)
	f.Add("\xee \xef0", 3)
	f.Fuzz(func(t *testing.T, q string, bad int) {
		got := string(paint(q, min(max(bad, -1), len(q)-1)))
		span := regexp.MustCompile(`</?span( class="[a-z ]+")?>`)
		if plain := html.UnescapeString(span.ReplaceAllString(got, "")); plain != html.UnescapeString(html.EscapeString(visible(q))) && !strings.ContainsAny(q, "\x00\r") {
			t.Errorf("%q is painted as %q", q, plain)
		}
	})
}

func TestNumbersAndTimesAsTheyAreWritten(t *testing.T) {
	now := time.Date(2026, 11, 23, 23, 21, 0, 0, time.UTC)
	at := func(s string) int64 {
		v, err := time.Parse("2006-01-02 15:04:05", s)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixMicro()
	}
	for _, tc := range []struct{ got, want string }{
		{number(0), "0"}, {number(999), "999"}, {number(1000), "1,000"}, {number(-1234567), "−1,234,567"},
		{count(1, "file", "files"), "1 file"}, {count(0, "file", "files"), "0 files"},
		{percent(1, 3), "33.3 %"}, {percent(1248, 6016242), "0.021 %"}, {percent(6014684, 6016242), "99.974 %"}, {percent(1, 1e9), "< 0.001 %"},
		{percent(1e9-1, 1e9), "99.999 %"}, {percent(5, 5), "100 %"}, {percent(0, 5), "0 %"}, {percent(0, 0), "–"},
		{duration(0), "0 µs"}, {duration(1500 * time.Millisecond), "1.5 s"}, {duration(90 * time.Minute), "1.5 h"}, {duration(30 * time.Second), "30 s"}, {duration(72 * time.Hour), "3 d"},
		{lag(300 * time.Millisecond), "0.3 s"}, {lag(3 * time.Minute), "3 min"},
		{clock(at("2026-11-23 09:01:02"), now), "09:01:02"}, {clock(at("2026-11-09 02:14:00"), now), "9 Nov 02:14:00"}, {clock(at("2025-11-09 02:14:00"), now), "9 Nov 2025 02:14:00"}, {clock(0, now), "–"},
		{between(at("2026-11-23 09:01:02"), at("2026-11-23 09:01:09"), now), "09:01:02–09:01:09"},
		{between(at("2026-11-09 09:01:02"), at("2026-11-09 09:01:02"), now), "9 Nov 09:01:02"},
		{between(at("2026-11-22 23:59:59"), at("2026-11-23 00:00:01"), now), "22 Nov 23:59:59–00:00:01"},
		{short(900), "900"}, {short(12000), "12k"}, {short(3400000), "3.4M"}, {size(100), "100 B"}, {size(20 << 10), "20.0 KiB"}, {size(20 << 20), "20.0 MiB"},
		{spans([]event.Span{{Off: 8749, Len: 92}}), "8,749–8,841"},
		{both("a or b", "c"), "(a or b) and c"}, {both("a\nOR(b)", "c"), "(a\nOR(b)) and c"}, {both("order:1 and x.or:2", "c"), "order:1 and x.or:2 and c"}, {both("", "c"), "c"}, {both("a", "c"), "a and c"},
	} {
		if tc.got != tc.want {
			t.Errorf("%q, want %q", tc.got, tc.want)
		}
	}
}

func TestRunbooksAreParagraphsAndSteps(t *testing.T) {
	got := paragraphs("Look at\nthe lines.\n\n1. First,\n   then more\n2. Second\n\nThe end.")
	if len(got) != 3 || got[0].Text != "Look at the lines." || len(got[1].Steps) != 2 || got[1].Steps[0] != "First, then more" || got[2].Text != "The end." {
		t.Errorf("%+v", got)
	}
}

func TestAGroupIsAskedForByTheFieldsThatCanHaveItsValue(t *testing.T) {
	s := &server{Config: Config{Schema: event.NewSchema()}}
	for _, tc := range []struct{ name, field, value, want string }{
		{"one field", "user.name", "al ice", `user.name:"al ice"`},
		{"an address may be in either field", "source.ip|source.address", "10.0.0.1", "(source.ip:10.0.0.1 or source.address:10.0.0.1)"},
		{"a name is no address", "source.ip|source.address", "db01.example", "source.address:db01.example"},
		{"several fields in one value cannot be asked for", "user.name@source.ip", "alice@10.0.0.1", ""},
		{"nor what the records did not tell", "source.ip", "-", ""},
	} {
		if got := s.groupQuery([]event.GroupValue{{Field: tc.field, Value: tc.value}}, time.Now()); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestAnAccountThatDoesNotAddUpIsNotBalanced(t *testing.T) {
	ok := Source{State: Following, Lines: event.Account{Read: 10, Parsed: 6, Unparsed: 2, Ignored: 1}, Stored: 7, Pending: 1}
	if b := sum([]Source{ok}, ""); !b.Balanced() || b.Open != 1 {
		t.Errorf("%+v", b)
	}
	bad := ok
	bad.Stored = 8
	if sum([]Source{bad}, "").Balanced() {
		t.Error("a line that is stored and pending is called balanced")
	}
	if b := sum([]Source{ok}, "demo"); b.Lines.Read != 0 {
		t.Error("a source counts for another site")
	}
}
