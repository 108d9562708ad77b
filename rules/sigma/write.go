package sigma

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
)

// Write writes rules as a rule file. Whoever wrote them at first, and their licence, stand above each.
func Write(w io.Writer, all []Rule) error {
	var b bytes.Buffer
	b.WriteString("# Rules converted from Sigma (https://sigmahq.io). Those of SigmaHQ are under the Detection Rule License 1.1\n" +
		"# (https://github.com/SigmaHQ/Detection-Rule-License): whoever passes them on names their authors.\n")
	for i := range all {
		all[i].write(&b)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Rule) write(b *bytes.Buffer) {
	b.WriteByte('\n')
	remark(b, "", r.Origin.Title)
	remark(b, "author: ", r.Origin.Author)
	remark(b, "Sigma id: ", r.Origin.ID)
	fmt.Fprintf(b, "[[rule]]\nid       = %s\ntitle    = %s\n", quotedTOML(r.ID), quotedTOML(r.Title))
	fmt.Fprintf(b, "severity = %s\naudience = [\"security\"]\n", quotedTOML(r.Severity))
	if when, ok := r.When.(string); ok { // a sequence has those of its steps
		fmt.Fprintf(b, "when     = %s\n", literalTOML(when))
	}
	fmt.Fprintf(b, "group    = %s\n", quotedTOML(r.Group))
	listTOML(b, "tags     = ", r.Tags)
	listTOML(b, "references = ", r.Refs)
	if r.Rearm > 0 {
		fmt.Fprintf(b, "rearm    = %q\n", short(r.Rearm))
	}
	fmt.Fprintf(b, "runbook  = %s\n", quotedTOML(r.Runbook))
	if t := r.Threshold; t != nil {
		fmt.Fprintf(b, "\n[rule.threshold]\ncount    = %d\n", t.Count)
		if t.Distinct != "" {
			fmt.Fprintf(b, "distinct = %s\n", quotedTOML(t.Distinct))
		}
		fmt.Fprintf(b, "within   = %q\n", short(t.Within))
	}
	if s := r.Sequence; s != nil {
		fmt.Fprintf(b, "\n[rule.sequence]\nwithin = %q\n", short(s.Within))
		for _, step := range s.Steps {
			fmt.Fprintf(b, "\n[[rule.sequence.step]]\nwhen = %s\n", literalTOML(step.When.(string)))
		}
	}
	for _, t := range r.Tests {
		fmt.Fprintf(b, "\n[[rule.test]]\nname   = %s\nformat = %s\nlines  = %s\nexpect = { count = %d }\n",
			quotedTOML(t.Name), quotedTOML(t.Format), linesTOML(t.Lines), t.Expect.Count)
	}
}

// short returns a duration in the largest unit that fits it.
func short(d configs.Duration) string {
	for _, unit := range []byte{'d', 'h', 'm'} {
		if span := spans[unit]; time.Duration(d)%span == 0 {
			return fmt.Sprintf("%d%c", time.Duration(d)/span, unit)
		}
	}
	return time.Duration(d).String()
}

// remark writes a remark of one line.
func remark(b *bytes.Buffer, what, text string) {
	if text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7F }), " "); text != "" {
		fmt.Fprintf(b, "# %s%s\n", what, text)
	}
}

// quotedTOML returns a basic string.
func quotedTOML(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	escapeTOML(&b, text, false)
	b.WriteByte('"')
	return b.String()
}

// listTOML writes a list of texts, unless it is empty.
func listTOML(b *bytes.Buffer, key string, list []string) {
	if len(list) == 0 {
		return
	}
	b.WriteString(key + "[")
	for i, text := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quotedTOML(text))
	}
	b.WriteString("]\n")
}

// literalTOML returns a string in which a backslash is one, where text allows it.
func literalTOML(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7F }) || strings.Contains(text, "'''") || strings.HasSuffix(text, "'") {
		return quotedTOML(text)
	}
	if strings.Contains(text, "'") {
		return "'''" + text + "'''"
	}
	return "'" + text + "'"
}

// linesTOML returns lines as a string of several.
func linesTOML(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7F }) && !strings.Contains(text, "'''") {
		return "'''\n" + text + "'''"
	}
	var b strings.Builder
	b.WriteString("\"\"\"\n")
	escapeTOML(&b, text, true)
	b.WriteString(`"""`)
	return b.String()
}

func escapeTOML(b *strings.Builder, text string, lines bool) {
	for _, r := range text {
		switch {
		case r == '\n' && lines:
			b.WriteByte('\n')
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7F:
			fmt.Fprintf(b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
}
