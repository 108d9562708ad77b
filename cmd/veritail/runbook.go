package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/runbook"
	"github.com/saypro/veritail/rules"
)

// ownRunbook is what findings about Veritail itself refer to.
var ownRunbook = []string{configs.RunbookRef + "veritail-troubles"}

// runbookFlags are those of every command about runbooks.
type runbookFlags struct {
	configs string
	json    bool
}

func (f *runbookFlags) add(c *cobra.Command) {
	configsFlag(c, &f.configs, "runbooks and rules")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

// rules returns the rules that may name runbooks. Mistakes in them keep nobody from reading what to do.
func (f *runbookFlags) rules(stderr io.Writer) []rules.Rule {
	all, err := rules.Load(configs.FS(f.configs))
	if err != nil {
		fmt.Fprintln(stderr, "The rules cannot be read, so which of them name a runbook is not shown: veritail check says why.")
	}
	return all
}

func (f *runbookFlags) load() (*runbook.Library, error) { return runbook.Load(configs.FS(f.configs)) }

func runbookCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "runbook",
		Short: "Read what to do about findings: list, search and show runbooks",
		Long: `Runbooks say what findings mean, how to see whether they are real, what to do first
and how to prevent them. Rules name them; veritail explain and a finding's page do too.

Runbooks of your own are Markdown files in local/runbooks/ of your configuration; one
with the name of a shipped one replaces it.

Exit status: 0, or 1 if there is no such runbook, or none has the words.`,
		Example: `  veritail runbook search lock timeout
  veritail runbook show lock-waits
  veritail runbook list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(runbookListCommand(), runbookSearchCommand(), runbookShowCommand())
	return c
}

// A listedRunbook is a runbook as list prints it.
type listedRunbook struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Summary string   `json:"summary"`
	File    string   `json:"file"`
	Rules   []string `json:"rules"`          // that name it
	Text    string   `json:"text,omitempty"` // Markdown, where one is shown
}

func runbookOf(b *runbook.Book, all []rules.Rule) listedRunbook {
	l := listedRunbook{ID: b.ID, Title: b.Title, Summary: b.Summary, File: b.File, Rules: []string{}}
	for i := range all {
		for _, ref := range all[i].Refs {
			if ref == configs.RunbookRef+b.ID {
				l.Rules = append(l.Rules, all[i].ID)
			}
		}
	}
	return l
}

func runbookListCommand() *cobra.Command {
	var f runbookFlags
	c := &cobra.Command{
		Use:     "list",
		Short:   "List all runbooks",
		Example: "  veritail runbook list\n  veritail runbook list -json | jq -r '.[] | select(.rules | length > 0).id'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := f.load()
			if err != nil {
				return err
			}
			all := f.rules(cmd.ErrOrStderr())
			list := []listedRunbook{}
			for _, b := range l.All() {
				list = append(list, runbookOf(b, all))
			}
			show := recordsFlags{json: f.json}
			return show.show(cmd.OutOrStdout(), list, func(w *sink, p colours) {
				g := grid{heads: []string{"Runbook", "rules", "about"}, right: []bool{false, true, false}}
				for _, r := range list {
					g.rows = append(g.rows, []string{r.ID, n(int64(len(r.Rules))), printable(r.Title)})
				}
				g.print(w, p)
			})
		},
	}
	f.add(c)
	return c
}

func runbookSearchCommand() *cobra.Command {
	var f runbookFlags
	c := &cobra.Command{
		Use:   "search WORD...",
		Short: "Find the runbooks that have all words, the most fitting first",
		Long: `Search finds the runbooks in whose title, headings, text or commands all words stand.
A word stands for those that it begins: dead finds deadlock.

Exit status: 0, or 1 if no runbook has them.`,
		Example: `  veritail runbook search lock timeout
  veritail runbook search -json pg_stat_activity | jq -r '.[].id'`,
		Args: wants(1, 0, "the WORDs to look for"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := f.load()
			if err != nil {
				return err
			}
			hits := l.Search(strings.Join(args, " "))
			if hits == nil {
				hits = []runbook.Hit{}
			}
			show := recordsFlags{json: f.json}
			err = show.show(cmd.OutOrStdout(), hits, func(w *sink, p colours) {
				for i, h := range hits {
					if i > 0 {
						w.f("\n")
					}
					w.f("%s  %s\n  %s\n", p.blue(h.ID), p.bold(printable(h.Title)), printable(h.Excerpt))
				}
				if len(hits) == 0 {
					w.f("No runbook has all of these words; veritail runbook list shows what there is.\n")
				}
			})
			if err == nil && len(hits) == 0 {
				return errQuiet
			}
			return err
		},
	}
	f.add(c)
	return c
}

// runbookWidth is how wide the text of a runbook is in a terminal.
const runbookWidth = 80

func runbookShowCommand() *cobra.Command {
	var f runbookFlags
	c := &cobra.Command{
		Use:   "show RUNBOOK",
		Short: "Show a runbook, by its name or the id of a rule that names it",
		Example: `  veritail runbook show lock-waits
  veritail runbook show db.deadlock
  veritail runbook show -json backups | jq -r .text`,
		Args: wants(1, 1, "the name of one RUNBOOK, or a rule's id"),
		ValidArgsFunction: func(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			l, err := f.load()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			var ids []string
			for _, b := range l.All() {
				ids = append(ids, b.ID+"\t"+b.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := f.load()
			if err != nil {
				return err
			}
			all := f.rules(cmd.ErrOrStderr())
			b, err := askedRunbook(l, all, args[0])
			if err != nil {
				return err
			}
			one := runbookOf(b, all)
			one.Text = b.Text
			show := recordsFlags{json: f.json}
			return show.show(cmd.OutOrStdout(), one, func(w *sink, p colours) { printRunbook(w, p, b, one.Rules) })
		},
	}
	f.add(c)
	return c
}

// askedRunbook returns the runbook of that name, or that of a rule.
func askedRunbook(l *runbook.Library, all []rules.Rule, name string) (*runbook.Book, error) {
	if b := l.Find(name); b != nil {
		return b, nil
	}
	for i := range all {
		if all[i].ID != name {
			continue
		}
		books, _ := l.Of(all[i].Refs)
		if len(books) == 0 {
			return nil, userErrorf("the rule %s names no runbook", name)
		}
		return books[0], nil
	}
	err := "there is no runbook " + printable(name)
	if near := l.Nearest(name); near != "" {
		return nil, userErrorf("%s; did you mean %q?", err, near)
	}
	return nil, userErrorf("%s; veritail runbook list shows what there is, veritail runbook search looks into them", err)
}

func printRunbook(w *sink, p colours, b *runbook.Book, of []string) {
	w.f("%s\n\n", p.bold(printable(b.Title)))
	style := runbook.Style{
		Heading: func(s string) string { return p.bold(printable(s)) },
		Code:    func(s string) string { return p.blue(printable(s)) },
		Plain:   printable,
	}
	w.f("%s", b.Terminal(runbookWidth, style))
	if len(of) > 0 {
		w.f("\n%s %s\n", p.dim("rules that name it:"), strings.Join(of, ", "))
	}
	w.f("%s %s\n", p.dim("file:"), printable(b.File))
}
