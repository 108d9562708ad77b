package parsers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/pipeline/event"
)

// jsonSpec says which keys of an object become which fields.
type jsonSpec struct {
	assigns map[string]jsonAssign // by dotted key
	require []string              // one of these targets has to be there
	set     []constant
}

type jsonAssign struct {
	assign
	target string
	rank   int // among the keys of the same target, the lowest that is there wins
}

const (
	maxJSONDepth = 16
	maxJSONKeys  = 512
)

func (s *Set) compileJSON(f *format, ff *formatFile) error {
	if ff.JSON == nil {
		return nil
	}
	j := &jsonSpec{assigns: map[string]jsonAssign{}, require: ff.JSON.Require}
	for target, keys := range ff.JSON.Map {
		for rank, key := range keys {
			name, typ, _ := strings.Cut(target, ":")
			a, err := s.assign(f, 0, grok.Capture{Name: name, Type: typ})
			if err != nil {
				return fmt.Errorf("json: map: %w", err)
			}
			j.assigns[key] = jsonAssign{a, name, rank}
		}
	}
	for _, need := range j.require {
		if ff.JSON.Map[need] == nil {
			return fmt.Errorf("json: require: %q is not in the map", need)
		}
	}
	var err error
	if j.set, err = s.constants(ff.Set); err != nil {
		return fmt.Errorf("set: %w", err)
	}
	f.json = j
	return nil
}

// A jsonValue is one flattened member of an object: its dotted key and its value as text, or as JSON where it is no
// string, number or truth value.
type jsonValue struct {
	key  string
	text []byte
	raw  json.RawMessage
}

// flattenJSON returns the members of the object line, nested ones under dotted keys, and false if line is no object
// or passes a bound.
func flattenJSON(line []byte, out []jsonValue) ([]jsonValue, bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		return out, false
	}
	return flattenObject(line, "", 0, out)
}

func flattenObject(obj json.RawMessage, prefix string, depth int, out []jsonValue) ([]jsonValue, bool) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(obj, &members); err != nil {
		return out, false
	}
	keys := make([]string, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		v := members[k]
		key := prefix + k
		if len(out) >= maxJSONKeys {
			return out, false
		}
		switch {
		case v[0] == '{' && depth < maxJSONDepth:
			var ok bool
			if out, ok = flattenObject(v, key+".", depth+1, out); !ok {
				return out, false
			}
		case v[0] == '"':
			var text string
			if err := json.Unmarshal(v, &text); err != nil {
				return out, false
			}
			out = append(out, jsonValue{key, []byte(text), v})
		case v[0] == 'n': // null is no value
		case v[0] == '[' || v[0] == '{':
			out = append(out, jsonValue{key, v, v})
		default:
			out = append(out, jsonValue{key, v, v})
		}
	}
	return out, true
}

// jsonLine fills d.values from line and reports whether it is an event of f.
func (d *Decoder) jsonLine(f *format, line []byte) bool {
	if len(line) == 0 || line[0] != '{' && line[0] != ' ' && line[0] != '\t' {
		return false
	}
	var ok bool
	if d.values, ok = flattenJSON(line, d.values[:0]); !ok {
		return false
	}
	if len(f.json.require) == 0 {
		return true
	}
	for _, v := range d.values {
		if a, ok := f.json.assigns[v.key]; ok {
			for _, need := range f.json.require {
				if a.target == need {
					return true
				}
			}
		}
	}
	return false
}

// reserved reports whether a member's name is one that Veritail itself gives to events. What an application writes
// under such a name is kept as labels.NAME, so that nobody forges where an event comes from.
func reserved(s *event.Schema, key string) bool {
	field, ok := s.Lookup(key)
	return ok && (field >= event.FieldDataset && field <= event.FieldUnparsed || field == event.FieldTime) || strings.HasPrefix(key, "veritail.")
}

// jsonRow sets the fields of the row from d.values; what has no field goes into the row's JSON object.
func (d *Decoder) jsonRow(w *rowWriter, f *format, temps [][]byte) {
	best := map[string]int{} // target → index in d.values
	last := map[string]int{} // a key may stand twice, also as log.level beside log: {level: …}; the last one counts
	for i, v := range d.values {
		last[v.key] = i
		if a, ok := f.json.assigns[v.key]; ok {
			if j, had := best[a.target]; !had || a.rank <= f.json.assigns[d.values[j].key].rank {
				best[a.target] = i
			}
		}
	}
	var extra []byte
	for i, v := range d.values {
		if last[v.key] != i {
			continue
		}
		if a, ok := f.json.assigns[v.key]; ok && best[a.target] == i {
			if a.temp >= 0 {
				temps[a.temp] = v.text
				continue
			}
			if w.set(&a.assign, w.page.Arena.Put(v.text)) {
				continue
			}
		} else if reserved(w.page.Schema, v.key) {
			v.key = "labels." + v.key
		} else if w.setNamed(v) {
			continue
		}
		extra = appendMember(extra, v)
	}
	if extra != nil {
		w.page.Extra[w.row] = w.page.Arena.Put(append(extra, '}'))
	}
	for i := range f.json.set {
		w.constant(&f.json.set[i])
	}
}

func appendMember(dst []byte, v jsonValue) []byte {
	if dst == nil {
		dst = append(dst, '{')
	} else {
		dst = append(dst, ',')
	}
	key, err := json.Marshal(v.key)
	if err != nil {
		return dst
	}
	dst = append(dst, key...)
	dst = append(dst, ':')
	return append(dst, v.raw...)
}

// setNamed sets the field whose name is the member's key, if the schema has one that the value fits.
func (w *rowWriter) setNamed(v jsonValue) bool {
	field, ok := w.page.Schema.Lookup(v.key)
	if !ok {
		return false
	}
	a := assign{temp: -1, field: field, ip: -1, kind: w.page.Schema.Def(field).Kind, unit: 1}
	return w.set(&a, w.page.Arena.Put(v.text))
}
