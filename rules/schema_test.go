package rules

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage/query"
)

// The JSON schemas of rule files and of transactions.toml, for editors. They are made of the types that the loaders fill.
const (
	schemaFile             = "../configs/rules.schema.json"
	transactionsSchemaFile = "../configs/transactions.schema.json"
)

func TestTheSchemaIsWhatTheLoaderTakes(t *testing.T) {
	for name, made := range map[string][]byte{schemaFile: makeSchema(t), transactionsSchemaFile: makeTransactionsSchema(t)} {
		if *update {
			if err := os.WriteFile(name, made, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, made) {
			t.Errorf("%s is not made of the types as they are now; write it with go test ./rules -run Schema -update", name)
		}
	}
}

func TestTheSchemaOfTransactionsTakesTheShippedFileAndItsExample(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(transactionsSchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(configs.FS(""), configs.TransactionsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "\n# [[log]]")
	example, _, _ = strings.Cut(example, "\n\n")
	example = "[[log]]" + strings.NewReplacer("\n# ", "\n", "\n#", "\n").Replace(example)
	if !strings.Contains(example, "\n[log.batch]") {
		t.Fatalf("the example is not read:\n%s", example)
	}
	for _, tc := range []struct {
		old, new string
		fine     bool
	}{
		{"[log.batch]", "[log.batch]", true},
		{`means = "pending"`, `means = "waiting"`, false},
		{"ends_within", "ends_in", false},
		{`"2h"`, "2", false},
	} {
		text := strings.Replace(example, tc.old, tc.new, 1)
		_, loads := configs.LoadTransactions(fstest.MapFS{configs.TransactionsFile: {Data: []byte(text)}})
		valid := validate(t, schema, text)
		if (loads == nil) != tc.fine || (valid == nil) != tc.fine {
			t.Errorf("%s: want fine %v\nthe loader says %v\nthe schema says %v", tc.new, tc.fine, loads, valid)
		}
	}
	if err := validate(t, schema, string(text)); err != nil {
		t.Error(err)
	}
}

func TestTheSchemaTakesTheShippedRulesAndTheManualsExamples(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	files := 0
	err := fs.WalkDir(configs.FS(""), "rules", func(name string, e fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".toml" {
			return err
		}
		text, err := fs.ReadFile(configs.FS(""), name)
		if err != nil {
			return err
		}
		files++
		if err := validate(t, schema, string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return nil
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
	manual, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(manual), "```toml\n")[1:] {
		example, _, _ := strings.Cut(block, "```")
		if isHours(example) {
			continue
		}
		if !strings.Contains(example, "[[rule]]") && !strings.Contains(example, "[[suppress]]") {
			example = inARule(example)
		}
		if err := validate(t, schema, example); err != nil {
			t.Errorf("example %d of the manual: %v\n%s", i, err, example)
		}
	}
}

// What the loader refuses because of a key or the kind of a value, the schema refuses too; what one takes, the other takes.
func TestTheSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	t.Parallel()
	schema := readSchema(t)
	for _, tc := range []struct {
		old, new string
		fine     bool
	}{
		{"severity =", "sevrity =", false},
		{"count  = 2", "cuont = 2", false},
		{"count  = 2", "count = \"2\"", false},
		{"count  = 2", "count = 2.5", false},
		{`"low"`, `"loud"`, false},
		{`"low"`, `"critical"`, true},
		{`["operator"]`, `["operators"]`, false},
		{`["operator"]`, `"operator"`, false},
		{`rearm    = "10m"`, `rearm = 10`, false},
		{`rearm    = "10m"`, `rearm = "10 minutes"`, false},
		{`rearm    = "10m"`, `rearm = "1d12h30m"`, true},
		{`rearm    = "10m"`, `priority = "urgent"`, false},
		{`rearm    = "10m"`, `priority = "low"`, true},
		{`rearm    = "10m"`, `enabled = "no"`, false},
		{`rearm    = "10m"`, `tags = ["attack.t1110"]`, true},
		{`rearm    = "10m"`, `tags = [5]`, false},
		{`rearm    = "10m"`, `scope = "world"`, false},
		{`'log.level:error'` + "\ngroup", "5\ngroup", false},
		{`'log.level:error'` + "\ngroup", "[\"log.level:error\"]\ngroup", false},
		{`'log.level:error'` + "\ngroup", `{ user.name = ["a", "b"], not = [{ source.ip.cidr = "10.0.0.0/8" }] }` + "\ngroup", true},
		{`'log.level:error'` + "\ngroup", `{ any = "a" }` + "\ngroup", false},
		{`'log.level:error'` + "\ngroup", `{ user.name.exists = "yes" }` + "\ngroup", false},
		{`'log.level:error'` + "\ngroup", `{ user.name.in = ["a"] }` + "\ngroup", false},
		{`["user.name"]`, `"user.name"`, false},
		{"expect = { count = 1 }", "expect = { count = 1, groups = { a = 1 }, at = [\"5m\"] }", true},
		{"expect = { count = 1 }", "expect = { counts = 1 }", false},
		{"expect = { count = 1 }", "expect = { count = 1, groups = { a = \"1\" } }", false},
		{"[rule.threshold]\ncount  = 2\nwithin = \"1m\"", "[rule.sequence]\nwithin = \"1m\"\n[[rule.sequence.step]]\nwhen = 'log.level:error'", true},
		{"[rule.threshold]\ncount  = 2\nwithin = \"1m\"", "[rule.sequence]\nwithin = \"1m\"\nsteps = ['log.level:error']", false},
		{"[rule.threshold]\ncount  = 2\nwithin = \"1m\"", "[[rule.suppress]]\nduring = [\"sat 22:00-23:00\"]\nreason = \"x\"\nuntil = 2030-01-01T00:00:00Z", true},
		{"[rule.threshold]\ncount  = 2\nwithin = \"1m\"", "[[rule.suppress]]\nduring = \"sat 22:00-23:00\"\nreason = \"x\"", false},
	} {
		text := strings.Replace(good, tc.old, tc.new, 1)
		if text == good {
			t.Errorf("%s stands nowhere", tc.old)
		}
		all, loads := Load(fstest.MapFS{"rules/app.toml": {Data: []byte(text)}})
		if loads == nil {
			_, loads = New(all, Config{Schema: testSchema(t)})
		}
		valid := validate(t, schema, text)
		if (loads == nil) != tc.fine || (valid == nil) != tc.fine {
			t.Errorf("%s: want fine %v\nthe loader says %v\nthe schema says %v", tc.new, tc.fine, loads, valid)
		}
	}
}

func readSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validate reports what the schema finds wrong in a TOML text.
func validate(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	plain, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v)
}

// A schemaMaker makes a JSON schema of Go types; their comments describe it.
type schemaMaker struct {
	comments map[string]string // of types, and of fields as Type.Field
	defs     map[string]any
}

func makeSchema(t *testing.T) []byte {
	t.Helper()
	m := schemaMaker{readComments(t, "."), map[string]any{
		"duration": durationSchema(),
		"value":    map[string]any{"type": []string{"string", "number", "boolean"}},
		"values":   map[string]any{"anyOf": []any{refTo("value"), map[string]any{"type": "array", "items": refTo("value"), "minItems": 1}}},
		"condition": map[string]any{"description": "which events: a query, or a table that says the same",
			"anyOf": []any{map[string]any{"type": "string"}, refTo("table")}},
		"tables": map[string]any{"anyOf": []any{refTo("table"), map[string]any{"type": "array", "items": refTo("table"), "minItems": 1}}},
		"event": map[string]any{"type": "object", "description": "the fields of an event, and when it is", "properties": map[string]any{
			keyAt: refTo("duration"), keyEvery: refTo("duration"), keyTimes: map[string]any{"type": "integer", "minimum": 1}}},
	}}
	m.defs["table"] = map[string]any{"type": "object", "minProperties": 1, "properties": map[string]any{"all": refTo("tables"), "any": refTo("tables"), "not": refTo("tables")},
		"additionalProperties": refTo("field")}
	modifiers := map[string]any{}
	for _, name := range query.Modifiers {
		modifiers[name] = refTo("values")
	}
	modifiers["exists"], modifiers["in"] = map[string]any{"type": "boolean"}, map[string]any{"type": "string", "description": "a file of the configuration with a value a line"}
	m.defs["field"] = map[string]any{"anyOf": []any{refTo("values"), map[string]any{"type": "object", "minProperties": 1, "properties": modifiers, "additionalProperties": refTo("field")}}}

	root := m.object(reflect.TypeFor[file]())
	root["$schema"], root["$id"], root["title"], root["$defs"] = "https://json-schema.org/draft/2020-12/schema", "rules.schema.json", "Rules of Veritail", m.defs
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func makeTransactionsSchema(t *testing.T) []byte {
	t.Helper()
	m := schemaMaker{readComments(t, "../configs"), map[string]any{"duration": durationSchema()}}
	root := m.object(reflect.TypeFor[configs.Transactions]())
	root["$schema"], root["$id"], root["title"], root["$defs"] = "https://json-schema.org/draft/2020-12/schema", "transactions.schema.json", "Transactions of the business, for Veritail", m.defs
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func durationSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^([0-9]+d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))*$`, "minLength": 2, "description": `"90s", "10m", "2d"`}
}

func refTo(name string) map[string]any { return map[string]any{"$ref": "#/$defs/" + name} }

// words are the values of keys that take some only.
var words = map[string][]string{"Rule.Severity": severities, "Rule.Priority": priorities, "Rule.Scope": scopes, "Rule.Audience": audiences,
	"TransactionState.Means": slices.Sorted(maps.Keys(configs.Outcomes))}

// object is the schema of a struct.
func (m *schemaMaker) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("toml")
		if key == "" || key == "-" {
			continue
		}
		p := m.of(f.Type)
		if list := words[t.Name()+"."+f.Name]; list != nil {
			if p["items"] != nil {
				p["items"] = map[string]any{"enum": list}
			} else {
				p = map[string]any{"enum": list}
			}
		}
		if c := m.comments[t.Name()+"."+f.Name]; c != "" {
			p["description"] = c
		}
		properties[key] = p
	}
	o := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if c := m.comments[t.Name()]; c != "" {
		o["description"] = c
	}
	return o
}

// of is the schema of a type.
func (m *schemaMaker) of(t reflect.Type) map[string]any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[configs.Duration]():
		return refTo("duration")
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[Event]():
		return refTo("event")
	}
	switch t.Kind() {
	case reflect.Interface:
		return refTo("condition")
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": m.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": m.of(t.Elem())}
	}
	name := strings.ToLower(t.Name())
	if m.defs[name] == nil {
		m.defs[name] = map[string]any{} // a type within itself would end here
		m.defs[name] = m.object(t)
	}
	return refTo(name)
}

// readComments reads the comments of the types of the package in dir, and of their fields.
func readComments(t *testing.T, dir string) map[string]string {
	t.Helper()
	comments := map[string]string{}
	files, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") }) {
		tree, err := parser.ParseFile(token.NewFileSet(), path.Join(dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			d, ok := n.(*ast.GenDecl)
			if !ok || d.Tok != token.TYPE {
				return true
			}
			for _, s := range d.Specs {
				s := s.(*ast.TypeSpec)
				of, ok := s.Type.(*ast.StructType)
				if !ok {
					continue
				}
				comments[s.Name.Name] = strings.Join(strings.Fields(d.Doc.Text()), " ")
				for _, f := range of.Fields.List {
					for _, n := range f.Names {
						comments[s.Name.Name+"."+n.Name] = strings.ReplaceAll(strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " "), "nil: ", "without it: ")
					}
				}
			}
			return true
		})
	}
	return comments
}
