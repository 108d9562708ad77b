package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/state"
)

func issueCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "issue",
		Short: "Keep the issue log: report, assign, resolve, sum up",
		Long: `Issue keeps the site's issue log. Findings of the severity that the configuration
names (issues.from) open issues by themselves, and open one again when it comes back;
people report the others. Every change keeps who made it, and when.

The log lies in the state directory; the daemon need not run.

Exit status: 0 done; 1 an issue that is not there, a change that the log refuses, or
another error you can mend; 2 an error of Veritail or its machine.`,
		Example: `  veritail issue list
  veritail issue new -priority high -title 'Checkout hangs' -description 'since 9:40, every third order'
  veritail issue edit 12 -status 'in progress' -assign bob -comment 'looking at the locks'
  veritail issue resolve 12 -cause 'no index on orders.customer' -resolution 'index added'
  veritail issue export issues.xlsx`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(issueListCommand(), issueShowCommand(), issueNewCommand(), issueEditCommand(), issueResolveCommand(), issueRateCommand(), issueSummaryCommand(), issueExportCommand(), issueImportCommand())
	return c
}

// inRecords runs f with the records that the configuration names.
func inRecords(ctx context.Context, configFile string, f func(*state.DB) error) (err error) {
	cfg, err := configs.LoadDaemon(configFile)
	if err != nil {
		return err
	}
	db, err := state.Open(ctx, recordsFile(cfg))
	if err != nil {
		return err
	}
	defer func() {
		_, giving := embedded.GiveToOwner(recordsFile(cfg)) // the daemon's user has to be able to open what root has made
		err = errors.Join(err, db.Close(), giving)
	}()
	err = f(db)
	if errors.Is(err, state.ErrRefused) || errors.Is(err, state.ErrNotFound) {
		return userError{err}
	}
	return err
}

// recordsFlags are those of every command about records.
type recordsFlags struct {
	config string
	json   bool
	by     string
}

func (f *recordsFlags) add(c *cobra.Command, writes bool) {
	c.Flags().StringVar(&f.config, "config", "", "configuration `file` of the daemon")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	if writes {
		c.Flags().StringVar(&f.by, "by", "", "`name` of who does it; without it, of who runs the command")
	}
}

func (f *recordsFlags) who() string {
	if f.by != "" {
		return f.by
	}
	return person()
}

// show prints what was asked for, as JSON or by print.
func (f *recordsFlags) show(out io.Writer, v any, print func(*sink, colours)) error {
	if f.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	w := &sink{w: out}
	print(w, palette(out))
	return w.err
}

func issueListCommand() *cobra.Command {
	var f recordsFlags
	var q issueAsk
	c := &cobra.Command{
		Use:   "list",
		Short: "List issues, those that wait for somebody first",
		Example: `  veritail issue list -status open,'in progress'
  veritail issue list -priority high -from 2026-11-01
  veritail issue list -text deadlock -json | jq -r '.[].root_cause'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				list, err := db.Issues(cmd.Context(), query)
				if err != nil {
					return err
				}
				if list == nil {
					list = []state.Issue{}
				}
				return f.show(cmd.OutOrStdout(), list, func(w *sink, p colours) { printIssues(w, p, list, time.Now()) })
			})
		},
	}
	f.add(c, false)
	q.add(c)
	return c
}

// issueAsk says which issues are asked for.
type issueAsk struct {
	statuses, priorities, assigned, text, from, to string
	site                                           string
}

func (q *issueAsk) add(c *cobra.Command) {
	c.Flags().StringVar(&q.statuses, "status", "", "only these `statuses`: open, in progress, resolved")
	c.Flags().StringVar(&q.priorities, "priority", "", "only these `priorities`: high, medium, low")
	c.Flags().StringVar(&q.assigned, "assigned", "", "only those of a `name`")
	c.Flags().StringVar(&q.text, "text", "", "only those with this `text` in title, description, cause or resolution")
	c.Flags().StringVar(&q.from, "from", "", "only those reported from this `day` on, as 2026-11-24")
	c.Flags().StringVar(&q.to, "to", "", "only those reported up to this `day`")
	c.Flags().StringVar(&q.site, "site", "", "only those of this `site`; this-machine: of none")
}

func (q *issueAsk) query() (out state.IssueQuery, err error) {
	out.Assigned, out.Text = q.assigned, q.text
	for _, text := range listed(q.statuses) {
		s, err := oneOf("status", text, state.Statuses)
		if err != nil {
			return out, err
		}
		out.Statuses = append(out.Statuses, s)
	}
	for _, text := range listed(q.priorities) {
		p, err := oneOf("priority", text, state.Priorities)
		if err != nil {
			return out, err
		}
		out.Priorities = append(out.Priorities, p)
	}
	if q.site != "" {
		site := strings.TrimSuffix(q.site, "this-machine")
		out.Site = &site
	}
	if out.From, err = dayOf(q.from); err != nil {
		return out, err
	}
	if out.To, err = dayOf(q.to); !out.To.IsZero() {
		out.To = out.To.AddDate(0, 0, 1)
	}
	return out, err
}

// dayOf returns when a day begins, in UTC; the zero time for "".
func dayOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	during, err := day(text, time.Now())
	return time.UnixMicro(during.From).UTC(), err
}

// listed are the parts of a list with commas.
func listed(list string) (out []string) {
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// oneOf returns the one of a list that text means, in any case.
func oneOf[T ~string](what, text string, list []T) (T, error) {
	var names []string
	for _, v := range list {
		if strings.EqualFold(string(v), text) {
			return v, nil
		}
		names = append(names, strings.ToLower(string(v)))
	}
	hint := ""
	if near := configs.Nearest(strings.ToLower(text), names); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return "", userErrorf("the %s %q is none of %s%s", what, text, strings.Join(names, ", "), hint)
}

// issueNumber reads the number of an issue, with or without #.
func issueNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	if err != nil || n < 1 {
		return 0, userErrorf("%q is no number of an issue; veritail issue list shows them", text)
	}
	return n, nil
}

func issueShowCommand() *cobra.Command {
	var f recordsFlags
	c := &cobra.Command{
		Use:     "show NUMBER",
		Short:   "Show an issue with its history and its findings",
		Example: `  veritail issue show 12`,
		Args:    wants(1, 1, "the NUMBER of an issue"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := issueNumber(args[0])
			if err != nil {
				return err
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error { return showIssue(cmd, db, id, &f) })
		},
	}
	f.add(c, false)
	return c
}

// An issueReport is an issue with what there is about it.
type issueReport struct {
	state.Issue
	History  []state.Change `json:"history"`
	Findings []state.Link   `json:"newest_findings"`
}

// maxLinks is how many findings of an issue are shown.
const maxLinks = 20

func showIssue(cmd *cobra.Command, db *state.DB, id int64, f *recordsFlags) error {
	var r issueReport
	var err error
	if r.Issue, err = db.Issue(cmd.Context(), id); err != nil {
		return err
	}
	if r.History, err = db.History(cmd.Context(), id); err != nil {
		return err
	}
	if r.Findings, err = db.Links(cmd.Context(), id, maxLinks); err != nil {
		return err
	}
	return f.show(cmd.OutOrStdout(), r, func(w *sink, p colours) { r.print(w, p) })
}

func issueNewCommand() *cobra.Command {
	var f recordsFlags
	var i state.Issue
	var priority, finding string
	c := &cobra.Command{
		Use:   "new",
		Short: "Report an issue",
		Example: `  veritail issue new -title 'Checkout hangs' -priority high
  veritail issue new -finding 7c1e09b4d2a80f31
  veritail issue new -title 'Report is late' -description 'third day in a row' -by ann -role sales -category reports`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if i.Priority, err = oneOf("priority", priority, state.Priorities); err != nil {
				return err
			}
			i.Reporter = f.who()
			var about []state.Occurrence
			if finding != "" {
				found, err := findFinding(cmd.Context(), f.config, finding)
				if err != nil {
					return err
				}
				o := issuelog.OccurrenceOf(found, issuelog.ByGroup)
				i.Title, i.Description, i.Category = cmp.Or(i.Title, o.Title), cmp.Or(i.Description, o.Message), cmp.Or(i.Category, o.Category)
				if !cmd.Flags().Changed("priority") {
					i.Priority = o.Priority
				}
				i.Rule, i.Site, about = o.Rule, o.Site, append(about, o)
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				made, err := db.Report(cmd.Context(), i, i.Reporter, about...)
				if err != nil {
					return err
				}
				return f.show(cmd.OutOrStdout(), made, func(w *sink, p colours) {
					w.f("Issue %d is open: %s\n", made.ID, printable(made.Title))
				})
			})
		},
	}
	f.add(c, true)
	c.Flags().StringVar(&finding, "finding", "", "`id` of a finding that it is about: what is not given comes from it")
	c.Flags().StringVar(&i.Title, "title", "", "what is wrong, in a line; required without a finding")
	c.Flags().StringVar(&i.Description, "description", "", "symptoms, since when, how often")
	c.Flags().StringVar(&priority, "priority", "medium", "high, medium or low")
	c.Flags().StringVar(&i.Category, "category", "", "kind of issue, in a `word`")
	c.Flags().StringVar(&i.Role, "role", "", "`role` of who reports it")
	c.Flags().StringVar(&i.Assigned, "assign", "", "`name` of who sees to it")
	return c
}

func issueEditCommand() *cobra.Command {
	var f recordsFlags
	texts := map[string]*string{}
	c := &cobra.Command{
		Use:   "edit NUMBER",
		Short: "Change an issue: status, priority, who sees to it, a comment",
		Example: `  veritail issue edit 12 -status 'in progress' -assign bob
  veritail issue edit 12 -comment 'seen again on db2'
  veritail issue edit 12 -status open -comment 'it came back'`,
		Args: wants(1, 1, "the NUMBER of an issue"),
		RunE: func(cmd *cobra.Command, args []string) error {
			given := func(flag string) *string {
				if cmd.Flags().Changed(flag) {
					return texts[flag]
				}
				return nil
			}
			e := state.Edit{Title: given("title"), Description: given("description"), Category: given("category"), Assigned: given("assign"),
				Cause: given("cause"), Resolution: given("resolution"), Comment: *texts["comment"]}
			if text := given("priority"); text != nil {
				p, err := oneOf("priority", *text, state.Priorities)
				if err != nil {
					return err
				}
				e.Priority = &p
			}
			if text := given("status"); text != nil {
				s, err := oneOf("status", *text, state.Statuses)
				if err != nil {
					return err
				}
				e.Status = &s
			}
			if e == (state.Edit{}) {
				return userErrorf("nothing is to be changed; see %s -h", cmd.CommandPath())
			}
			return changeIssue(cmd, args[0], e, &f)
		},
	}
	f.add(c, true)
	for _, flag := range [][2]string{
		{"status", "`open`, in progress or resolved"}, {"priority", "`high`, medium or low"}, {"assign", "`name` of who sees to it"}, {"comment", "`text` to add"},
		{"title", "what is wrong, in a `line`"}, {"description", "`text`: symptoms, since when, how often"}, {"category", "kind of issue, in a `word`"},
		{"cause", "`text`: the root cause"}, {"resolution", "`text`: what was done"},
	} {
		texts[flag[0]] = c.Flags().String(flag[0], "", flag[1])
	}
	return c
}

// changeIssue makes a change and shows the issue.
func changeIssue(cmd *cobra.Command, number string, e state.Edit, f *recordsFlags) error {
	id, err := issueNumber(number)
	if err != nil {
		return err
	}
	return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
		if _, err := db.Change(cmd.Context(), id, f.who(), e); err != nil {
			return err
		}
		return showIssue(cmd, db, id, f)
	})
}

func issueResolveCommand() *cobra.Command {
	var f recordsFlags
	var cause, resolution string
	c := &cobra.Command{
		Use:     "resolve NUMBER",
		Short:   "Resolve an issue, with its root cause and what was done",
		Example: `  veritail issue resolve 12 -cause 'disk of db1 full: logs not rotated' -resolution 'rotation set up, 40 GB freed'`,
		Args:    wants(1, 1, "the NUMBER of an issue"),
		RunE: func(cmd *cobra.Command, args []string) error {
			resolved := state.Resolved
			e := state.Edit{Status: &resolved}
			if cmd.Flags().Changed("cause") {
				e.Cause = &cause
			}
			if cmd.Flags().Changed("resolution") {
				e.Resolution = &resolution
			}
			return changeIssue(cmd, args[0], e, &f)
		},
	}
	f.add(c, true)
	c.Flags().StringVar(&cause, "cause", "", "`text`: the root cause; required unless the issue has one")
	c.Flags().StringVar(&resolution, "resolution", "", "`text`: what was done, fix or workaround; required likewise")
	return c
}

func issueRateCommand() *cobra.Command {
	var f recordsFlags
	var text string
	c := &cobra.Command{
		Use:     "rate NUMBER STARS",
		Short:   "Say how an issue was resolved: 1 to 5",
		Example: `  veritail issue rate 12 5 -note 'quick, and explained' -by ann`,
		Args:    wants(2, 2, "the NUMBER of an issue and 1 to 5"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := issueNumber(args[0])
			if err != nil {
				return err
			}
			stars, err := strconv.Atoi(args[1])
			if err != nil {
				return userErrorf("a rating is 1 to 5, not %q", args[1])
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				if _, err := db.Rate(cmd.Context(), id, f.who(), stars, text); err != nil {
					return err
				}
				return showIssue(cmd, db, id, &f)
			})
		},
	}
	f.add(c, true)
	c.Flags().StringVar(&text, "note", "", "`text`: what was good or bad")
	return c
}
