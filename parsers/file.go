package parsers

import "errors"

// formatFile is a file of configs/formats: how the lines of one kind of log become events. The documentation of the
// keys is in docs/formats.md.
type formatFile struct {
	Title    string            `toml:"title"`
	Dataset  string            `toml:"dataset"`  // event.dataset where the source names none
	Rank     int               `toml:"rank"`     // of formats that fit a sample equally well, the lowest wins; default 100
	Names    []string          `toml:"names"`    // words in a path that speak for this format
	Within   []string          `toml:"within"`   // reads the message of these formats instead of lines
	On       oneOrMore         `toml:"on"`       // with within: the fields that it reads; default message
	When     map[string]string `toml:"when"`     // only of events with these values
	Null     []string          `toml:"null"`     // captures that mean "nothing"
	Stated   []string          `toml:"stated"`   // fields that keep such a text: the log says that there was none
	Ignore   []string          `toml:"ignore"`   // grok of lines that are no event
	Unwrap   []string          `toml:"unwrap"`   // grok tried on the message first, to take off a wrapper
	Fields   map[string]string `toml:"fields"`   // kinds of fields that are not keywords
	Patterns map[string]string `toml:"patterns"` // grok patterns of this file
	Set      map[string]string `toml:"set"`      // constant fields
	Time     timeFile          `toml:"time"`
	Pattern  []patternFile     `toml:"pattern"`
	Compose  []composeFile     `toml:"compose"`
	Lookup   []lookupFile      `toml:"lookup"`
	Refine   []refineFile      `toml:"refine"`
	Join     *joinFile         `toml:"join"`
	Carry    []carryFile       `toml:"carry"`
	Members  *membersFile      `toml:"members"`
	Prefix   *prefixFile       `toml:"prefix"`
	Record   *recordFile       `toml:"record"`
	Stream   *streamFile       `toml:"stream"`
	Layout   *layoutFile       `toml:"layout"`
}

type patternFile struct {
	Grok string            `toml:"grok"`
	Join string            `toml:"join"` // what a line of this kind is in its record: begin, part, same, end, alone
	Set  map[string]string `toml:"set"`
	// Lines is how many lines a record has that this pattern begins, those that continue one not counted; 0: any number,
	// 1: it is complete, nothing continues it.
	Lines int `toml:"lines"`
	// Repeats says that a line of this kind tells how often the line before was said again.
	Repeats bool `toml:"repeats"`
	// Decode says how captures are escaped, by field: as in escapeFile.
	Decode map[string]string `toml:"decode"`
}

// timeFile, which may be left out, says which capture is the time stamp and how it is written: layouts of Go's time package, or one of
// unix, unix_ms, unix_us, unix_ns.
type timeFile struct {
	From    oneOrMore `toml:"from"` // several are joined by a blank
	Layouts []string  `toml:"layouts"`
	UTC     bool      `toml:"utc"` // stamps without a zone are UTC: whoever writes them has no other
}

// composeFile puts fields together into one that the event has not got, with By between them; it needs the first of From.
type composeFile struct {
	To   string   `toml:"to"`
	From []string `toml:"from"`
	By   string   `toml:"by"`
}

// lookupFile translates a captured value: table["404"] or, for a value's beginning, table["4*"].
type lookupFile struct {
	From  string            `toml:"from"`
	To    string            `toml:"to"`
	Table map[string]string `toml:"table"`
}

// refineFile sets fields of events that have all of the values of has: "a|b" is one of them, "*" any.
type refineFile struct {
	Has map[string]string `toml:"has"`
	Set map[string]string `toml:"set"`
}

// joinFile says which lines belong together.
type joinFile struct {
	By       string            `toml:"by"`       // records are kept apart by this capture; empty: one at a time
	Section  string            `toml:"section"`  // the capture that names a line's part of its record
	Sections map[string]string `toml:"sections"` // part → field; lines of these parts join the open record
	Continue oneOrMore         `toml:"continue"` // grok of the beginning of lines that belong to the line before
	Rest     bool              `toml:"rest"`     // lines that no pattern takes belong to the line before
	Text     string            `toml:"text"`     // the field of these lines; empty: the message goes on
	Begin    oneOrMore         `toml:"begin"`    // with one of the next five keys the lines of a record are put together first:
	Head     oneOrMore         `toml:"head"`     // it begins at a line that begins so, or at a run of such lines,
	Quotes   string            `toml:"quotes"`   // goes on while a text in these quotes is open,
	End      oneOrMore         `toml:"end"`      // ends with a line that begins so,
	Key      string            `toml:"key"`      // and is kept apart from others by what this expression captures as _key
	Wait     string            `toml:"wait"`     // a record ends when its log has gone on for so long; default 2s
	Pause    string            `toml:"pause"`    // or when its file has been quiet for so long, if only lines that continue it may join it; default wait
	MaxLines int               `toml:"max_lines"`
	MaxBytes int               `toml:"max_bytes"`
}

// carryFile says which fields of one event hold for the later events of the same session.
type carryFile struct {
	By     string            `toml:"by"`
	Fields []string          `toml:"fields"`
	Start  map[string]string `toml:"start"` // an event with these values begins a session: what was carried is dropped
	From   map[string]string `toml:"from"`  // only events with these values tell
	To     map[string]string `toml:"to"`    // only events with these values are told
	Once   bool              `toml:"once"`  // what was told to one event is told to no other
}

// membersFile says that a line, or a capture of it, holds named members, and which of them become which fields.
type membersFile struct {
	Kind      string              `toml:"kind"`      // json, csv or kv
	From      string              `toml:"from"`      // the capture that holds them; empty: the whole line or record
	Columns   []string            `toml:"columns"`   // csv: field, _temporary or field:type by position; "" is passed over
	Header    string              `toml:"header"`    // csv: grok of the beginning of lines that name the columns
	Separator string              `toml:"separator"` // csv: one byte, default a comma
	Bytes     bool                `toml:"bytes"`     // json: an array of bytes is a text
	Hex       []string            `toml:"hex"`       // kv: bare values of these keys are decoded where they are hexadecimal
	Plus      []string            `toml:"plus"`      // csv: columns in whose values a plus stands for a blank
	Prefix    string              `toml:"prefix"`    // before the names of members without a place in the map; "-": they are dropped
	Require   []string            `toml:"require"`   // without one of these fields it is no event of the format
	Map       map[string][]string `toml:"map"`       // field ← keys, dotted where nested; the first that is there wins
}

// oneOrMore is a list of expressions; a single one may stand without brackets.
type oneOrMore []string

// UnmarshalTOML takes a string or an array of strings.
func (l *oneOrMore) UnmarshalTOML(v any) error {
	*l = nil
	switch v := v.(type) {
	case string:
		*l = append(*l, v)
		return nil
	case []any:
		for _, e := range v {
			text, ok := e.(string)
			if !ok {
				return errors.New("an expression is a string")
			}
			*l = append(*l, text)
		}
		return nil
	}
	return errors.New("has to be an expression or an array of expressions")
}

// prefixFile says how lines begin whose beginning is a setting of the program that writes them.
type prefixFile struct {
	Rest    string            `toml:"rest"`    // the escape behind which all may be missing
	Escapes map[string]string `toml:"escapes"` // letter → grok of what %letter writes
	Usual   map[string]string `toml:"usual"`   // letter → grok of what it writes as a rule
	Known   []string          `toml:"known"`   // settings in common use
	Sign    []signFile        `toml:"sign"`
	Proof   []string          `toml:"proof"` // sets of letters: a setting made of signs needs one of each
}

// recordFile says that a capture of a format within others holds the lines of a record of a format that reads lines.
type recordFile struct {
	Of      string            `toml:"of"`      // the format of the lines
	From    string            `toml:"from"`    // the capture that holds them
	Escaped map[string]string `toml:"escaped"` // what is written instead of characters that do not get through
}

// signFile is a piece of a line that tells an escape: the first group of match is what the escape writes.
type signFile struct {
	Match   string `toml:"match"`
	Escape  string `toml:"escape"`
	Without string `toml:"without"` // not where this escape was met
}

// streamFile says that messages are lines which programs wrote for logs of their own.
type streamFile struct {
	By     []string          `toml:"by"`     // fields that tell streams apart
	Blanks bool              `toml:"blanks"` // blanks before the message, but the first, are of the line
	Lines  []streamLinesFile `toml:"lines"`
}

// streamLinesFile names the formats of the lines of some streams, in the order in which they are tried.
type streamLinesFile struct {
	When    map[string]string `toml:"when"` // only of lines with these values
	Formats []string          `toml:"formats"`
	// Continue is grok of the beginnings of lines that belong to the line before, beside those of the formats.
	Continue oneOrMore         `toml:"continue"`
	Rest     map[string]int    `toml:"rest"`    // format → so many lines behind a record's first may be any; else as the format says
	Escaped  map[string]string `toml:"escaped"` // what is written instead of characters that do not get through
}

// layoutFile says how a setting of the program that writes the lines says what they look like: a text with variables.
type layoutFile struct {
	Directive string                `toml:"directive"` // regular expression of the setting in a configuration file, with the group text, and maybe escape
	Sign      string                `toml:"sign"`      // what a variable begins with
	Variable  string                `toml:"variable"`  // regular expression of a variable; its groups together are the name
	Literals  map[string]string     `toml:"literals"`  // what stands for other characters
	Values    map[string]string     `toml:"values"`    // name → grok of what it writes; "http_*": all that begin so; "": a text that is dropped
	Parts     map[string][]string   `toml:"parts"`     // name → grok and layout of a part of the time
	Strftime  string                `toml:"strftime"`  // regular expression of names whose group is a text for strftime
	Escape    string                `toml:"escape"`    // where the setting names none
	Escapes   map[string]escapeFile `toml:"escapes"`
}

// escapeFile says how values are escaped.
type escapeFile struct {
	Text    string `toml:"text"`    // grok of any value, %{TEXT} in values
	Missing string `toml:"missing"` // what is written where there is none
	Decode  string `toml:"decode"`  // json, backslash: values are decoded
}
