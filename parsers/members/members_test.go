package members_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers/members"
)

// show writes members as key=text, one after the other, and checks that views are what they claim to be.
func show(t testing.TB, b []byte, list []members.Member) []string {
	t.Helper()
	var out []string
	for _, m := range list {
		if m.Off >= 0 && !bytes.Equal(b[m.Off:m.Off+len(m.Text)], m.Text) {
			t.Errorf("%s: %q does not stand at %d", m.Key, m.Text, m.Off)
		}
		out = append(out, fmt.Sprintf("%s=%s", m.Key, m.Text))
	}
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSONObjectsAreTakenApart(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []string
	}{
		{`{}`, nil},
		{` {"a":"b","c":-1.5e3,"d":true,"e":null} `, []string{"a=b", "c=-1.5e3", "d=true"}},
		{`{"a":{"b":{"c":1},"d":"x"},"e":[1,{"f":2}]}`, []string{"a.b.c=1", "a.d=x", `e=[1,{"f":2}]`}},
		{`{"a.b":1,"a":{"b":2},"a.b":3}`, []string{"a.b=1", "a.b=2", "a.b=3"}},
		{`{"\u0061\"":"\ud83d\ude00\ud83d\n"}`, []string{"a\"=😀\ufffd\n"}},
		{`{"a":{"\u0062":"c\\"}}`, []string{`a.b=c\`}},
		{`{"":{"":1}}`, []string{".=1"}},
		{`{"a":["b"],"c":[ -1.5 ],"d":[true],"e":["f","g"],"h":[1,2],"i":[],"j":[null],"k":[["l"]],"m":["\n"]}`,
			[]string{"a=b", "c=-1.5", "d=true", `e=["f","g"]`, "h=[1,2]", "i=[]", "j=[null]", `k=[["l"]]`, `m=["\n"]`}},
		{"{\"a\":\"long enough to be read in words of eight \\\" bytes\"}", []string{`a=long enough to be read in words of eight " bytes`}},
	} {
		var s members.Scanner
		got, ok := s.JSON([]byte(tc.text))
		if !ok {
			t.Errorf("%s is refused", tc.text)
		}
		same(t, show(t, []byte(tc.text), got), tc.want)
	}
	for _, text := range []string{"", "{", "[]", `"a"`, `{"a":1}{}`, `{"a":1} x`, `{"a":01}`, `{"a":1.}`, `{"a":+1}`, `{"a":tru}`, `{"a":1,}`, `{a:1}`, `{"a" 1}`,
		"{\"a\":\"\n\"}", "{\"a\":\"\x01\"}", `{"a":"\x"}`, `{"a":"\u00g0"}`, `{"a":"\`, `{"a":[1,]}`, `{"a":[{"b"}]}`, `{"a":["\q"]}`, `{"a":{"b":1}`,
		`{"a":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + "}", "{" + strings.Repeat(`"a":1,`, 512) + `"a":1}`} {
		var s members.Scanner
		if got, ok := s.JSON([]byte(text)); ok {
			t.Errorf("%.40s gives %q", text, show(t, []byte(text), got))
		}
	}
}

func TestRowsAreTakenApart(t *testing.T) {
	for _, tc := range []struct {
		sep  byte
		text string
		want []string
	}{
		{',', ``, []string{"="}},
		{',', `a,,b,`, []string{"=a", "=", "=b", "="}},
		{',', "\"a,b\",\"c \"\"d\"\" e\",\"\",\"two\nlines\"", []string{"=a,b", `=c "d" e`, "=", "=two\nlines"}},
		{',', `a "b" c,"d" e,f`, []string{`=a "b" c`, `=d e`, "=f"}},
		{',', `a,"cut, and ""more`, []string{"=a", `=cut, and "more`}},
		{';', `1;"2;3"`, []string{"=1", "=2;3"}},
		{' ', `GET "x y" 200`, []string{"=GET", `="x`, `=y"`, "=200"}},
		{'\t', "a\t\t\"b", []string{"=a", "=", `="b`}},
	} {
		var s members.Scanner
		same(t, show(t, []byte(tc.text), s.CSV([]byte(tc.text), tc.sep)), tc.want)
	}
}

func TestPairsAreTakenApart(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"logfmt", `ts=2026-11-24T10:00:00Z level=info msg="user \"bob\"\tlogged in" took=12ms empty= flag`, []string{"ts=2026-11-24T10:00:00Z", "level=info", "msg=user \"bob\"\tlogged in", "took=12ms", "empty="}},
		{"auditd", "type=USER_LOGIN msg=audit(1492896301.818:19955): pid=12635 uid=0 msg='op=login acct=\"o'brien\" exe=\"/usr/sbin/sshd\" hostname=? res=failed'\x1dUID=\"root\" AUID=\"unset\"",
			[]string{"type=USER_LOGIN", "msg=audit(1492896301.818:19955):", "pid=12635", "uid=0", "op=login", "acct=o'brien", "exe=/usr/sbin/sshd", "hostname=?", "res=failed", "UID=root", "AUID=unset"}},
		{"two records of an event", "type=SYSCALL a0=1\ntype=PATH name=\"x\" a0=2", []string{"type=SYSCALL", "a0=1", "name=x"}},
		{"commas and semicolons", "id=7, amount=1,5; status=ok|party=ACME,Inc.", []string{"id=7", "amount=1,5", "status=ok", "party=ACME,Inc."}},
		{"single quotes with text", "err='no such file' x=1", []string{"err=no such file", "x=1"}},
		{"words and URLs are no pairs", "GET http://h/?a=b c=d (e=f)", []string{"c=d"}},
		{"a quote that nothing closes", `a="b c=d`, []string{`a="b`, "c=d"}},
		{"the first of equal keys", `user=real user=forged`, []string{"user=real"}},
		{"equals signs", "=a b==c d=e=f", []string{"b==c", "d=e=f"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s members.Scanner
			same(t, show(t, []byte(tc.text), s.KV([]byte(tc.text))), tc.want)
		})
	}
}

func TestHexIsDecoded(t *testing.T) {
	for text, want := range map[string]string{"28696E76616C6964207573657229": "(invalid user)", "6C73002D6c": "ls -l", "": "!", "abc": "!", "0g": "!"} {
		got, ok := members.Hex([]byte("x"), []byte(text))
		if ok != (want != "!") || ok && string(got) != "x"+want || !ok && string(got) != "x" {
			t.Errorf("%q gives %q, %v", text, got, ok)
		}
	}
}

func TestAScannerAllocatesNothing(t *testing.T) {
	var s members.Scanner
	object := []byte(`{"time":"2026-11-24T10:00:00Z","level":"info","http":{"method":"GET","status":200},"msg":"a \"b\""}`)
	row := []byte(`2026-11-24,"bob","a ""b""",7`)
	pairs := []byte(`a=1 b="c \"d\"" e=f`)
	if n := testing.AllocsPerRun(100, func() { s.JSON(object); s.CSV(row, ','); s.KV(pairs) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// flatten reads an object with encoding/json as Scanner.JSON promises to.
func flatten(dec *json.Decoder, prefix string, depth int, out *[]string) error {
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		name := prefix + key.(string)
		switch {
		case raw[0] == '{' && depth < 16:
			sub := json.NewDecoder(bytes.NewReader(raw))
			if _, err := sub.Token(); err != nil {
				return err
			}
			if err := flatten(sub, name+".", depth+1, out); err != nil {
				return err
			}
		case raw[0] == '"':
			var text string
			if err := json.Unmarshal(raw, &text); err != nil {
				return err
			}
			*out = append(*out, name+"="+text)
		case raw[0] != 'n':
			*out = append(*out, name+"="+onlyOf(raw))
		}
	}
	return nil
}

// onlyOf returns the one number, truth value or string without escapes that raw, if it is an array, holds; else raw.
func onlyOf(raw json.RawMessage) string {
	var list []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &list) != nil || len(list) != 1 {
		return string(raw)
	}
	switch v := bytes.TrimSpace(list[0]); {
	case v[0] == '"' && !bytes.Contains(v, []byte(`\`)):
		return string(v[1 : len(v)-1])
	case bytes.IndexByte([]byte("-0123456789tf"), v[0]) >= 0:
		return string(v)
	}
	return string(raw)
}

// FuzzJSON holds the scanner equal to encoding/json.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":{"b":[1,"\u00e9",{"c":null}]},"d":-0.1e+5}`, `{"a":"\ud83d\ude00\udead\\"}`, " {\"a\" :\t1 }\r\n", `{"a":1}}`, "{\"\xff\":\"\xc3\"}",
		`{"time":"2026-11-24T10:00:00.000Z","level":"info","msg":"x","err":{"code":"40P01"}}`, `{"a":[[],{},"",0]}`, `{"a":{"":[0]},"b":[ "x" ],"c":["\\n"],"d":[true ],"e":[null],"f":[[1]]}`, `{"a":"\/\b\f"}`, strings.Repeat(`{"a":`, 18) + "1" + strings.Repeat("}", 18)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s members.Scanner
		list, ok := s.JSON(b)
		valid := json.Valid(b) && bytes.TrimLeft(b, " \t\r\n")[0] == '{'
		if ok != valid && !(valid && len(b) > 4*members.Max) {
			t.Fatalf("taken: %v, valid: %v", ok, valid)
		}
		if !ok {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(b))
		if _, err := dec.Token(); err != nil {
			t.Fatal(err)
		}
		var want []string
		if err := flatten(dec, "", 0, &want); err != nil {
			t.Fatal(err)
		}
		got := show(t, b, list)
		for i, m := range list {
			got[i] = string([]rune(got[i])) // bytes that are no UTF-8 stay as they are, where encoding/json has U+FFFD
			want[i] = string([]rune(want[i]))
			if !json.Valid(m.JSON) {
				t.Fatalf("%q is no JSON", m.JSON)
			}
		}
		same(t, got, want)
	})
}

// FuzzCSV holds rows equal to encoding/csv's, where that takes them.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{`a,b,c`, `"a","b ""c""",`, "\"a\nb\",c", `a"b,c`, `"a"b`, `"`, ``, `,`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s members.Scanner
		got := show(t, b, s.CSV(b, ','))
		show(t, b, s.CSV(b, ' '))
		if bytes.ContainsRune(b, '\r') || len(b) == 0 || b[0] == '\n' {
			return // encoding/csv changes line endings and passes over empty lines
		}
		r := csv.NewReader(bytes.NewReader(b))
		row, err := r.Read()
		if err != nil || r.InputOffset() != int64(len(b)) || b[len(b)-1] == '\n' || len(row) > members.Max {
			return
		}
		for i := range row {
			row[i] = "=" + row[i]
		}
		same(t, got, row)
	})
}

// FuzzKV: whatever the text, values are views of it or decoded, and no key comes twice.
func FuzzKV(f *testing.F) {
	for _, text := range []string{`a=b c="d \" e" f='g=h i="j"' k`, "a=\x1db=1", "a='b'c='d=", `="`, "a=b,c=d;e"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s members.Scanner
		list := s.KV(b)
		show(t, b, list)
		seen := map[string]bool{}
		for _, m := range list {
			if seen[string(m.Key)] || len(m.Key) == 0 || !bytes.Contains(b, append(bytes.Clone(m.Key), '=')) {
				t.Fatalf("key %q", m.Key)
			}
			seen[string(m.Key)] = true
			if m.Off >= 0 && m.Off+len(m.Text) > len(b) {
				t.Fatal("beyond the text")
			}
		}
		if len(list) > members.Max {
			t.Fatalf("%d members", len(list))
		}
	})
}

func TestArraysOfBytesAreTexts(t *testing.T) {
	for _, tc := range []struct{ array, want string }{
		{"[27,91,51,49,109]", "\x1b[31m"},
		{"[ 98, 105 ]", "bi"},
		{"[255]", "\xff"},
		{"[]", "[]"},
		{"[1,256]", "[1,256]"},
		{"[-1,2]", "[-1,2]"},
		{"[1.5,2]", "[1.5,2]"},
		{`["a","b"]`, `["a","b"]`},
		{`[1,"b"]`, `[1,"b"]`},
		{"[[1,2]]", "[[1,2]]"},
		{"[9999999999999999999999,1]", "[9999999999999999999999,1]"},
	} {
		var s members.Scanner
		list, ok := s.JSON([]byte(`{"before":"\t","x":` + tc.array + `,"behind":"\n"}`))
		if !ok {
			t.Fatalf("%s: no JSON", tc.array)
		}
		s.Bytes(list)
		if got := string(list[1].Text); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.array, got, tc.want)
		}
		if string(list[0].Text) != "\t" || string(list[2].Text) != "\n" {
			t.Errorf("%s: its neighbours are %q and %q", tc.array, list[0].Text, list[2].Text)
		}
	}
}
