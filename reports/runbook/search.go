package runbook

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
)

// What a word of the search weighs where it stands.
const (
	inTitle   = 8
	inHeading = 4
	inText    = 1
)

// maxWords bounds the words of a search; what is behind them is left out.
const maxWords = 16

// excerptLength is about how many characters of a hit are shown.
const excerptLength = 160

// A Hit is a runbook that has all words of a search.
type Hit struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Excerpt string `json:"excerpt"` // of the block that has most of the words, in one line
}

// A block is a paragraph, heading, line of a list or of code, as it is searched.
type block struct {
	text   string
	words  []string
	weight float64
}

// blocks returns what of a document is searched.
func (d document) blocks() []block {
	var all []block
	add := func(text string, weight float64) {
		if text = strings.Join(strings.Fields(text), " "); text != "" {
			all = append(all, block{text, wordsOf(text), weight})
		}
	}
	walk(d.root, func(n ast.Node) {
		switch n.Kind() {
		case ast.KindHeading:
			add(d.plain(n), inHeading)
		case ast.KindParagraph, ast.KindTextBlock, ast.KindFencedCodeBlock, ast.KindCodeBlock:
			add(d.plain(n), inText)
		default:
			if n.Kind().String() == "TableCell" {
				add(d.plain(n), inText)
			}
		}
	})
	return all
}

// wordsOf returns the words of a text in small letters: names with dots and underscores are words, and so are their parts.
func wordsOf(text string) []string {
	isWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	whole := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !isWord(r) && !strings.ContainsRune("._-", r) })
	var words []string
	for _, w := range whole {
		w = strings.Trim(w, "._-")
		parts := strings.FieldsFunc(w, func(r rune) bool { return !isWord(r) })
		if w != "" {
			words = append(words, w)
		}
		if len(parts) > 1 {
			words = append(words, parts...)
		}
	}
	return words
}

// Search returns the runbooks that have all words, the most fitting first. A word stands for those that it begins.
func (l *Library) Search(query string) []Hit {
	var words []string
	for _, w := range strings.FieldsFunc(strings.ToLower(query), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
	}) {
		if w = strings.Trim(w, "._-"); w != "" && !slices.Contains(words, w) && len(words) < maxWords {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return nil
	}
	type scored struct {
		Hit
		score float64
	}
	var hits []scored
	for _, b := range l.All() {
		if score, best := b.match(words); score > 0 {
			hits = append(hits, scored{Hit{b.ID, b.Title, excerpt(cmp.Or(best, b.Summary), words)}, score})
		}
	}
	slices.SortStableFunc(hits, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	out := make([]Hit, len(hits))
	for i := range hits {
		out[i] = hits[i].Hit
	}
	return out
}

// match returns how well a runbook fits, 0 if it lacks a word, and the text of the block that has most of them.
func (b *Book) match(words []string) (score float64, best string) {
	found, most := make([]float64, len(words)), 0.0
	for _, part := range append([]block{{"", wordsOf(b.Title + " " + b.ID), inTitle}}, b.blocks...) {
		here := 0.0
		for i, w := range words {
			if n := count(part.words, w); n > 0 {
				found[i] += part.weight * n
				here++
			}
		}
		if here > most && part.weight == inText {
			most, best = here, part.text
		}
	}
	for _, n := range found {
		if n == 0 {
			return 0, ""
		}
		score += math.Log1p(n)
	}
	return score, best
}

func count(words []string, begins string) (n float64) {
	for _, w := range words {
		if strings.HasPrefix(w, begins) {
			n++
		}
	}
	return n
}

// excerpt cuts a text to what stands around the first of the words.
func excerpt(text string, words []string) string {
	if utf8.RuneCountInString(text) <= excerptLength {
		return text
	}
	lower, at := strings.ToLower(text), -1
	for _, w := range words {
		if i := strings.Index(lower, w); i >= 0 && (at < 0 || i < at) && len(lower) == len(text) {
			at = i
		}
	}
	fields, from := strings.Fields(text), 0
	if at > excerptLength/2 {
		from = max(len(strings.Fields(text[:at]))-8, 0)
	}
	var out string
	for i, f := range fields[from:] {
		if utf8.RuneCountInString(out)+utf8.RuneCountInString(f) > excerptLength {
			out += " …"
			break
		}
		if i > 0 {
			out += " "
		}
		out += f
	}
	if from > 0 {
		out = "… " + out
	}
	return out
}
