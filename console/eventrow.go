package console

import (
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// An eventRow is one event of the results.
type eventRow struct {
	Time, Dataset, Host string
	Message             template.HTML
	Unparsed            bool
	Fields              []fieldRow
	Original            template.HTML
	Place               string // file and bytes
	Around              string
	Lines               int32
}

// A fieldRow is one field of an event; its value narrows the search.
type fieldRow struct{ Name, Value, URL string }

func (s *server) eventRow(r *request, a ask, e storage.Event) eventRow {
	text := func(f string) string {
		if v, ok := e.Fields[f]; ok {
			return event.Format(v)
		}
		return ""
	}
	row := eventRow{
		Time: stamp(e.Time, r.now, "15:04:05.000"), Dataset: text("event.dataset"), Host: text("host.name"), Lines: e.Lines,
	}
	row.Unparsed = e.Fields["veritail.unparsed"] == true
	original, message := text("event.original"), text("message")
	captures := capturesOf(e.Fields)
	if message == "" {
		message = original
	}
	const most = 400 // of a message in the list; the whole line unfolds
	if len(message) > most {
		message = message[:most] + "…"
	}
	row.Message = markText(message, captures)
	row.Original = markText(original, captures)
	path := text("log.file.path")
	row.Place = path + ", " + "bytes " + spans(e.Spans)
	minute := time.Minute.Microseconds()
	row.Around = r.search(is("log.file.path", path), e.Time-minute, e.Time+minute)
	for name, v := range e.Fields {
		if name == "event.original" || name == "message" && event.Format(v) == original {
			continue
		}
		value := event.Format(v)
		f := fieldRow{Name: name, Value: value}
		if filterable(name, value) {
			f.URL = a.url(r, a.narrowed(is(name, value)))
		}
		row.Fields = append(row.Fields, f)
	}
	slices.SortFunc(row.Fields, func(a, b fieldRow) int { return strings.Compare(a.Name, b.Name) })
	return row
}

// filterable reports whether a value makes a query that somebody would ask.
func filterable(name, value string) bool {
	switch name {
	case "@timestamp", "message", "log.offset":
		return false
	}
	return value != "" && len(value) <= 200 && !strings.ContainsAny(value, "\n\r")
}

// capturesOf are the values worth pointing out in a line: who, from where, and what became of it.
func capturesOf(fields map[string]any) []capture {
	var out []capture
	for _, f := range []string{"user.name", "source.ip", "source.address", "http.response.status_code", "db.response.status_code", "db.namespace"} {
		if v, ok := fields[f]; ok {
			out = append(out, captureOf(f, event.Format(v)))
		}
	}
	return out
}
