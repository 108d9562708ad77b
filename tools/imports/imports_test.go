// Package imports holds the test of the one direction in which the packages of Veritail know each other, as
// docs/ARCHITECTURE.md has it.
package imports

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/saypro/veritail"

// may lists for each folder, and those below it that have no entry of their own, what its packages may import of the
// project besides packages below the folder itself. A trailing slash means everything below.
var may = map[string][]string{
	"pipeline/event":         {},
	"pipeline":               {"pipeline/event"},
	"configs":                {},
	"parsers":                {"pipeline/event", "configs"},
	"parsers/grok":           {},
	"parsers/grok/automaton": {},
	"parsers/members":        {},
	"parsers/stamp":          {},
	"parsers/suggest":        {"parsers", "parsers/stamp", "pipeline/event"},
	"storage/query":          {"pipeline/event", "parsers/grok/automaton"}, // expressions in queries are matched as those of formats are
	"storage/access":         {"storage/query"},
	"storage":                {"pipeline/event", "storage/query", "storage/access"},
	"rules":                  {"pipeline/event", "storage/query", "configs"},
	"rules/fleet":            {"pipeline/event", "rules", "storage", "storage/query"},
	"rules/transactions":     {"pipeline/event", "configs"},
	"reports":                {"pipeline/event", "storage", "storage/query", "storage/access", "rules/kpi", "rules/transactions", "rules/transactions/reproduce", "configs", "storage/state"},
	"console":                {"pipeline/event", "storage", "storage/query", "storage/access", "storage/state", "rules/kpi", "rules/transactions", "rules/transactions/reproduce", "reports/", "configs"},
	"cmd":                    {"pipeline/", "configs", "parsers/", "rules/", "storage/", "reports/", "console/", "testdata/"},
	"testdata":               {},
	"tools":                  {},
}

// only says where packages of others that must stay behind one door may be imported.
var only = map[string]string{
	"github.com/duckdb/":                  "storage/embedded",
	"github.com/elastic/go-elasticsearch": "storage/elastic",
	"github.com/hpcloud/tail":             "pipeline/source",
	"modernc.org/sqlite":                  "storage/state",
	"github.com/shirou/gopsutil":          "pipeline/resources",
	"github.com/yuin/goldmark":            "reports/runbook",
	"github.com/wneessen/go-mail":         "reports/mail",
}

// rule returns the longest entry of may that covers folder.
func rule(folder string) (entry string, ok bool) {
	for entry = folder; entry != "."; entry = path.Dir(entry) {
		if _, ok := may[entry]; ok {
			return entry, true
		}
	}
	return "", false
}

func covers(pattern, folder string) bool {
	below, all := strings.CutSuffix(pattern, "/")
	return folder == below || all && strings.HasPrefix(folder, pattern)
}

// compared are what tests compare with, wherever they are.
var compared = map[string]bool{"github.com/hpcloud/tail": true}

// wrong says why a file of folder may not import path, or "".
func wrong(folder, imported string, test bool) string {
	for prefix, home := range only {
		if strings.HasPrefix(imported, prefix) && folder != home && !(test && compared[prefix]) {
			return "is imported in " + home + " only"
		}
	}
	target, ours := strings.CutPrefix(imported, module+"/")
	if !ours || test { // tests may use a real store, say
		return ""
	}
	entry, ok := rule(folder)
	if !ok {
		return "is imported by a folder that has no rule here"
	}
	if covers(entry+"/", target) {
		return ""
	}
	for _, pattern := range may[entry] {
		if covers(pattern, target) {
			return ""
		}
	}
	return "is not among what " + entry + " may import"
}

func TestPackagesKnowEachOtherInOneDirection(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && file != root || d.Name() == "var" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") {
			return nil
		}
		files++
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(rel))
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := wrong(folder, imported, strings.HasSuffix(file, "_test.go")); why != "" {
				t.Errorf("%s imports %s, which %s", rel, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil || files < 20 {
		t.Errorf("looked at %d files of %s (%v): that cannot be the project", files, root, err)
	}
}

func TestTheRuleCatchesWhatItIsFor(t *testing.T) {
	for _, tc := range []struct {
		name, folder, imported string
		test, bad              bool
	}{
		{"event imports nothing of ours", "pipeline/event", module + "/storage/query", false, true},
		{"a source imports event", "pipeline/source", module + "/pipeline/event", false, false},
		{"a source imports no parser", "pipeline/source", module + "/parsers", false, true},
		{"rules never import storage", "rules", module + "/storage", false, true},
		{"KPIs import the query tree", "rules/kpi", module + "/storage/query", false, false},
		{"the query language imports no store", "storage/query", module + "/storage", false, true},
		{"a store imports the interfaces", "storage/embedded", module + "/storage", false, false},
		{"a store imports no rules", "storage/embedded", module + "/rules", false, true},
		{"the console reads storage", "console", module + "/storage", false, false},
		{"the console does not know which store", "console", module + "/storage/embedded", false, true},
		{"its tests may use a real one", "console", module + "/storage/embedded", true, false},
		{"the console imports no engine", "console", module + "/rules", false, true},
		{"commands wire everything", "cmd/veritail", module + "/storage/embedded", false, false},
		{"nothing imports a command", "reports", module + "/cmd/veritail/demo", false, true},
		{"DuckDB stays in its folder, in tests too", "storage", "github.com/duckdb/duckdb-go-bindings", true, true},
		{"DuckDB in its folder", "storage/embedded", "github.com/duckdb/duckdb-go-bindings", false, false},
		{"the standard library is free", "pipeline/event", "encoding/json", false, false},
		{"a new folder needs a rule", "misc", module + "/pipeline/event", false, true},
	} {
		if why := wrong(tc.folder, tc.imported, tc.test); (why != "") != tc.bad {
			t.Errorf("%s: %q", tc.name, why)
		}
	}
}
