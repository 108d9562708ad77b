package parsers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
)

// ShapeOf returns the shape of a line.
func ShapeOf(line string) string { return string(appendShape(nil, []byte(line))) }

// IndexOf returns the index of the formats of fsys as its file has it: a format a line, so that changes of two formats
// stand apart.
func IndexOf(fsys fs.FS) (string, error) {
	set, err := Load(fsys, event.NewSchema())
	if err != nil {
		return "", err
	}
	x, err := sums(fsys)
	if err != nil {
		return "", err
	}
	var formats, fields []string
	for _, f := range x.Formats {
		e := set.byName[f.Name]
		f.Rank, f.Names, f.Within, f.Signs, f.Size, f.Slots, f.Temps = e.rank, e.names, e.within, e.signs, e.size, e.room.slots, e.room.temps
		for _, field := range e.on {
			f.On = append(f.On, set.Schema.Def(field).Name)
		}
		var ff formatFile
		if err := configs.Decode(fsys, "formats/"+f.Name+".toml", &ff); err != nil {
			return "", err
		}
		f.When = ff.When
		line, err := asJSON(f)
		if err != nil {
			return "", err
		}
		formats = append(formats, "  "+line)
	}
	for _, kind := range event.Kinds() {
		var names []string
		for _, d := range set.Schema.Fields()[len(event.CoreFields()):] {
			if d.Kind.String() == kind {
				names = append(names, fmt.Sprintf("   %q", d.Name))
			}
		}
		slices.Sort(names)
		if len(names) > 0 {
			fields = append(fields, fmt.Sprintf("  %q: [\n%s\n  ]", kind, strings.Join(names, ",\n")))
		}
	}
	return fmt.Sprintf("{\n \"patterns\": %q,\n \"formats\": [\n%s\n ],\n \"fields\": {\n%s\n }\n}\n",
		x.Patterns, strings.Join(formats, ",\n"), strings.Join(fields, ",\n")), nil
}

func asJSON(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSpace(b.String()), err
}
