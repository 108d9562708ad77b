package parsers_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// near is the time the tests' files were written last, for stamps without a year.
var near = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

var loadShipped = sync.OnceValues(func() (*parsers.Set, error) {
	return parsers.Load(configs.FS(""), event.NewSchema())
})

// shipped returns the formats that Veritail ships.
func shipped(t testing.TB) *parsers.Set {
	t.Helper()
	set, err := loadShipped()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// decoder returns a decoder for a file of the given format.
func decoder(t testing.TB, set *parsers.Set, format, path string) *parsers.Decoder {
	t.Helper()
	d, err := set.NewDecoder(event.Generation{ID: 1, Path: path, Format: format}, parsers.Options{Near: near})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// An outcome is one event as the tests compare it.
type outcome struct {
	off   int64
	text  string // as JSON, its members by name
	spans string
}

// collect takes the events of a batch and releases it.
func collect(out []outcome, b *event.Batch) []outcome {
	for _, p := range b.Pages {
		for i := range p.N {
			out = append(out, outcome{p.Offset(i), sorted(p.Row(i).AppendJSON(nil)), fmt.Sprint(p.RowSpans(i))})
		}
	}
	b.Release()
	return out
}

// sortedObjects are the objects that were sorted: tests read the same lines many times, cut in other places.
var sortedObjects sync.Map

// sorted returns a JSON object with its members by name: their order depends on what else is on the page.
func sorted(object []byte) string {
	if done, ok := sortedObjects.Load(string(object)); ok {
		return done.(string)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		panic(fmt.Sprintf("an event is no JSON object: %v\n%s", err, object))
	}
	out, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	sortedObjects.Store(string(object), string(out))
	return string(out)
}

// byOffset sorts events by where they begin.
func byOffset(out []outcome) []outcome {
	slices.SortStableFunc(out, func(a, b outcome) int { return cmp.Compare(a.off, b.off) })
	return out
}

// readTo returns text as a block that was read to the batch's arena.
func readTo(b *event.Batch, text []byte) []byte {
	b.Arena().Grow(len(text)) // as a reader does
	at := b.Arena().Put(text)
	return b.Arena().Buf[at.Off:]
}

// read decodes text to its end and returns its events in the order of their offsets.
func read(d *parsers.Decoder, text []byte) []outcome {
	var b event.Batch
	d.Decode(&b, text, 0)
	d.Flush(&b, near, true)
	return byOffset(collect(nil, &b))
}

// events decodes text with the shipped formats and returns its events as JSON, a line each.
func events(t testing.TB, format, path, text string) []string {
	t.Helper()
	d := decoder(t, shipped(t), format, path)
	var b event.Batch
	d.Decode(&b, []byte(text), 0)
	d.Flush(&b, near, true)
	defer b.Release()
	var out []string
	for _, p := range b.Pages {
		for i := range p.N {
			out = append(out, string(p.Row(i).AppendJSON(nil)))
		}
	}
	balanced(t, d, []byte(text))
	return out
}

// balanced fails the test unless every line and byte of text is in the account, and no record is open.
func balanced(t testing.TB, d *parsers.Decoder, text []byte) {
	t.Helper()
	m := d.Mark()
	lines := int64(bytes.Count(text, []byte("\n")))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		lines++
	}
	a := m.Lines
	if !a.Balanced() || a.Read != lines || a.Bytes != int64(len(text)) || m.Off != int64(len(text)) || len(m.Open) > 0 || m.Low != math.MaxInt64 {
		t.Fatalf("read %d lines, %d bytes; the mark says %+v", lines, len(text), m)
	}
}

// sample returns the sample of a format.
func sample(t testing.TB, format string) []byte {
	t.Helper()
	b, err := os.ReadFile("../testdata/formats/" + format + ".log")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rawLines splits text after each line ending.
func rawLines(text []byte) [][]byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if n := len(lines) - 1; len(lines[n]) == 0 {
		lines = lines[:n]
	}
	return lines
}

// stored returns what of a mark is stored.
func stored(m event.Mark) string { return fmt.Sprint(m.Off, m.Open, m.Lines) }

// has fails the test unless the event holds each of the members.
func has(t testing.TB, got string, members ...string) {
	t.Helper()
	for _, m := range members {
		if !strings.Contains(got, m) {
			t.Errorf("no %s in\n%s", m, got)
		}
	}
}
