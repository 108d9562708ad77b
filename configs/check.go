package configs

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// A checker compares a decoded file with the type it is meant for. The toml package would stop at the first value
// of a wrong type, in random order, and takes keys of any case.
type checker struct {
	tree  map[string]any
	found []fault
}

type fault struct {
	path       string
	msg        string
	suggestion string
	onKey      bool // the key is wrong, not its value
}

func (c *checker) errors(file, text string) Errors {
	at := locate(text)
	all := make(Errors, len(c.found))
	for i, f := range c.found {
		e := &Error{File: file, Key: f.path, Msg: f.msg + c.within(f.path), Suggestion: f.suggestion}
		p := at.find(f.path)
		if f.onKey {
			e.place(text, p.key)
		} else {
			e.place(text, p.value)
		}
		all[i] = e
	}
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return a.Line < b.Line || a.Line == b.Line && (a.Column < b.Column || a.Column == b.Column && a.Key < b.Key)
	})
	return all
}

// within names the array item that path lies in by its name or id: ` in rule "db.deadlock"`.
func (c *checker) within(path string) string {
	for path = parentPath(path); path != ""; path = parentPath(path) {
		if !strings.HasSuffix(path, "]") {
			continue
		}
		item, _ := c.lookup(path).(map[string]any)
		for _, key := range []string{"name", "id"} {
			if name, ok := item[key].(string); ok && name != "" {
				array := parentPath(path)
				return fmt.Sprintf(" in %s %q", strings.TrimPrefix(array[len(parentPath(array)):], "."), name)
			}
		}
	}
	return ""
}

// lookup returns the value at path by walking the tree in the way paths are made.
func (c *checker) lookup(path string) any {
	var walk func(v any, at string) any
	walk = func(v any, at string) any {
		if at == path {
			return v
		}
		if at != "" && !strings.HasPrefix(path, at) {
			return nil
		}
		switch v := v.(type) {
		case map[string]any:
			for k, sub := range v {
				if found := walk(sub, childPath(at, k)); found != nil {
					return found
				}
			}
		default:
			for i, sub := range items(v) {
				if found := walk(sub, itemPath(at, i)); found != nil {
					return found
				}
			}
		}
		return nil
	}
	return walk(c.tree, "")
}

// items returns the elements of a decoded array, nil if v is none.
func items(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case []map[string]any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = v[i]
		}
		return all
	}
	return nil
}

var (
	tomlUnmarshaler = reflect.TypeFor[toml.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value checks v, which stands at path, against t.
func (c *checker) value(v any, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch pt := reflect.PointerTo(t); {
	case t == reflect.TypeFor[toml.Primitive](), t.Kind() == reflect.Interface:
	case pt.Implements(tomlUnmarshaler):
		c.report(path, reflect.New(t).Interface().(toml.Unmarshaler).UnmarshalTOML(v))
	case t == reflect.TypeFor[time.Time]():
		if _, ok := v.(time.Time); !ok {
			c.wrong(path, "a date and time", v)
		}
	case pt.Implements(textUnmarshaler):
		c.text(v, t, path)
	case t == reflect.TypeFor[time.Duration]():
		c.duration(v, path)
	default:
		c.plain(v, t, path)
	}
}

func (c *checker) report(path string, err error) {
	if err != nil {
		c.found = append(c.found, fault{path: path, msg: fmt.Sprintf("key %q: %v", lastKey(path), err)})
	}
}

func (c *checker) text(v any, t reflect.Type, path string) {
	s, ok := v.(string)
	if !ok {
		c.wrong(path, "a string", v)
		return
	}
	c.report(path, reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)))
}

func (c *checker) duration(v any, path string) {
	s, ok := v.(string)
	if _, err := time.ParseDuration(s); !ok || err != nil {
		c.wrong(path, `a duration such as "90s" or "10m"`, v)
	}
}

func (c *checker) plain(v any, t reflect.Type, path string) {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		table, ok := v.(map[string]any)
		if !ok {
			c.wrong(path, "a table", v)
			return
		}
		c.table(table, t, path)
	case reflect.Slice, reflect.Array:
		if reflect.TypeOf(v).Kind() != reflect.Slice {
			c.wrong(path, "an array", v)
		}
		for i, item := range items(v) {
			c.value(item, t.Elem(), itemPath(path, i))
		}
	case reflect.String:
		if _, ok := v.(string); !ok {
			c.wrong(path, "a string", v)
		}
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			c.wrong(path, "true or false", v)
		}
	case reflect.Float32, reflect.Float64:
		if !isNumber(v) {
			c.wrong(path, "a number", v)
		}
	default:
		c.integer(v, t, path)
	}
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

func (c *checker) integer(v any, t reflect.Type, path string) {
	n, ok := v.(int64)
	zero := reflect.Zero(t)
	switch {
	case !ok:
		c.wrong(path, "a whole number", v)
	case zero.CanInt() && zero.OverflowInt(n), zero.CanUint() && (n < 0 || zero.OverflowUint(uint64(n))):
		c.found = append(c.found, fault{path: path, msg: fmt.Sprintf("key %q: %d is out of range", lastKey(path), n)})
	}
}

func (c *checker) table(table map[string]any, t reflect.Type, path string) {
	if t.Kind() == reflect.Map {
		for k, sub := range table {
			c.value(sub, t.Elem(), childPath(path, k))
		}
		return
	}
	fields := map[string]reflect.Type{}
	collect(t, fields)
	for k, sub := range table {
		at := childPath(path, k)
		if ft, ok := fields[k]; ok {
			c.value(sub, ft, at)
			continue
		}
		var valid []string
		for name := range fields {
			valid = append(valid, name)
		}
		slices.Sort(valid)
		c.found = append(c.found, fault{at, fmt.Sprintf("unknown key %q", k), Nearest(k, valid), true})
	}
}

// collect notes the keys that a struct takes: the tags of its fields and of structs embedded in it; a field without
// a tag takes its own name.
func collect(t reflect.Type, fields map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			collect(f.Type, fields)
		case !f.IsExported():
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
}

func (c *checker) wrong(path, want string, have any) {
	c.found = append(c.found, fault{path: path, msg: fmt.Sprintf("key %q wants %s, not %s", lastKey(path), want, kindOf(have))})
}

// lastKey returns the last key of a path without quotes, with its index if it ends in one.
func lastKey(path string) string {
	key, index := path, ""
	for strings.HasSuffix(key, "]") {
		cut := parentPath(key)
		key, index = cut, key[len(cut):]+index
	}
	key = strings.TrimPrefix(key[len(parentPath(key)):], ".")
	if strings.HasPrefix(key, `"`) {
		key = unquote(key)
	}
	return key + index
}

func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		if len(v) <= 30 {
			return fmt.Sprintf("the string %q", v)
		}
		return "a string"
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case bool:
		return fmt.Sprintf("%v", v)
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "an array of tables"
	case []any:
		return "an array"
	}
	return fmt.Sprintf("%T", v)
}
