package discover

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/saypro/veritail/configs"
)

// Config returns the text of a daemon's configuration that follows what was found. It says of each source why it stands there.
func (f *Found) Config(host string) string {
	var w strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&w, format+"\n", args...) }
	line("# The daemon's configuration, made by `veritail init` on %s after a look at %s.", f.Began.Format("2 Jan 2006"), comment(f.place(host)))
	line("# What is not said here has its default; configs/veritail.toml has every key with a comment.")
	line("#")
	line("#   veritail run -config FILE      follows what stands here")
	line("#   veritail status -config FILE   tells what is read and understood of it")
	line("")
	line("# Directory for everything the daemon keeps. A relative one starts where veritail is started.")
	line("# state = \"var\"")
	line("")
	if f.Root == "" {
		line("# The well-known logs of this machine are followed without being named.%s", f.knownWord())
		for i := range f.Known {
			for _, file := range f.Known[i].Files {
				line("#   %-16s %s%s", f.Known[i].Dataset, comment(file.Path), comment(aside(file.Told())))
			}
		}
		line("wellknown = true")
	} else {
		line("# The logs are those of another file system: they are named below.")
		line("wellknown = false")
	}
	f.journalConfig(line)
	for i := range f.Sources {
		line("")
		f.Sources[i].config(line)
	}
	return w.String()
}

func (f *Found) place(host string) string {
	if f.Root != "" {
		return f.Root
	}
	return host
}

func (f *Found) knownWord() string {
	if len(f.Known) == 0 {
		return " None was there."
	}
	return " These were there:"
}

func (f *Found) journalConfig(line func(string, ...any)) {
	j := f.Journal
	if j == nil {
		return
	}
	line("")
	line("[journal]")
	switch {
	case j.Instead != "":
		line("# The same messages are in %s, which is followed instead. \"yes\" follows both.", comment(j.Instead))
		line("follow = \"auto\"")
	case f.Root != "":
		line("follow    = \"yes\"")
		line("directory = %s", quoted(j.Directory))
	default:
		line("# The systemd journal is followed: %s, %s.", plural(j.Files, "file"), configs.Size(j.Bytes).Rounded())
		line("follow = \"auto\"")
	}
}

// config writes a source with the reasons for it.
func (s *Source) config(line func(string, ...any)) {
	for _, why := range s.Why() {
		line("# %s", comment(why))
	}
	mark := ""
	if s.Kind == Odd {
		mark = "# "
	}
	line("%s[[source]]", mark)
	line("%spaths   = %s", mark, list(s.Paths))
	if len(s.Exclude) > 0 {
		line("%sexclude = %s", mark, list(s.Exclude))
	}
	line("%sdataset = %s", mark, quoted(s.Dataset))
	line("%sformat  = %s", mark, quoted(s.Format))
	if s.Prefix != "" {
		line("%slog_line_prefix = %s", mark, quoted(s.Prefix))
	}
	if s.Layout != "" {
		line("%slog_format = %s", mark, literal(s.Layout))
	}
}

// Why says why a source is written as it is, a sentence each.
func (s *Source) Why() (out []string) {
	var size int64
	for _, f := range s.Files {
		size += f.Size
	}
	last := s.Files[0]
	head := fmt.Sprintf("%s, %s, last written on %s", plural(len(s.Files), "file"), configs.Size(size).Rounded(), last.Written.Format("2 Jan 2006 15:04"))
	if last.From != "" {
		head += ", " + last.From
	}
	out = append(out, head+".")
	if s.Layout != "" {
		out = append(out, "What its lines look like is said in "+s.whence+".")
	}
	switch s.Kind {
	case Closed:
		return append(out, "It may not be read yet; the format is told when it may.")
	case Unread:
		return append(out, "It was not looked at; the format is told when it is followed.")
	case Empty:
		if s.Layout != "" {
			return append(out, "There is nothing in it yet.")
		}
		return append(out, "There is nothing in it yet; the format is told when lines come.")
	case Odd:
		return append(out, fmt.Sprintf("No format takes its lines. veritail suggest %s proposes one; then take the signs # away.", Quote(s.newest().Path)))
	}
	if f := s.newest(); f != nil {
		out = append(out, strings.TrimPrefix(f.Told(), ", ")+".")
		if n := f.Sample.Share(); n < 100 {
			out = append(out, fmt.Sprintf("For the rest: veritail suggest %s", Quote(f.Path)))
		}
	}
	if s.Prefix != "" {
		out = append(out, "log_line_prefix is guessed from the lines; SHOW log_line_prefix tells what it is.")
	}
	return out
}

// newest returns the newest file of which lines were looked at, nil if there is none.
func (s *Source) newest() *File {
	for _, f := range s.Files {
		if f.Sample != nil {
			return f
		}
	}
	return nil
}

// Share returns how many of a hundred lines of the newest file are understood.
func (s *Source) Share() int {
	if f := s.newest(); f != nil {
		return f.Sample.Share()
	}
	return 0
}

// Example returns the path of the newest file of which lines were looked at, "" if there is none.
func (s *Source) Example() string {
	if f := s.newest(); f != nil {
		return f.Path
	}
	return ""
}

// Told says what the sample of a file has told: "postgresql.stderr, 98 % of 212 lines understood".
func (f *File) Told() string {
	switch s := f.Sample; {
	case f.Problem != "":
		return f.Problem
	case s == nil && f.Size == 0:
		return "empty"
	case s == nil:
		return "not looked at"
	case s.Format == "" && s.Understood == 0:
		return fmt.Sprintf("no format takes any of %s", plural(int(s.Lines), "line"))
	default:
		name := s.Format
		if name == "" {
			name = configs.Auto
		}
		out := fmt.Sprintf("%s, %d %% of %s understood", name, s.Share(), plural(int(s.Lines), "line"))
		if s.Rotated {
			out += " of the rotated one"
		}
		return out
	}
}

func aside(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// comment makes a text one line of print.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}

// quoted writes a TOML string.
func quoted(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case unicode.IsPrint(r):
			out.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			fmt.Fprintf(&out, `\U%08X`, r)
		}
	}
	return out.String() + `"`
}

// literal writes a TOML string as it is, if that can be.
func literal(s string) string {
	if strings.Contains(s, "'''") || strings.HasSuffix(s, "'") || strings.ContainsFunc(s, unicode.IsControl) {
		return quoted(s)
	}
	return "'''" + s + "'''"
}

func list(all []string) string {
	var out []string
	for _, s := range all {
		out = append(out, quoted(s))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// Took returns how long looking took.
func (f *Found) Took() time.Duration { return time.Duration(f.Looked.Millis) * time.Millisecond }
