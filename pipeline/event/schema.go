package event

import (
	"fmt"
	"sync"
)

// Kind is the type of a field's values.
type Kind uint8

// The kinds of fields. Bool is held as 0 or 1 in Column.Int.
const (
	Keyword  Kind = iota + 1 // a string, compared exactly
	Text                     // a string, compared by case-folded tokens
	Int                      // int64
	Float                    // float64
	Time                     // µs since 1970 UTC, in Column.Int
	Duration                 // ns, in Column.Int
	Address                  // an IP address, in Column.IP
	Bool
)

var kindNames = [...]string{Keyword: "keyword", Text: "text", Int: "int", Float: "float", Time: "time", Duration: "duration", Address: "ip", Bool: "bool"}

// String returns the kind's name as format files write it.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// KindOf returns the kind named s, and false if there is none.
func KindOf(s string) (Kind, bool) {
	for k, n := range kindNames {
		if n == s && n != "" {
			return Kind(k), true
		}
	}
	return 0, false
}

// Kinds returns the names of the kinds that format files may give to fields.
func Kinds() []string {
	var names []string
	for _, n := range kindNames {
		if n != "" {
			names = append(names, n)
		}
	}
	return names
}

// A Field is the number of a field name in a Schema.
type Field int32

// The core fields, the same in every schema. Those up to FieldMessage have a column of their own in the stores;
// those after it are kept by the page itself (one value a page, or derived from its spans) and need no column.
const (
	FieldTime Field = iota
	FieldModule
	FieldCategory
	FieldAction
	FieldOutcome
	FieldLevel
	FieldHost
	FieldProcess
	FieldPID
	FieldSourceIP
	FieldUser
	FieldMethod
	FieldStatus
	FieldURLPath
	FieldDuration
	FieldNamespace
	FieldDBCode
	FieldMessage

	FieldDataset
	FieldSite
	FieldFormat
	FieldPath
	FieldOffset
	FieldOriginal
	FieldUnparsed
	coreFields
)

// StoredColumns is the number of core fields that stores keep as columns: Field 0 up to, not including, it.
const StoredColumns = FieldMessage + 1

// A FieldDef is a field's name and kind.
type FieldDef struct {
	Name string
	Kind Kind
}

var core = [coreFields]FieldDef{
	FieldTime:      {"@timestamp", Time},
	FieldModule:    {"event.module", Keyword},
	FieldCategory:  {"event.category", Keyword},
	FieldAction:    {"event.action", Keyword},
	FieldOutcome:   {"event.outcome", Keyword},
	FieldLevel:     {"log.level", Keyword},
	FieldHost:      {"host.name", Keyword},
	FieldProcess:   {"process.name", Keyword},
	FieldPID:       {"process.pid", Int},
	FieldSourceIP:  {"source.ip", Address},
	FieldUser:      {"user.name", Keyword},
	FieldMethod:    {"http.request.method", Keyword},
	FieldStatus:    {"http.response.status_code", Int},
	FieldURLPath:   {"url.path", Keyword},
	FieldDuration:  {"event.duration", Duration},
	FieldNamespace: {"db.namespace", Keyword},
	FieldDBCode:    {"db.response.status_code", Keyword},
	FieldMessage:   {"message", Text},
	FieldDataset:   {"event.dataset", Keyword},
	FieldSite:      {"veritail.site", Keyword},
	FieldFormat:    {"veritail.format", Keyword},
	FieldPath:      {"log.file.path", Keyword},
	FieldOffset:    {"log.offset", Int},
	FieldOriginal:  {"event.original", Text},
	FieldUnparsed:  {"veritail.unparsed", Bool},
}

// CoreFields returns the definitions of the core fields, indexed by Field. The caller must not change it.
func CoreFields() []FieldDef { return core[:] }

// A Schema maps field names to Fields and back. Fields are only ever appended, so a Field stays valid for the
// life of the process and a reload of formats is safe. It is safe for concurrent use.
type Schema struct {
	mu    sync.RWMutex
	defs  []FieldDef
	names map[string]Field
}

// NewSchema returns a schema that holds the core fields.
func NewSchema() *Schema {
	s := &Schema{names: make(map[string]Field, 128)}
	for f, d := range core {
		s.defs = append(s.defs, d)
		s.names[d.Name] = Field(f)
	}
	return s
}

// Add returns the field called name, adding it with the given kind if the schema does not have it. A name that
// is there with another kind is an error: a field means one thing in all formats.
func (s *Schema) Add(name string, kind Kind) (Field, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.names[name]; ok {
		if have := s.defs[f].Kind; have != kind {
			return 0, fmt.Errorf("field %q is of kind %s already, not %s", name, have, kind)
		}
		return f, nil
	}
	f := Field(len(s.defs))
	s.defs = append(s.defs, FieldDef{name, kind})
	s.names[name] = f
	return f, nil
}

// Lookup returns the field called name.
func (s *Schema) Lookup(name string) (Field, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, ok := s.names[name]
	return f, ok
}

// Def returns name and kind of f.
func (s *Schema) Def(f Field) FieldDef {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.defs[f]
}

// Fields returns all definitions, indexed by Field.
func (s *Schema) Fields() []FieldDef {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.defs[:len(s.defs):len(s.defs)]
}
