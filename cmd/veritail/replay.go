package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// replaying is what the command is told.
type replaying struct {
	json       bool
	all        bool
	rule       string // a rule file
	since      string
	until      string
	budget     float64
	configFile string
	in         reading
}

// maxDraft bounds the bytes of a rule file that is replayed.
const maxDraft = 256 << 10

// noiseBudget is how many notices a rule may make in a day before it is marked, unless the command says otherwise.
const noiseBudget = 5

func replayCommand() *cobra.Command {
	var o replaying
	c := &cobra.Command{
		Use:   "replay -rule FILE | -all [LOG...]",
		Short: "Tell what rules would have found, before they are enabled",
		Long: `Replay judges what was stored, or LOGs (plain, .gz, .zst, .bz2), by rules as if they had been
judged then. Nothing is stored, and nobody is told.

With -rule it is the rules of a FILE, which may stand anywhere: how often each would
have fired, when first and last, for which groups, with examples and their lines,
and, of a rule that there is already, what only it finds as it is in FILE, what only
as it is now, and what both do.

With -all it is all rules of the configuration, and those of FILE in their place:
how many notices there would have been, a day and for whom. A rule that makes more
than -budget notices a day is marked: nobody reads them for long.

Without LOGs the running daemon is asked, or its store. What rules remember is taken
from the events before -since.

Exit status: 0 if it was judged, whatever was found; 1 for a mistake in a rule, or a
log that cannot be read.`,
		Example: `  veritail replay -rule night.toml
  veritail replay -rule night.toml -since 24h /var/log/auth.log /var/log/auth.log.*.gz
  veritail replay -all -since 7d
  veritail replay -all -rule night.toml -since 2026-11-19 -json | jq '.rules[] | select(.over)'`,
		RunE: func(cmd *cobra.Command, logs []string) error {
			for _, name := range []string{"configs", "format", "log-line-prefix", "log-format", "zone"} {
				if len(logs) == 0 && cmd.Flags().Changed(name) {
					return userErrorf("-%s says how LOGs are read, and none is given; of what is stored the daemon's own configuration tells (-config)", name)
				}
			}
			req, err := o.request(time.Now(), len(logs) > 0)
			if err != nil {
				return err
			}
			var r *replayed
			if len(logs) > 0 {
				r, err = o.logs(cmd.Context(), req, logs, cmd.InOrStdin(), cmd.ErrOrStderr())
			} else {
				r, err = o.stored(cmd.Context(), req, cmd.ErrOrStderr())
			}
			if err != nil {
				return err
			}
			if o.json {
				err = encode(cmd.OutOrStdout(), r)
			} else {
				err = r.print(cmd.OutOrStdout())
			}
			if err != nil {
				return fmt.Errorf("print the result: %w", err)
			}
			if r.unread {
				return errQuiet
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.rule, "rule", "", "a rule `file` that is not judged yet")
	c.Flags().BoolVar(&o.all, "all", false, "all rules of the configuration")
	c.Flags().StringVar(&o.since, "since", "7d", "what happened since then: a `time` as 2026-11-19 or 2026-11-19T08:00:00Z, or how long ago; of LOGs all, if it is not given")
	c.Flags().StringVar(&o.until, "until", "", "what happened until then: a `time`, or how long ago")
	c.Flags().Float64Var(&o.budget, "budget", noiseBudget, "so many `notices` of a rule in a day are too many")
	c.Flags().BoolVar(&o.json, "json", false, "print one JSON object")
	c.Flags().StringVar(&o.configFile, "config", "", "configuration `file` of the daemon")
	o.in.flags(c)
	c.PreRun = func(cmd *cobra.Command, logs []string) {
		if len(logs) > 0 && !cmd.Flags().Changed("since") {
			o.since = ""
		}
	}
	if err := c.MarkFlagFilename("rule", "toml"); err != nil {
		panic(err) // the flag was added above
	}
	return c
}

// A replayRequest says what is to be judged, and by which rules.
type replayRequest struct {
	all    bool
	name   string // of the rule file; "": none
	draft  []byte
	during query.Interval // 0: from the first, to the last
	budget float64
}

func (o *replaying) request(now time.Time, logs bool) (*replayRequest, error) {
	req := &replayRequest{all: o.all, name: o.rule, budget: o.budget}
	switch {
	case !o.all && o.rule == "":
		return nil, userErrorf("which rules? Give -rule FILE, or -all for those of the configuration")
	case o.budget <= 0:
		return nil, userErrorf("-budget wants more than 0")
	}
	if o.rule != "" {
		var err error
		if req.draft, err = os.ReadFile(o.rule); err != nil {
			return nil, userErrorf("read the rules: %w", err)
		}
		if len(req.draft) > maxDraft {
			return nil, userErrorf("%s has %d bytes; a rule file that is replayed has at most %d", o.rule, len(req.draft), maxDraft)
		}
	}
	var err error
	if req.during.From, err = moment(o.since, "since", now); err != nil {
		return nil, err
	}
	if req.during.To, err = moment(o.until, "until", now); err != nil {
		return nil, err
	}
	if req.during.To == 0 && !logs {
		req.during.To = now.UnixMicro()
	}
	if req.during.To != 0 && req.during.From >= req.during.To {
		return nil, userErrorf("-until is not after -since")
	}
	return req, nil
}

// moment reads a time, or how long ago it was; 0 for none.
func moment(text, flag string, now time.Time) (int64, error) {
	if text == "" {
		return 0, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMicro(), nil
		}
	}
	var ago configs.Duration
	if err := ago.UnmarshalText([]byte(text)); err != nil {
		return 0, userErrorf("-%s wants a time as 2026-11-19 or 2026-11-19T08:00:00Z, or how long ago as 7d or 36h, not %q", flag, text)
	}
	return now.Add(-time.Duration(ago)).UnixMicro(), nil
}

// rules returns the rules to judge by, and, of those of the file, those that there are already.
func (req *replayRequest) rules(s *setup) (list, present []rules.Rule, err error) {
	if present, err = rules.Load(s.fs); err != nil || req.name == "" {
		return present, nil, err
	}
	list, ids, err := rules.LoadDraft(s.fs, req.name, req.draft)
	if err != nil {
		return nil, nil, err
	}
	if !req.all {
		list = withIDs(list, ids)
	}
	return list, withIDs(present, ids), nil
}

func withIDs(list []rules.Rule, ids []string) (some []rules.Rule) {
	for _, r := range list {
		for _, id := range ids {
			if r.ID == id {
				some = append(some, r)
			}
		}
	}
	return some
}

// logs replays logs, through the stages that a scan has.
func (o *replaying) logs(ctx context.Context, req *replayRequest, paths []string, stdin io.Reader, stderr io.Writer) (*replayed, error) {
	s, err := o.in.load()
	if err != nil {
		return nil, err
	}
	list, present, err := req.rules(s)
	if err != nil {
		return nil, err
	}
	now, was := newReplayTally(list, req.during), newReplayTally(present, req.during)
	stages := []pipeline.Stage{pipeline.StageFunc(now.look)}
	for _, t := range []*replayTally{now, was} {
		engine, err := rules.New(t.rules, rules.Config{Schema: s.schema})
		if err != nil {
			return nil, err
		}
		stages = append(stages, pipeline.StageFunc(func(ctx context.Context, c *event.Commit) error {
			own := &event.Commit{Batch: c.Batch}
			if err := engine.Process(ctx, own); err != nil {
				return err
			}
			t.take(own)
			return nil
		}))
	}
	bar := newProgress(stderr, totalSize(paths))
	defer bar.end()
	scan := pipeline.Scan{
		Decoder: func(g event.Generation) (pipeline.Decoder, error) { return s.decoder(g) },
		Stages:  stages, Read: bar.add, Stdin: stdin,
		Commit: func(context.Context, *event.Commit) error { return nil },
	}
	var gens []event.Generation
	for _, p := range paths {
		gens = append(gens, s.generation(p, o.in.format))
	}
	read, err := scan.Run(ctx, gens)
	if err != nil {
		return nil, err
	}
	r := now.result(req, was)
	r.Over = files(len(paths))
	for _, f := range read {
		if f.Err != nil {
			r.unread = true
			fmt.Fprintf(stderr, "veritail: %v\n", f.Err)
		}
	}
	return r, nil
}

// stored replays what was stored.
func (o *replaying) stored(ctx context.Context, req *replayRequest, stderr io.Writer) (*replayed, error) {
	c, err := dial(o.configFile)
	if err != nil {
		return nil, err
	}
	q := url.Values{
		"all": {strconv.FormatBool(req.all)}, "name": {req.name}, "draft": {string(req.draft)},
		"from": {strconv.FormatInt(req.during.From, 10)}, "to": {strconv.FormatInt(req.during.To, 10)},
		"budget": {strconv.FormatFloat(req.budget, 'g', -1, 64)},
	}
	r, bar := &replayed{}, newScanning(stderr, "events")
	defer bar.end()
	return r, c.question(ctx, "/replay", q, r, bar.tell, func(ctx context.Context, d *daemon) error {
		here, err := d.replay(ctx, q)
		if err != nil {
			return err
		}
		*r = *here
		return nil
	})
}

// replay answers the command's question.
func (d *daemon) replay(ctx context.Context, q url.Values) (*replayed, error) {
	req := &replayRequest{all: q.Get("all") == "true", name: q.Get("name"), draft: []byte(q.Get("draft"))}
	var errs [3]error
	req.during.From, errs[0] = strconv.ParseInt(q.Get("from"), 10, 64)
	req.during.To, errs[1] = strconv.ParseInt(q.Get("to"), 10, 64)
	req.budget, errs[2] = strconv.ParseFloat(q.Get("budget"), 64)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, &answerError{Message: err.Error()}
	}
	if !d.replays.TryLock() {
		return nil, &answerError{Message: "another replay is running; its speed would be halved: wait for it, or end it"}
	}
	defer d.replays.Unlock()
	now, was, err := d.judgeAgain(ctx, req)
	if err != nil {
		return nil, mistake(err)
	}
	r := now.result(req, was)
	r.Over = "the store"
	return r, nil
}

// judgeAgain judges what was stored, by the rules of the request and by those of a draft as they are now.
func (d *daemon) judgeAgain(ctx context.Context, req *replayRequest) (now, was *replayTally, err error) {
	list, present, err := req.rules(d.setup)
	if err != nil {
		return nil, nil, err
	}
	now, was = newReplayTally(list, req.during), newReplayTally(present, req.during)
	tell, told, looked := storage.TraceOf(ctx).Progress, time.Now(), int64(0)
	reading := storage.WithTrace(ctx, storage.Trace{}) // what is told is how far judging is; the store would tell of its reading besides, at the same time
	for _, t := range []*replayTally{now, was} {
		if len(t.rules) == 0 {
			continue
		}
		engine, err := rules.New(t.rules, rules.Config{Schema: d.setup.schema})
		if err != nil {
			return nil, nil, err
		}
		err = engine.Replay(reading, history{d}, req.during, func(c *event.Commit, p *event.Page) error {
			if p != nil {
				t.events += int64(p.N)
				looked += int64(p.N)
			}
			t.take(c)
			if tell != nil && time.Since(told) > 200*time.Millisecond {
				told = time.Now()
				tell(storage.Progress{Read: looked})
			}
			return ctx.Err()
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return now, was, nil
}

// mistake returns an error of the rules as what was asked wrongly.
func mistake(err error) error {
	if isMistake(err) {
		return &answerError{Message: explain(err)}
	}
	return err
}
