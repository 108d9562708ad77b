package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
)

// inUTF16 returns text in UTF-16, with a byte order mark in front.
func inUTF16(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// Lines as logs really have them, from the file to the store: how they end, what they are written in, and what is no text at all.
func TestLinesOfEveryKindAreStoredAsTheyAre(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), t.TempDir()
	const head = "2026-11-26T10:00:00.000000+00:00 app01 useradd[4242]: "
	long := head + strings.Repeat("x", 10_000)
	account := head + "new user: name=ann\xff\xfe, UID=1001, GID=1001, home=/home/ann, shell=/bin/sh, from=none"
	files := []struct {
		name, text string
		want       []string // the messages, or raw lines that no format takes
	}{
		{"crlf", head + "one\r\n" + head + "two\r\n", []string{"one", "two"}},
		{"nul", head + "a\x00b\n\x00\x00\x00\n" + head + "c\n", []string{"a\x00b", "\x00\x00\x00", "c"}},
		{"invalid", account + "\n" + head + "\xc3\x28 and \xa0\n", []string{"new user: name=ann\ufffd, UID=1001, GID=1001, home=/home/ann, shell=/bin/sh, from=none", "\ufffd( and \ufffd"}},
		{"long", head + "before\n" + long + "\n" + head + "behind\n", []string{"before", long[:2048], "behind"}},
		{"little", inUTF16(binary.LittleEndian, head+"größe\r\n"+head+"日本 \U0001f600\r\n"), []string{"größe", "日本 \U0001f600"}},
		{"big", inUTF16(binary.BigEndian, head+"größe\n"+head+"日本\n"), []string{"größe", "日本"}},
		{"empty", "\n\r\n" + head + "one\n\n\n" + head + "two\n", []string{"one", "two"}},
		{"unended", head + "one\n" + head + "no ending", []string{"one", "no ending"}},
		{"kept", head + "one\n" + head + "no end", []string{"one", "no ending"}},
	}
	conf := "state = \"state\"\nwellknown = false\nhost = \"h\"\nmax_line = \"4KiB\"\n[console]\nlisten = \"127.0.0.1:0\"\n" +
		"[[source]]\npaths = [\"unended.log\"]\ndataset = \"lines\"\nline_timeout = \"1s\"\n[[source]]\npaths = [\"*.log\"]\ndataset = \"lines\"\n"
	if err := os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name+".log"), []byte(f.text), 0o644); err != nil {
			t.Fatal(err)
		}
		lines += len(f.want)
	}
	cmd := start(t, bin, dir)
	awaitStored(t, bin, dir, lines-1) // but that whose ending has not come
	more := func(name, text string) {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(text)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	more("kept.log", "ing\n")
	more("unended.log", " that comes late\n")
	awaitStored(t, bin, dir, lines+1)
	out, err := command(bin, dir, "search", "-json", "-limit", "1000", "-config", "v.toml", "event.dataset:lines").Output()
	if err != nil {
		t.Fatal(err)
	}
	type found struct {
		Path    string `json:"log.file.path"`
		Off     int64  `json:"log.offset"`
		Message string `json:"message"`
		Raw     string `json:"event.original"`
		Cut     bool   `json:"veritail.cut"`
	}
	byFile := map[string][]found{}
	for line := range strings.Lines(string(out)) {
		var e found
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(e.Path), ".log")
		byFile[name] = append(byFile[name], e)
	}
	for _, f := range files {
		want := f.want
		if f.name == "unended" {
			want = append(slices.Clone(want), " that comes late")
		}
		list := byFile[f.name]
		slices.SortFunc(list, func(a, b found) int { return int(a.Off - b.Off) })
		var got []string
		for _, e := range list {
			text := e.Message
			if text == "" {
				text = e.Raw
			}
			if e.Cut != (strings.HasPrefix(e.Raw, head+"xxxx")) {
				t.Errorf("%s: cut is %v of %.80q", f.name, e.Cut, e.Raw)
			}
			got = append(got, text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: stored\n%.300q, want\n%.300q", f.name, got, want)
		}
	}
	var r statusReport
	if text, err := command(bin, dir, "status", "-json", "-config", "v.toml").Output(); err != nil || json.Unmarshal(text, &r) != nil {
		t.Fatalf("the status: %v\n%s", err, text)
	}
	for _, s := range r.Sources {
		cut := int64(0)
		if strings.HasSuffix(s.Path, "/long.log") {
			cut = 1
		}
		if s.Breach != "" || s.Cut != cut || s.Read != s.Parsed+s.Unparsed+s.Ignored {
			t.Errorf("%s: %+v", s.Path, s)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	evidenceIs(t, filepath.Join(dir, "state", "store"), "auth.account-created", account)
}

// evidenceIs checks that the one finding of a rule in a store rests on an event whose text is byte for byte that.
func evidenceIs(t *testing.T, store, rule, text string) {
	t.Helper()
	s, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(store, "events.duckdb"), Schema: event.NewSchema()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Findings(t.Context(), access.All(), storage.FindingQuery{Rules: []string{rule}})
	if err != nil || len(list) != 1 || len(list[0].Evidence) != 1 {
		t.Fatalf("findings %+v, %v", list, err)
	}
	if got := list[0].Evidence[0].Text; got != text {
		t.Errorf("the evidence is %q, want %q", got, text)
	}
}
