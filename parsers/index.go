package parsers

import (
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/pipeline/event"
)

// indexFile is where the index of shipped formats stands.
const indexFile = "formats/index.json"

// An index is what has to be known of formats before they are compiled, which most of them never are: a log needs those
// of its own lines, and finding these needs those that its lines might be of. It is written by a test, which compiles
// them all, and counts for exactly the files that the test has seen.
type index struct {
	Patterns string              `json:"patterns"` // sum of the grok patterns
	Formats  []indexed           `json:"formats"`
	Fields   map[string][]string `json:"fields"` // kind → the fields of all formats
}

// indexed is a format in an index.
type indexed struct {
	Name   string            `json:"name"`
	Sum    string            `json:"sum"` // of its file
	Rank   int               `json:"rank"`
	Names  []string          `json:"names,omitempty"`
	Within []string          `json:"within,omitempty"`
	On     []string          `json:"on,omitempty"`
	When   map[string]string `json:"when,omitempty"`
	Size   int               `json:"size,omitempty"` // see entry
	Slots  int               `json:"slots"`          // with Temps: the room it needs
	Temps  int               `json:"temps,omitempty"`
	Signs  []grok.Sign       `json:"signs,omitempty"`
}

// Open is Load for formats that are known to be free of mistakes. If an index of exactly these files stands beside them, a
// format is compiled when it is used first; else it is Load.
func Open(fsys fs.FS, schema *event.Schema) (*Set, error) {
	x := readIndex(fsys)
	if x == nil {
		return Load(fsys, schema)
	}
	s, err := newSet(fsys, schema)
	if err != nil {
		return nil, err
	}
	s.exprs, s.listed = s.library.Unchecked(), true
	for _, name := range event.Kinds() {
		kind, _ := event.KindOf(name)
		for _, f := range x.Fields[name] {
			if _, err := schema.Add(f, kind); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range x.Formats {
		e := &entry{name: f.Name, rank: f.Rank, names: f.Names, within: f.Within, size: f.Size, room: room{f.Slots, f.Temps}, signs: f.Signs}
		for _, name := range f.On {
			field, _ := schema.Lookup(name)
			e.on = append(e.on, field)
		}
		if e.when, err = s.conditions(f.When); err != nil {
			return nil, err
		}
		s.add(e)
	}
	s.sort()
	return s, s.tellFrom(fsys)
}

// readIndex returns the index of the files of fsys, nil if there is none or it is of others.
func readIndex(fsys fs.FS) *index {
	text, err := fs.ReadFile(fsys, indexFile)
	if err != nil {
		return nil
	}
	var x index
	if err := json.Unmarshal(text, &x); err != nil {
		return nil
	}
	now, err := sums(fsys)
	if err != nil || x.Patterns != now.Patterns || len(x.Formats) != len(now.Formats) {
		return nil
	}
	for i, f := range now.Formats {
		if x.Formats[i].Name != f.Name || x.Formats[i].Sum != f.Sum {
			return nil
		}
	}
	return &x
}

// sums returns the index of the files of fsys with nothing but their sums.
func sums(fsys fs.FS) (*index, error) {
	var x index
	buf, h := make([]byte, 32<<10), xxhash.New()
	add := func(name string) error {
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.CopyBuffer(h, f, buf)
		return err
	}
	sum := func() string { return strconv.FormatUint(h.Sum64(), 16) }
	files, err := fs.Glob(fsys, "formats/*.toml")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		h.Reset()
		if err := add(name); err != nil {
			return nil, err
		}
		x.Formats = append(x.Formats, indexed{Name: strings.TrimSuffix(path.Base(name), ".toml"), Sum: sum()})
	}
	h.Reset()
	err = fs.WalkDir(fsys, "patterns", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		io.WriteString(h, name)
		return add(name)
	})
	x.Patterns = sum()
	return &x, err
}
