package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/state"
)

// ruled is what rules made of one event: those that fired or came near. The others are counted.
type ruled struct {
	rules.Explanation
	Fields  map[string]any `json:"fields,omitempty"`  // of a stored event
	Finding *event.Finding `json:"finding,omitempty"` // that was asked for
	Note    string         `json:"note,omitempty"`    // what is to be said beside
	Record  *state.Record  `json:"judged,omitempty"`  // how the findings of the rule that was asked for were judged; nil: none was
	Looked  int            `json:"looked"`            // rules that were asked
	Rest    int            `json:"rest,omitempty"`    // that are not among Rules
}

// maxNear bounds the rules that are shown because most of their conditions hold.
const maxNear = 7

// ruledOf keeps what is worth showing.
func ruledOf(e rules.Explanation, all bool) ruled {
	out := ruled{Explanation: e, Looked: len(e.Rules)}
	if all {
		return out
	}
	near := 0
	out.Rules = slices.DeleteFunc(slices.Clone(e.Rules), func(v rules.Verdict) bool {
		if v.Outcome != rules.Unmatched {
			return false
		}
		near++
		return !v.Near() || near > maxNear
	})
	out.Rest = len(e.Rules) - len(out.Rules)
	return out
}

var idForm = regexp.MustCompile(`^[0-9a-f]{16}(-[0-9]+)?$`)

// isID reports whether what is to be explained is the id of an event or a finding.
func isID(arg string) bool { return idForm.MatchString(arg) }

// fileLine reads FILE:NUMBER, of a file that is there.
func fileLine(arg string) (path string, number int, ok bool) {
	i := strings.LastIndexByte(arg, ':')
	if i < 1 {
		return "", 0, false
	}
	number, err := strconv.Atoi(arg[i+1:])
	st, missing := os.Stat(arg[:i])
	return arg[:i], number, err == nil && number > 0 && missing == nil && st.Mode().IsRegular()
}

// hasRule returns an error for an id that no rule has; "" is none.
func hasRule(list []rules.Rule, id string) error {
	if id == "" || slices.ContainsFunc(list, func(r rules.Rule) bool { return r.ID == id }) {
		return nil
	}
	var ids []string
	for i := range list {
		ids = append(ids, list[i].ID)
	}
	if near := configs.Nearest(id, ids); near != "" {
		return userErrorf("there is no rule %q; did you mean %q?", id, near)
	}
	return userErrorf("there is no rule %q", id)
}

// askedFor returns the rules that were asked for: those of the ids, or all without any.
func askedFor(list []rules.Rule, ids ...string) []rules.Rule {
	if len(ids) == 0 || ids[0] == "" {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(r rules.Rule) bool { return !slices.Contains(ids, r.ID) })
}

// alone says what rules make of the events of a line that has no history.
func (o *explaining) alone(s *setup, format, line string) ([]ruled, error) {
	_, engine, err := s.stages(askedFor(s.rules, o.rule), rules.Config{Tally: true})
	if err != nil {
		return nil, err
	}
	why := engine.Explain(func(event.GenID, int64) bool { return true })
	opts := s.options()
	opts.Host = s.host
	d, err := s.set.NewDecoder(event.Generation{ID: 1, Path: "-", Format: format}, opts)
	if err != nil {
		return nil, userError{err}
	}
	c := &event.Commit{Batch: &event.Batch{}}
	defer c.Release()
	d.Decode(c.Batch, []byte(line+"\n"), 0)
	d.Flush(c.Batch, time.Now(), true)
	c.From, c.To = []event.Mark{{Gen: 1, Low: math.MinInt64}}, []event.Mark{d.Mark()}
	if err := engine.Process(context.Background(), c); err != nil {
		return nil, err
	}
	engine.Flush(c)
	var out []ruled
	for _, e := range why.End() {
		out = append(out, ruledOf(e, o.rule != ""))
	}
	return out, nil
}

// inFile explains a line of a file among the others: the file is scanned, and the engine asked what it made of the line.
func (o *explaining) inFile(ctx context.Context, s *setup, path string, number int, out io.Writer) error {
	offsets, err := offsetsOf(path, []int{number})
	if err != nil {
		return err
	}
	at, there := offsets[number]
	if !there {
		return userErrorf("%s has no line %s", path, n(int64(number)))
	}
	_, engine, err := s.stages(askedFor(s.rules, o.rule), rules.Config{Tally: true})
	if err != nil {
		return err
	}
	record, found, taken := int64(-1), &event.Span{}, false
	why := engine.Explain(func(_ event.GenID, off int64) bool { return off == record })
	var parsed parsers.Explanation
	find := func(_ context.Context, c *event.Commit) error {
		for _, p := range c.Pages {
			for i := range p.N {
				for _, sp := range p.RowSpans(i) {
					if sp.Off <= at && at < sp.Off+int64(max(sp.Len, 1)) {
						record, *found, taken = p.Offset(i), sp, !p.Unparsed.Has(i)
						format := p.Format
						if format == "" {
							format = o.in.format
						}
						var err error
						if parsed, err = s.set.Explain(format, p.Bytes(p.Raw[i]), s.options()); err != nil {
							return userError{err}
						}
					}
				}
			}
		}
		return nil
	}
	var last event.Commit
	scan := pipeline.Scan{
		Decoder: func(g event.Generation) (pipeline.Decoder, error) { return s.decoder(g) },
		Stages:  []pipeline.Stage{pipeline.StageFunc(find), engine},
		Commit:  func(context.Context, *event.Commit) error { return nil },
	}
	files, err := scan.Run(ctx, []event.Generation{s.generation(path, o.in.format)})
	if err != nil {
		return err
	}
	if files[0].Err != nil {
		return userError{files[0].Err}
	}
	last.Batch = &event.Batch{}
	engine.Flush(&last)
	all := why.End()
	if len(all) == 0 {
		return userErrorf("line %s of %s is no event: it is left out as the format says, or empty", n(int64(number)), path)
	}
	e := lineExplained{Explanation: parsed, Rules: []ruled{ruledOf(all[0], o.rule != "")}}
	if err := numberLines(path, &e.Rules[0]); err != nil {
		return err
	}
	if err := o.recordIn(ctx, &e.Rules[0]); err != nil {
		return err
	}
	if o.json {
		err = encode(out, e)
	} else {
		x := &explainText{sink{w: out}, palette(out)}
		x.place(fmt.Sprintf("%s:%d", path, e.Rules[0].Event.Line), &e.Rules[0].Event)
		x.print(&e.Explanation)
		x.f("\n")
		x.rules(&e.Rules[0], o.rule != "")
		err = x.err
	}
	if err == nil && !taken {
		return errQuiet
	}
	return err
}

// offsetsOf returns where lines of a file begin, by their numbers from 1; those that it does not have are missing.
func offsetsOf(path string, numbers []int) (map[int]int64, error) {
	out := map[int]int64{}
	err := eachFileLine(path, func(number int, off int64) {
		if slices.Contains(numbers, number) {
			out[number] = off
		}
	})
	return out, err
}

// eachFileLine calls f with the number and the offset of each line of a file, which may be compressed.
func eachFileLine(path string, f func(number int, off int64)) error {
	file, err := source.Open(path, nil)
	if err != nil {
		return userError{err}
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<20)
	off, begins, number := int64(0), true, 0
	for {
		part, err := r.ReadSlice('\n')
		if begins && len(part) > 0 {
			number++
			f(number, off)
		}
		off += int64(len(part))
		begins = bytes.HasSuffix(part, []byte("\n"))
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
}

// numberLines tells which lines of a file the events are that an explanation names.
func numberLines(path string, e *ruled) error {
	moments := map[int64][]*rules.Moment{e.Event.Off: {&e.Event}}
	for i := range e.Rules {
		v := &e.Rules[i]
		if v.By != nil {
			moments[v.By.Off] = append(moments[v.By.Off], v.By)
		}
		if v.Window == nil {
			continue
		}
		for j := range v.Window.Members {
			m := &v.Window.Members[j]
			moments[m.Off] = append(moments[m.Off], m)
		}
	}
	return eachFileLine(path, func(number int, off int64) {
		for _, m := range moments[off] {
			m.Line = int64(number)
		}
	})
}

// stored explains a stored event, or the one that made a finding.
func (o *explaining) stored(ctx context.Context, id string, out io.Writer) error {
	c, err := dial(o.configFile)
	if err != nil {
		return err
	}
	var e ruled
	q := url.Values{"id": {id}, "rule": {o.rule}}
	err = c.question(ctx, "/explain", q, &e, func(storage.Progress) {}, func(ctx context.Context, d *daemon) error {
		here, err := d.explain(ctx, q)
		if err == nil {
			e = *here
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := o.recordIn(ctx, &e); err != nil {
		return err
	}
	if o.json {
		return encode(out, e)
	}
	x := &explainText{sink{w: out}, palette(out)}
	x.stored(&e)
	x.rules(&e, o.rule != "" || e.Finding != nil)
	return x.err
}

// recordIn adds how the findings of the rule that was asked for, or of the finding's, were judged on this machine. Where no daemon has kept
// records there is nothing to add.
func (o *explaining) recordIn(ctx context.Context, e *ruled) (err error) {
	rule := o.rule
	if rule == "" && e.Finding != nil {
		rule = e.Finding.Rule
	}
	if rule == "" {
		return nil
	}
	cfg, err := configs.LoadDaemon(o.configFile)
	if err != nil {
		return err
	}
	if !there(recordsFile(cfg)) {
		return nil
	}
	db, err := state.Open(ctx, recordsFile(cfg))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	all, err := db.Records(ctx)
	if err != nil {
		return err
	}
	if r := all[rule]; r.Judged() > 0 {
		e.Record = &r
	}
	return nil
}

// explain answers for ?id=, of an event or a finding, and ?rule=, if not for all.
func (d *daemon) explain(ctx context.Context, ask url.Values) (*ruled, error) {
	if err := hasRule(d.rules(), ask.Get("rule")); err != nil {
		return nil, &answerError{Message: err.Error()}
	}
	id, one := ask.Get("id"), ask.Get("rule")
	gen, off, isEvent := strings.Cut(id, "-")
	if !isEvent {
		return d.explainFinding(ctx, id)
	}
	g, err := strconv.ParseUint(gen, 16, 64)
	at, wrong := strconv.ParseInt(off, 10, 64)
	if err != nil || wrong != nil {
		return nil, &answerError{Message: fmt.Sprintf("%s is the id of no event; want one as 7c1e09b4a1d20f35-10499", id)}
	}
	return d.explainEvent(ctx, query.ID{Gen: event.GenID(g), Off: at}, one)
}

// explainEvent says what rules make of a stored event.
func (d *daemon) explainEvent(ctx context.Context, id query.ID, one string) (*ruled, error) {
	rows, err := d.store.Search(ctx, access.All(), query.Search{IDs: []query.ID{id}, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("read event %s-%d: %w", id.Gen, id.Off, err)
	}
	if len(rows.Events) == 0 {
		return nil, &answerError{Message: fmt.Sprintf("there is no event %s-%d in the store; it may be older than what is kept", id.Gen, id.Off)}
	}
	ev := rows.Events[0]
	e, err := rules.ExplainStored(ctx, askedFor(d.rules(), one), d.setup.schema, history{d}, id, ev.Time, time.Now())
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, &answerError{Message: fmt.Sprintf("event %s-%d was dropped from the store meanwhile", id.Gen, id.Off)}
	}
	for i := range e.Rules {
		if err := d.compareStored(ctx, &e.Rules[i]); err != nil {
			return nil, err
		}
	}
	out := ruledOf(*e, one != "")
	out.Fields = fieldsOf(ev)
	return &out, nil
}

// compareStored asks the store for the finding that an event made, or would have made.
func (d *daemon) compareStored(ctx context.Context, v *rules.Verdict) error {
	id := v.Finding
	if v.Outcome != rules.Raised && v.Outcome != rules.Member {
		id = v.Crossing
	}
	if id == "" || v.Severity == "info" {
		return nil
	}
	list, err := d.store.Findings(ctx, access.All(), storage.FindingQuery{ID: id, Limit: 1})
	if err != nil {
		return fmt.Errorf("read finding %s: %w", id, err)
	}
	switch there := len(list) > 0; {
	case v.Finding != "":
		v.Stored = &there
	case there:
		v.Finding, v.Stored = id, &there
	}
	return nil
}

// explainFinding says why a finding was made.
func (d *daemon) explainFinding(ctx context.Context, id string) (*ruled, error) {
	list, err := d.store.Findings(ctx, access.All(), storage.FindingQuery{ID: id, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("read finding %s: %w", id, err)
	}
	if len(list) == 0 {
		return nil, &answerError{Message: "there is no finding " + id + "; of an event the id has the offset too, as 7c1e09b4a1d20f35-10499"}
	}
	f := &list[0]
	bare := &ruled{Finding: f}
	if hasRule(d.rules(), f.Rule) != nil {
		bare.Note = "The rule " + f.Rule + " is no more, or is none of a file's. What the finding keeps is its evidence."
		return bare, nil
	}
	cross, ok := rules.Crossing(f)
	if !ok {
		bare.Note = "None of the evidence that it keeps is the event that made it."
		return bare, nil
	}
	e, err := d.explainEvent(ctx, query.ID{Gen: cross.Gen, Off: cross.Spans[0].Off}, f.Rule)
	var gone *answerError
	if errors.As(err, &gone) {
		bare.Note = "Its events are not in the store any more. What is left is its evidence."
		return bare, nil
	}
	if err != nil {
		return nil, err
	}
	e.Finding = f
	return e, nil
}
