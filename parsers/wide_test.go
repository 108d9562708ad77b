package parsers_test

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/saypro/veritail/pipeline/event"
)

// wideText returns text in UTF-16 with a byte order mark and line endings of Windows.
func wideText(order binary.AppendByteOrder, text string) []byte {
	out := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(strings.ReplaceAll(text, "\n", "\r\n"))) {
		out = order.AppendUint16(out, u)
	}
	return out
}

// withoutPlaces takes offsets and spans off.
func withoutPlaces(all []outcome) []outcome {
	var out []outcome
	for _, o := range all {
		out = append(out, outcome{text: logOffset.ReplaceAllString(o.text, "")})
	}
	return out
}

var logOffset = regexp.MustCompile(`"log\.offset":\d+,?`)

func TestUTF16GivesTheEventsOfUTF8(t *testing.T) {
	t.Parallel()
	text := string(sample(t, "mssql.errorlog")) + "2026-03-01 03:12:00.91 spid61      Datenbank ĊăĀ਀ 𝄞 für 'Läden' – geöffnet.\n"
	want := withoutPlaces(read(decoder(t, shipped(t), "auto", "ERRORLOG"), []byte(text)))
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wide := wideText(order, text)
			d := decoder(t, shipped(t), "auto", "ERRORLOG")
			got := read(d, wide)
			same(t, name, withoutPlaces(got), want)
			if m := d.Mark(); m.Lines.Bytes != int64(len(wide)) || !m.Lines.Balanced() || m.Lines.Unparsed > 0 {
				t.Errorf("of %d bytes the mark says %+v", len(wide), m)
			}
			line := wideText(order, "2022-12-20 12:36:54.17 Logon       Error: 18456")[2:]
			for _, o := range got {
				if strings.Contains(o.text, "Login failed for user 'SA'") && !bytes.HasPrefix(wide[o.off:], line) {
					t.Errorf("the event's span does not begin with its line: % x", wide[o.off:o.off+20])
				}
			}
		})
	}
}

// Windows writes the mark of UTF-8 as well, before a header most of all.
func TestTheMarkOfUTF8IsNoText(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"iis.access", "business.csv", "mssql.errorlog", "windows.events", "apache.access"} {
		text := sample(t, format)
		marked := append([]byte("\xef\xbb\xbf"), text...)
		want := withoutPlaces(read(decoder(t, shipped(t), "auto", format+".log"), text))
		d := decoder(t, shipped(t), "auto", format+".log")
		got := read(d, marked)
		same(t, format, withoutPlaces(got), want)
		if m := d.Mark(); m.Lines.Bytes != int64(len(marked)) || !m.Lines.Balanced() {
			t.Errorf("%s: of %d bytes the mark says %+v", format, len(marked), m)
		}
		if format != "iis.access" && format != "business.csv" && got[0].off != 0 {
			t.Errorf("%s: the first event's span begins at %d", format, got[0].off)
		}
	}
}

// The line that names the columns is read again after a restart, whatever it is written in.
func TestAMarkedHeaderSurvivesARestart(t *testing.T) {
	t.Parallel()
	head, rest := "timestamp;id;state;amount;currency\n", "2026-11-24T09:00:00Z;T-1;rejected;10.50;EUR\n"
	for name, encode := range map[string]func(string) []byte{
		"UTF-8":  func(s string) []byte { return append([]byte("\xef\xbb\xbf"), s...) },
		"UTF-16": func(s string) []byte { return wideText(binary.LittleEndian, s) },
	} {
		whole := encode(head + rest)
		at := int64(len(encode(head)))
		first := decoder(t, shipped(t), "business.semicolon", "x.csv")
		var b event.Batch
		first.Decode(&b, whole[:at], 0)
		b.Release()
		d := decoder(t, shipped(t), "business.semicolon", "x.csv")
		if err := d.Resume(first.Mark(), func(s event.Span) ([]byte, error) { return whole[s.Off:s.End()], nil }); err != nil {
			t.Fatal(err)
		}
		var out event.Batch
		d.Decode(&out, whole[at:], at)
		d.Flush(&out, near, true)
		got := collect(nil, &out)
		if len(got) != 1 || !strings.Contains(got[0].text, `:"EUR"`) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Blocks end behind any byte 0x0A, also in the middle of a line ending; a restart goes on anywhere.
func TestUTF16InBlocksAndAfterARestart(t *testing.T) {
	t.Parallel()
	text := string(sample(t, "mssql.errorlog"))
	wide := wideText(binary.LittleEndian, text)
	want := withoutPlaces(read(decoder(t, shipped(t), "mssql.errorlog", "ERRORLOG"), wide))
	rng := rand.New(rand.NewSource(1))
	for range 50 {
		d := decoder(t, shipped(t), "mssql.errorlog", "ERRORLOG")
		var got []outcome
		for off := 0; off < len(wide); {
			end := off + 1 + rng.Intn(800)
			for end < len(wide) && wide[end-1] != '\n' {
				end++
			}
			end = min(end, len(wide))
			var b event.Batch
			d.Decode(&b, wide[off:end], int64(off))
			got = collect(got, &b)
			off = end
			if rng.Intn(4) == 0 {
				m := d.Mark()
				d = decoder(t, shipped(t), "mssql.errorlog", "ERRORLOG")
				if err := d.Resume(m, func(s event.Span) ([]byte, error) { return wide[s.Off:s.End()], nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
		var b event.Batch
		d.Flush(&b, time.Now(), true)
		same(t, "cut and resumed", withoutPlaces(byOffset(collect(got, &b))), want)
	}
}
