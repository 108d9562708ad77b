package parsers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
)

// unknown is the error of a name that is none of those that there are: it tells the nearest one, or all of them if none
// is near. what is what the name should be one of.
func unknown(what, name string, known []string) error {
	if near := configs.Nearest(name, known); near != "" {
		return fmt.Errorf("unknown %s %q; did you mean %q?", what, name, near)
	}
	return fmt.Errorf("unknown %s %q; there are %s", what, name, strings.Join(known, ", "))
}

// unknownField is the error of a field that no format has.
func (s *Set) unknownField(name string) error {
	var names []string
	for _, d := range s.Schema.Fields() {
		names = append(names, d.Name)
	}
	if near := configs.Nearest(name, names); near != "" {
		return fmt.Errorf("unknown field %q; did you mean %q?", name, near)
	}
	return fmt.Errorf("unknown field %q", name)
}

// notCaptured is the error of a temporary that no pattern of f captures.
func (f *format) notCaptured(name string) error {
	if near := configs.Nearest(name, slices.Sorted(maps.Keys(f.temps))); near != "" {
		return fmt.Errorf("no pattern captures %s; did you mean %s?", name, near)
	}
	return fmt.Errorf("no pattern captures %s", name)
}
