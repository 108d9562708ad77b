// Package parsers turns the lines of log files into events, as the format files of configs/formats say.
//
// It stands second in the flow: sources hand it blocks of whole lines, and it appends pages of events to a batch.
// A format is data; nothing here knows a format by name. Set holds the compiled formats and is safe for concurrent
// use; a Decoder belongs to one generation of one file and one goroutine.
package parsers

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/pipeline/event"
)

// A Set is the formats of a configuration.
type Set struct {
	Schema  *event.Schema
	lines   []*entry // those that read lines, by rank and name
	byName  map[string]*entry
	inner   []*entry // those that read messages of others, by rank and name
	pool    pagePool
	basis   event.Field // veritail.time.clock
	doubt   event.Field // veritail.time.doubt
	library *grok.Library
	exprs   *grok.Library                // the library for what the formats hold
	listed  bool                         // by an index: the formats are right, and what they capture is known
	files   fs.FS                        // of the formats that are not compiled yet
	told    atomic.Pointer[Transactions] // nil: it has none

	mu          sync.Mutex // of what compiles
	consts      int        // number of constants in the formats that are compiled
	memberSpecs int
	made        map[string]*try // by the names of their formats
}

// A format is one compiled format file.
type format struct {
	*entry
	title, dataset string
	null           *nulls
	stated         map[string]bool // fields that keep the texts of null
	ignore         *grok.Set       // nil without
	unwrap         patterns
	patterns       patterns
	common         []constant  // of all its lines, beside the defaults
	defaults       []constant  // of all events that have no other value
	prefix         *prefixSpec // nil: all its lines begin alike
	layout         *layoutSpec // nil: no setting says what its lines look like
	compose        []compose
	lookups        []*lookup
	refine         []refinement
	time           *timeSpec
	join           *joinSpec
	carry          []*carrySpec
	members        *membersSpec   // nil: what the patterns capture is all
	without        patterns       // with members of a capture: those that are tried where the members cannot be read
	bare           *pattern       // of a format that has members and no patterns: its constants
	temps          map[string]int // captures that are no field: _name
	file           *formatFile    // nil once the format is complete
	nested         *nestedSpec    // with within: the records of another format that it captures; nil: none
	streams        *streams       // nil: its messages are no lines of other logs
	inner          []reading      // the formats that read fields of this one's events
	slots          int
	room           room    // of its lines and of the formats within
	alone          *format // without those that read fields of its events, where decoding tells which lines are its own; else nil
	repeats        bool    // a pattern of it says that the line before was said again
}

// patterns are expressions that stand for each other: the first that takes a text counts.
type patterns struct {
	match *grok.Set // nil without patterns
	list  []*pattern
}

// first returns the first pattern that takes text, nil if none does; slots then has its captures.
func (ps *patterns) first(text []byte, slots []int32) *pattern {
	if ps.match == nil {
		return nil
	}
	if i := ps.match.Match(text, slots); i >= 0 {
		return ps.list[i]
	}
	return nil
}

type pattern struct {
	n       int // among those that stand for each other
	assigns []assign
	set     []constant
	role    role
	lines   int   // of a record that it begins, continuations not counted; 0: any number
	slots   int   // number of slots of its captures
	whole   bool  // the whole text holds members
	members []int // or one of these captures does
	repeats bool  // it says that the line before was said again
	fill    bool  // of several captures of one field the first counts
}

// holds returns the range of text that holds members, and false where none does. slots are those of the pattern's match.
func (p *pattern) holds(text []byte, slots []int32) (textRange, bool) {
	if p.whole {
		return textRange{0, len(text)}, true
	}
	for _, i := range p.members {
		if slots[2*i] >= 0 {
			return textRange{int(slots[2*i]), int(slots[2*i+1])}, true
		}
	}
	return textRange{}, false
}

// An assign moves one capture into a field or a temporary.
type assign struct {
	slot  int
	temp  int         // ≥ 0: a temporary, not a field
	field event.Field // the field
	ip    event.Field // for name.address: name.ip, set instead where the text is an address; else -1
	kind  event.Kind
	keeps bool    // also one that means nothing
	way   way     // what is done where the row is new
	unit  float64 // durations: nanoseconds of one unit; else 1
	kilo  float64 // sizes: bytes of a K; else 0
	// decode appends what an escaped value means to dst, and reports whether it means anything; nil: it is not escaped. way is asAny.
	decode func(dst, text []byte) ([]byte, bool)
}

// A way is what an assign needs of nearly all captures.
type way uint8

const (
	asAny way = iota
	asTemporary
	asText    // a text is kept as it is
	asInt     // a decimal number
	asAddress // name.address, mostly an IPv4 address
)

// A constant is a field that always has the same value; id numbers it among all constants of the set.
type constant struct {
	id    int
	field event.Field
	kind  event.Kind
	str   string
	num   int64
}

// A refinement sets fields of events that have certain values.
type refinement struct {
	has []condition
	set []constant
}

type carrySpec struct {
	by     event.Field
	text   bool // by is a text, else a number
	fields []event.Field
	start  []condition // an event with these values: what was known is dropped
	from   []condition // events that tell
	to     []condition // events that are told
	once   bool        // what was told to one is forgotten
}

// Load compiles the formats of fsys (folders formats and patterns). Every mistake is reported, each with its file.
func Load(fsys fs.FS, schema *event.Schema) (*Set, error) {
	s, err := newSet(fsys, schema)
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(fsys, "formats/*.toml")
	if err != nil {
		return nil, fmt.Errorf("list formats: %w", err)
	}
	if len(files) == 0 {
		return nil, errors.New("no formats: the folder formats holds no .toml file")
	}
	var errs []error
	for _, file := range files {
		var ff formatFile
		if err := configs.Decode(fsys, file, &ff); err != nil {
			errs = append(errs, err)
			continue
		}
		f, err := s.compile(newEntry(strings.TrimSuffix(path.Base(file), ".toml"), &ff), &ff)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
			continue
		}
		f.signs = f.signsOf()
		f.format.Store(f)
		s.add(f.entry)
	}
	s.sort()
	if len(errs) == 0 {
		errs = append(errs, s.attach())
	}
	if len(errs) == 1 && errs[0] == nil {
		errs[0] = s.tellFrom(fsys)
	}
	return s, errors.Join(errs...)
}

// newSet returns a set without formats.
func newSet(fsys fs.FS, schema *event.Schema) (*Set, error) {
	lib, err := grok.LoadLibrary(fsys, "patterns")
	if err != nil {
		return nil, err
	}
	s := &Set{Schema: schema, byName: map[string]*entry{}, made: map[string]*try{}, library: lib, exprs: lib, files: fsys}
	if s.basis, err = schema.Add("veritail.time.clock", event.Keyword); err == nil {
		s.doubt, err = schema.Add("veritail.time.doubt", event.Keyword)
	}
	return s, err
}

// WithOnly returns a set of one line format, called name: text, compiled as if it stood in a file of this set, with its
// grok patterns and its fields. The set itself stays as it is.
func (s *Set) WithOnly(name, text string) (*Set, error) {
	schema := event.NewSchema()
	for _, d := range s.Schema.Fields()[len(event.CoreFields()):] {
		if _, err := schema.Add(d.Name, d.Kind); err != nil {
			return nil, err
		}
	}
	only := &Set{Schema: schema, byName: map[string]*entry{}, library: s.library, exprs: s.library, basis: s.basis, doubt: s.doubt}
	var ff formatFile
	file := "formats/" + name + ".toml"
	if err := configs.Decode(oneFile(text), file, &ff); err != nil {
		return nil, err
	}
	f, err := only.compile(newEntry(name, &ff), &ff)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	f.format.Store(f)
	only.add(f.entry)
	f.done(false)
	return only, nil
}

// oneFile is a file system in which every name leads to one text.
type oneFile string

// ReadFile implements fs.ReadFileFS.
func (f oneFile) ReadFile(string) ([]byte, error) { return []byte(f), nil }

// Open implements fs.FS; ReadFile is what is asked for.
func (f oneFile) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Library returns the grok patterns of the configuration.
func (s *Set) Library() *grok.Library { return s.library }

// Formats returns the names of the formats that read lines, sorted.
func (s *Set) Formats() []string {
	var names []string
	for _, e := range s.lines {
		names = append(names, e.name)
	}
	sort.Strings(names)
	return names
}

// Len returns the number of all formats, those within others included.
func (s *Set) Len() int { return len(s.byName) }

// Known returns an error that names the nearest format if there is none called name; "" and auto mean detection.
func (s *Set) Known(name string) error {
	if name == "" || name == "auto" {
		return nil
	}
	if e := s.byName[name]; e != nil && len(e.within) == 0 {
		return nil
	}
	return unknown("format", name, s.Formats())
}
