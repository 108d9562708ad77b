package tokens

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/saypro/veritail/storage/query"
)

var texts = []string{
	`10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET /shop/items/5?page=2 HTTP/1.1" 200 512 "-" "curl/8.10.1"`,
	"Failed password for invalid user root from 203.0.113.9 port 22 ssh2",
	"ERROR:  deadlock detected", "a", "_", "über die Brücke 12 GEHEN", "ǅ Kelvin K, İstanbul", "日本語 ログ a1",
	strings.Repeat("x", 100) + " " + strings.Repeat("y", 17), "",
}

// Every phrase of a text's words may be in the text's filter, in any case.
func TestNothingThatIsThereIsMissed(t *testing.T) {
	var s Set
	for _, text := range texts {
		s.Add([]byte(text))
	}
	parts := s.Filters()
	for _, text := range texts {
		for _, written := range []string{text, strings.ToUpper(text)} {
			words := query.Tokens([]byte(written))
			if written != text && len(words) != len(query.Tokens([]byte(text))) {
				continue // ß and the like
			}
			if written != text && !strings.EqualFold(written, text) {
				continue
			}
			for from := range words {
				for to := from + 1; to <= len(words); to++ {
					if !may(parts, Phrase(nil, words[from:to], false)) {
						t.Errorf("%q is missed in %q", words[from:to], text)
					}
				}
			}
		}
	}
}

func may(parts [Shards]Filter, hashes []uint64) bool {
	for _, h := range hashes {
		if !parts[Shard(h)].May(h) {
			return false
		}
	}
	return true
}

func TestWhatIsNotThereIsSeldomTakenForIt(t *testing.T) {
	var s Set
	for _, text := range texts {
		s.Add([]byte(text))
	}
	parts := s.Filters()
	for _, absent := range []string{"passwor", "assword", "password failed", "root user", "detected deadlock", "2026 nov 25", "items shop"} {
		if may(parts, Phrase(nil, query.Tokens([]byte(absent)), false)) {
			t.Errorf("%q is taken for a phrase of the texts", absent)
		}
	}
	s.Reset()
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		s.Add(fmt.Appendf(nil, "%x", r.Uint64()))
	}
	parts = s.Filters()
	wrong, size := 0, 0
	for range 100_000 {
		if may(parts, Phrase(nil, []string{fmt.Sprintf("%x", r.Uint64())}, false)) {
			wrong++
		}
	}
	for _, p := range parts {
		size += len(p)
	}
	if wrong > 20 || size > 31_000 {
		t.Errorf("of 100,000 words that are not there %d are taken for one of 10,000, by a filter of %d bytes", wrong, size)
	}
}

func TestPhraseLeavesOutWhatMayBePartOfAWord(t *testing.T) {
	for _, tc := range []struct {
		words  string
		prefix bool
		want   int
	}{
		{"deadlock detected", false, 3}, // two words and that they are neighbours
		{"deadlock detected", true, 1},
		{"port 22 ssh", false, 3},
		{"dead", true, 0},
	} {
		if got := len(Phrase(nil, strings.Fields(tc.words), tc.prefix)); got != tc.want {
			t.Errorf("%q, prefix %v: %d hashes, want %d", tc.words, tc.prefix, got, tc.want)
		}
	}
}

// The way for ASCII and the other give the same hashes.
func TestBothWaysAgree(t *testing.T) {
	for _, text := range texts {
		var a, b Set
		a.Add([]byte(text))
		b.addUnicode([]byte(text))
		if fmt.Sprint(a.Filters()) != fmt.Sprint(b.Filters()) {
			t.Errorf("%q: the filters differ", text)
		}
	}
}

func TestResetForgets(t *testing.T) {
	var s Set
	s.Add([]byte(texts[0]))
	s.Reset()
	if s.Add([]byte("word")); s.n != 1 {
		t.Errorf("after a reset and one word there are %d", s.n)
	}
	for _, p := range s.Filters() {
		if len(p) > 8 {
			t.Errorf("one word takes a part of %d bytes", len(p))
		}
	}
}

// cpu is the processor time in ns that this process has used.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	lines := make([][]byte, 2048)
	for i := range lines {
		path := fmt.Sprintf("/shop/items/%d?page=%d&sort=price", r.IntN(5000), r.IntN(50))
		lines[i] = fmt.Appendf(nil, `10.%d.%d.%d - - [24/Nov/2026:10:%02d:%02d +0000] "GET %s HTTP/1.1" 200 %d "https://shop.example.com%s" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36" 0.%03d`,
			r.IntN(20), r.IntN(256), r.IntN(4), i/60%60, i%60, path, r.IntN(40000), path, r.IntN(1000))
	}
	var s Set
	size, before := 0, cpu(b)
	for b.Loop() {
		s.Reset()
		for _, l := range lines {
			s.Add(l)
		}
		size = 0
		for _, p := range s.Filters() {
			size += len(p)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/float64(len(lines)), "cpu-ns/line")
	b.ReportMetric(float64(size)/float64(len(lines)), "B/line")
	b.ReportMetric(0, "ns/op")
}
