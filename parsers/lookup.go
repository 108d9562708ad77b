package parsers

import (
	"fmt"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// A lookup translates the text of a temporary or a field into a constant.
type lookup struct {
	temp   int // ≥ 0: of this temporary
	from   event.Field
	exact  map[string]*constant
	prefix []prefixed
}

type prefixed struct {
	head string
	constant
}

func (s *Set) compileLookups(f *format, ff *formatFile) error {
	for i, lf := range ff.Lookup {
		l := lookup{temp: -1, exact: map[string]*constant{}}
		if temp, ok := f.temps[lf.From]; ok {
			l.temp = temp
		} else if field, ok := s.Schema.Lookup(lf.From); ok {
			l.from = field
		} else {
			return fmt.Errorf("lookup %d: from: %w", i+1, f.notCaptured(lf.From))
		}
		for key, value := range lf.Table {
			c, err := s.constant(lf.To, value)
			if err != nil {
				return fmt.Errorf("lookup %d: %w", i+1, err)
			}
			if head, ok := strings.CutSuffix(key, "*"); ok {
				l.prefix = append(l.prefix, prefixed{head, c})
			} else {
				l.exact[key] = &c
			}
		}
		f.lookups = append(f.lookups, l)
	}
	return nil
}

// find returns the constant that text is translated to, nil if to none.
func (l *lookup) find(text []byte) *constant {
	if len(l.exact) > 0 {
		if c := l.exact[string(text)]; c != nil {
			return c
		}
	}
	for i := range l.prefix {
		if p := &l.prefix[i]; len(text) >= len(p.head) && string(text[:len(p.head)]) == p.head {
			return &p.constant
		}
	}
	return nil
}
