package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// Decode reads the TOML file name of fsys into v, a pointer to a struct, and is strict: every key must be a field's
// toml tag, spelled exactly, and every value of its field's type. Durations are strings ("10s"), never bare numbers.
// A field that the file does not mention keeps the value it had.
//
// A fault of syntax is an *Error; unknown keys and wrong types are Errors, all of them at once. errors.As with
// *Error works for both. If v was refused its content is undefined.
func Decode(fsys fs.FS, name string, v any) error {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return fmt.Errorf("read configuration %s: %w", display(fsys, name), err)
	}
	text := string(data)
	var parsed toml.Primitive // it is parsed once, to be checked and then to fill v
	meta, err := toml.Decode(text, &parsed)
	if err != nil {
		return syntaxError(display(fsys, name), text, err)
	}
	var tree map[string]any
	if err := meta.PrimitiveDecode(parsed, &tree); err != nil {
		return syntaxError(display(fsys, name), text, err)
	}
	c := checker{tree: tree}
	c.value(tree, reflect.TypeOf(v).Elem(), "")
	if len(c.found) > 0 {
		return c.errors(display(fsys, name), text)
	}
	if err := meta.PrimitiveDecode(parsed, v); err != nil {
		return syntaxError(display(fsys, name), text, err)
	}
	return nil
}

// display returns the name of a file as its reader knows it.
func display(fsys fs.FS, name string) string {
	if d, ok := fsys.(interface{ Display(string) string }); ok {
		return d.Display(name)
	}
	return name
}

func syntaxError(file, text string, err error) error {
	e := &Error{File: file, Msg: strings.TrimPrefix(err.Error(), "toml: ")}
	var p toml.ParseError
	if errors.As(err, &p) {
		e.Msg = p.Message
		// The parser counts from behind a byte order mark.
		e.place(text, p.Position.Start+len(text)-len(strings.TrimPrefix(text, "\ufeff")))
		if e.Line != p.Position.Line && p.Position.Line > 0 { // the position behind a line's end belongs to that line
			e.place(text, max(0, p.Position.Start-1))
		}
	}
	return e
}
