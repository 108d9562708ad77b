package main

import "testing"

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/var/log/auth.log": "/var/log/auth.log",
		"/srv/a b.log":      "'/srv/a b.log'",
		"/srv/it's.log":     `'/srv/it'\''s.log'`,
		"/srv/$(id).log":    "'/srv/$(id).log'",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%s is quoted as %s, want %s", in, got, want)
		}
	}
}

func TestPrintableShowsWhatATerminalWouldObey(t *testing.T) {
	for in, want := range map[string]string{
		"plain é":           "plain é",
		"a\x1b[31mred":      `a\u001b[31mred`,
		"one\ntwo\tthree":   "one ⏎ two three",
		"\u202eright\u202c": `\u202eright\u202c`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q is printed as %q, want %q", in, got, want)
		}
	}
}
