package document

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"golang.org/x/net/html"
)

// script checks the page that it stands in: it is its reader's, and needs no network and no program of ours.
//
//go:embed check.js
var script string

// parts are the elements whose texts are compared with their digests, as a selector and as names.
const parts = "h1,h2,h3,p,dt,dd,th,td,li,figure,.sign div"

// A basis is what a page carries so that it can be checked.
type basis struct {
	Document string          `json:"document"`
	Version  string          `json:"version"`
	Sums     map[string]Sums `json:"sums"`
	Cells    int             `json:"cells"`    // that are computed of them
	Parts    string          `json:"parts"`    // a selector of elements, and
	Digests  []string        `json:"digests"`  // the beginnings of the SHA-256 of each, as the script computes it
	Evidence []string        `json:"evidence"` // SHA-256 of the records that stand on the page whole
}

// basisMark is where the basis stands in a page until its digests are known. No text can hold it: it would be escaped.
const basisMark = "<!--basis-->"

// seal puts the basis into a page that is otherwise complete.
func (d *Document) seal(page []byte) ([]byte, error) {
	tree, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return nil, fmt.Errorf("read the page again: %w", err)
	}
	b := basis{Document: d.ID, Version: d.Version, Sums: d.Sums, Parts: parts, Digests: []string{}, Evidence: []string{}}
	walk(tree, func(n *html.Node) {
		if isPart(n) {
			b.Digests = append(b.Digests, partDigest(n))
		}
		if _, ok := attribute(n, "data-k"); ok {
			b.Cells++
		}
		if sum, ok := attribute(n, "data-sha256"); ok {
			b.Evidence = append(b.Evidence, sum)
		}
	})
	data, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("write what the page carries: %w", err)
	}
	block := `<script type="application/json" id="basis">` + ascii(data) + "</script>\n<script>" + script + "</script>"
	return bytes.Replace(page, []byte(basisMark), []byte(block), 1), nil
}

// ascii writes JSON without characters that show nothing, or something else, to who reads the page's source.
func ascii(data []byte) string {
	var b strings.Builder
	for _, r := range string(data) {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// walk calls f with the elements below a node, in the order in which they stand.
func walk(n *html.Node, f func(*html.Node)) {
	for c := range n.Descendants() {
		if c.Type == html.ElementNode {
			f(c)
		}
	}
}

// isPart reports whether an element is one of parts within the page's main element.
func isPart(n *html.Node) bool {
	within := func(is func(*html.Node) bool) bool {
		for p := range n.Ancestors() {
			if is(p) {
				return true
			}
		}
		return false
	}
	if !within(func(p *html.Node) bool { return p.Data == "main" }) {
		return false
	}
	return slices.Contains([]string{"h1", "h2", "h3", "p", "dt", "dd", "th", "td", "li", "figure"}, n.Data) ||
		n.Data == "div" && within(func(p *html.Node) bool { class, _ := attribute(p, "class"); return class == "sign" })
}

// partDigest is the digest of an element's text with what is drawn in it: the first 8 bytes of its SHA-256. check.js has the
// same.
func partDigest(n *html.Node) string {
	var text, drawn strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			text.WriteString(c.Data)
		}
		class, styled := attribute(c, "class")
		d, path := attribute(c, "d")
		if styled || path {
			drawn.WriteString("\n" + class + " " + d)
		}
	}
	sum := sha256.Sum256([]byte(text.String() + drawn.String()))
	return hex.EncodeToString(sum[:8])
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name && n.Type == html.ElementNode {
			return a.Val, true
		}
	}
	return "", false
}

// provable is the digest of a record that stands on the page whole and as it is, so that its text has it; "" otherwise.
func provable(e Evidence) string {
	if e.Cut || e.SHA256 == "" || strings.Contains(string(Visible(e.Text)), "<") {
		return ""
	}
	sum := sha256.Sum256([]byte(e.Text))
	if hex.EncodeToString(sum[:]) != e.SHA256 {
		return ""
	}
	return e.SHA256
}

// hashed is the source by which a policy allows an inline element.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
