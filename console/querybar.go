package console

import (
	"fmt"
	"html/template"
	"strings"
	"unicode/utf8"

	"github.com/saypro/veritail/storage/query"
)

// explain makes the message for an error of a query.
func explain(q string, e *query.Error) *queryError {
	at := min(max(e.Pos-1, 0), len(q))
	col := utf8.RuneCountInString(q[:at])
	out := &queryError{Column: col + 1, Msg: e.Msg, Repair: e.Repair}
	if col <= 70 { // further right the message would not fit behind the caret
		out.Caret = strings.Repeat(" ", col)
	}
	return out
}

// paint sets the words of a query apart as the search bar shows them, and the token at byte bad (-1: none).
func paint(q string, bad int) template.HTML {
	var b strings.Builder
	for i := 0; i < len(q); {
		n, class := token(q[i:])
		text := template.HTMLEscapeString(visible(q[i : i+n]))
		if bad >= i && bad < i+n {
			class += " bad"
		}
		if class == "" {
			b.WriteString(text)
		} else {
			fmt.Fprintf(&b, `<span class="%s">%s</span>`, strings.TrimSpace(class), text)
		}
		i += n
	}
	if bad >= len(q) {
		b.WriteString(`<span class="bad">  </span>`)
	}
	return template.HTML(b.String())
}

// token returns the length of the first token of q and its class: k for a field, op for an operator, v for a value.
func token(q string) (int, string) {
	switch c := q[0]; {
	case c == ' ' || c == '\t' || c == '\n':
		return 1, ""
	case c == '(' || c == ')' || c == '|':
		return 1, "op"
	case c == '"':
		for i := 1; i < len(q); i++ {
			if q[i] == '\\' {
				i++
			} else if q[i] == '"' {
				return i + 1, "v"
			}
		}
		return len(q), "v"
	}
	end := strings.IndexAny(q, " \t\n()\":<>=|")
	if end < 0 {
		end = len(q)
	}
	if end < len(q) && strings.ContainsRune(":<>=", rune(q[end])) {
		for end < len(q) && strings.ContainsRune(":<>=", rune(q[end])) {
			end++
		}
		return end, "k"
	}
	end = max(end, 1)
	switch strings.ToLower(q[:end]) {
	case "and", "or", "not":
		return end, "op"
	}
	return end, "v"
}
