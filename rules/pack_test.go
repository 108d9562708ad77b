package rules_test

import (
	"bytes"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/rules"
)

// What is read from an archive of the rules are the same rules, with their lists, hours and what the site's logs of transactions say.
func TestPackedRulesAreTheSame(t *testing.T) {
	t.Parallel()
	own := fstest.MapFS{
		"rules/a.toml": {Data: []byte(`[[rule]]
id = "a"
title = "a"
severity = "low"
audience = ["security"]
when = { event.action = "fail", not = { user.name.in = "lists/ours.txt" } }
group = "user.name"
runbook = "Look."
`)},
		"local/b.toml":       {Data: []byte("[[rule]]\nid = \"a\"\nseverity = \"high\"\n")},
		"local/notes.md":     {Data: []byte("no rule")},
		"lists/ours.txt":     {Data: []byte("dave\n")},
		"lists/others.txt":   {Data: []byte("no rule names it\n")},
		"transactions.toml":  {Data: []byte("[[log]]\nname = \"payments\"\ndataset = \"app\"\nid = \"payment.id\"\n")},
		"formats/other.toml": {Data: []byte("no rule")},
	}
	for name, fsys := range map[string]fs.FS{"the shipped ones": configs.FS(""), "a site's": own} {
		list := loaded(t, fsys)
		packed, err := rules.Pack(fsys, list)
		if err != nil {
			t.Fatal(err)
		}
		again, err := rules.Pack(fsys, list)
		if err != nil || !bytes.Equal(packed, again) {
			t.Errorf("%s: packed again it is another archive, error %v", name, err)
		}
		files, err := rules.Unpack(packed)
		if err != nil {
			t.Fatal(err)
		}
		if got := rules.Compare(loaded(t, files), list); got.Unchanged != len(list) || got.Left() != len(list) {
			t.Errorf("%s: unpacked they are %+v", name, got)
		}
		t.Logf("%s: %d bytes", name, len(packed))
	}
	before, list := loaded(t, own), loaded(t, own)
	first, err := rules.Pack(own, list)
	if err != nil {
		t.Fatal(err)
	}
	own["lists/ours.txt"] = &fstest.MapFile{Data: []byte("carol\n")}
	second, err := rules.Pack(own, list)
	if err != nil || bytes.Equal(first, second) {
		t.Errorf("with another list it is the same archive, error %v", err)
	}
	files, err := rules.Unpack(second)
	if err != nil {
		t.Fatal(err)
	}
	if got := rules.Compare(loaded(t, files), before); len(got.Changed) != 1 || got.Changed[0].Keys[0] != "lists/ours.txt" {
		t.Errorf("with another list the rules are %+v", got)
	}
	if _, err := rules.Unpack(second[:len(second)/2]); err == nil {
		t.Error("half an archive is opened")
	}
}

// loaded returns the rules of a configuration, compiled.
func loaded(t *testing.T, fsys fs.FS) []rules.Rule {
	t.Helper()
	list, err := rules.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rules.New(list, rules.Config{Schema: loadShipped(t).schema}); err != nil {
		t.Fatal(err)
	}
	return list
}
