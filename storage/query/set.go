package query

import "github.com/saypro/veritail/pipeline/event"

// A Set evaluates many trees over the same pages. Equal trees are evaluated once a page, and so is what trees have in
// common: the values of a keyword, and a search for the texts that their regular expressions need. It is not safe for
// concurrent use.
type Set struct {
	shared *shared
	list   []*Matcher
	byText map[string]int
	index  index

	page *event.Page
	bits []event.Bits
	done []int // the page that bits are of, as shared counts them
}

// NewSet returns a set without trees.
func NewSet() *Set {
	s := &Set{shared: newShared(), byText: map[string]int{}}
	s.index = index{shared: s.shared, places: map[place][]int32{}}
	return s
}

// Add adds a tree and returns its number, the one it has if it was added before. Errors are those of Compile.
func (s *Set) Add(e Expr) (int, error) {
	text := ""
	if e != nil {
		text = String(e)
	}
	if i, ok := s.byText[text]; ok {
		return i, nil
	}
	m, err := s.shared.matcher(e)
	if err != nil {
		return 0, err
	}
	s.list, s.bits, s.done = append(s.list, m), append(s.bits, event.Bits{}), append(s.done, -1)
	s.byText[text] = len(s.list) - 1
	s.index.add(e, len(s.list)-1)
	return len(s.list) - 1, nil
}

// Len returns how many trees there are.
func (s *Set) Len() int { return len(s.list) }

// Begin makes p the page that Match looks at. The page must not change until the next one.
func (s *Set) Begin(p *event.Page) {
	s.page = p
	s.shared.page++
}

// Candidates returns the numbers of the trees that may match rows of the page, in ascending order: all others match none.
// They are valid until the next Begin.
func (s *Set) Candidates() []int { return s.index.candidates(s.page) }

// Match returns the rows of the page that match tree i. They are valid until the next Begin.
func (s *Set) Match(i int) *event.Bits {
	if s.done[i] != s.shared.page {
		s.list[i].match(s.page, &s.bits[i])
		s.done[i] = s.shared.page
	}
	return &s.bits[i]
}
