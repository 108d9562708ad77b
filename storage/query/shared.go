package query

import "github.com/saypro/veritail/pipeline/event"

// shared is what the tests of several trees know of the page at hand, each found out when it is first asked for.
type shared struct {
	page     int // counts the pages
	keywords map[event.Field]*keyword
	texts    map[event.Field]*search
}

func newShared() *shared {
	return &shared{keywords: map[event.Field]*keyword{}, texts: map[event.Field]*search{}}
}

func (s *shared) keyword(f event.Field) *keyword {
	k := s.keywords[f]
	if k == nil {
		k = &keyword{}
		s.keywords[f] = k
	}
	return k
}

func (s *shared) text(f event.Field) *search {
	t := s.texts[f]
	if t == nil {
		t = &search{}
		s.texts[f] = t
	}
	return t
}
