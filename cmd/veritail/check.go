package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/kpi"
)

func checkCommand() *cobra.Command {
	var configDir string
	var coverage, schema bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Validate formats, rules and KPIs, and run the rules' own tests",
		Long: `Check reads a configuration as the daemon does. It names every mistake with its
file, line and key; of a test that fails it says what was expected, and where the
lines stop that no format takes. It also names the expressions that no automaton
can match, which work but are many times slower. Nothing that runs is changed.

Exit status: 0 if all is well, 1 if there is a mistake or a test fails.`,
		Example: `  veritail check
  veritail check -configs /etc/veritail
  veritail check -schema > rules.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if schema {
				_, err := cmd.OutOrStdout().Write(configs.RuleSchema())
				return err
			}
			s, err := checkedSetup(configDir)
			if err != nil {
				return err
			}
			tests, failures, err := s.check()
			if err != nil {
				return err
			}
			conditions, unmet, err := rules.Coverage(s.rules, s.schema, s.decodeTest)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			for _, f := range failures {
				fmt.Fprintf(out, "%s\n%s\n", f, s.notTakenIn(f))
			}
			for _, f := range s.set.Fallbacks() {
				fmt.Fprintln(out, f)
			}
			for _, list := range []configs.Errors{s.runbooks.Faults(), rules.Unknown(s.rules, s.schema), rules.Expired(s.rules, time.Now()), rules.Untested(s.rules)} {
				for _, f := range list {
					fmt.Fprintf(out, "%s\n", f.Detail())
				}
			}
			fmt.Fprintf(out, "%d formats, %d rules, %d KPIs, %d runbooks; %d of %d tests pass.\n",
				s.set.Len(), len(s.rules), len(s.kpis), len(s.runbooks.All()), tests-len(failures), tests)
			fmt.Fprintf(out, "%d of %d conditions are met by an event of their rule's tests", conditions-len(unmet), conditions)
			switch {
			case coverage && len(unmet) > 0:
				fmt.Fprintf(out, "; not these:\n%s\n", unmet.Detail())
			case len(unmet) > 0:
				fmt.Fprintln(out, "; -coverage names the others.")
			default:
				fmt.Fprintln(out, ".")
			}
			if fleet, _ := rules.OfScope(s.rules); len(fleet) > 0 {
				fmt.Fprintf(out, "Of scope fleet, judged over all hosts that share a cluster: %s.\n", idsOf(fleet))
			}
			changes, err := rules.Changes(s.fs, configs.FS(""))
			if err != nil {
				return err
			}
			for _, c := range changes {
				fmt.Fprintln(out, changed(c))
			}
			if len(failures) > 0 {
				return errQuiet
			}
			return nil
		},
	}
	configsFlag(c, &configDir, "formats, rules and KPIs")
	c.Flags().BoolVar(&schema, "schema", false, "print the JSON schema of rule files, for editors")
	c.Flags().BoolVar(&coverage, "coverage", false, "name the conditions of rules that no event of their tests meets")
	return c
}

// changed says in which way a rule is not as it was shipped.
func changed(c rules.Change) string {
	text := c.ID + " is " + c.File + "'s own"
	switch {
	case c.Off:
		text = c.ID + " is switched off"
	case len(c.Keys) > 0:
		text = c.ID + " is not as shipped: " + strings.Join(c.Keys, ", ") + " in " + c.File
	}
	return text + "."
}

// idsOf names rules.
func idsOf(list []rules.Rule) string {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return strings.Join(ids, ", ")
}

// testHost is the host.name of events in the tests of rules.
const testHost = "test"

// check runs the tests of all rules.
func (s *setup) check() (tests int, failures []rules.Failure, err error) {
	if err := s.checkNamed(); err != nil {
		return 0, nil, err
	}
	return rules.Check(s.rules, s.schema, s.decodeTest)
}

// decodeTest makes events of the lines of a rule's test.
func (s *setup) decodeTest(format string, gen event.GenID, lines []byte) (*event.Batch, error) {
	d, err := s.set.NewDecoder(event.Generation{ID: gen, Path: "test", Format: format}, parsers.Options{Host: testHost, Transactions: s.told})
	if err != nil {
		return nil, userError{err}
	}
	b := &event.Batch{}
	d.Decode(b, lines, 0)
	d.Flush(b, time.Now(), true)
	b.From, b.To = []event.Mark{{Gen: gen, Low: math.MinInt64}}, []event.Mark{d.Mark()}
	return b, nil
}

// notTakenIn tells of the lines of a failed test that its formats do not take where they stop, a line each.
func (s *setup) notTakenIn(f rules.Failure) string {
	var b strings.Builder
	for i := range s.rules {
		if s.rules[i].ID != f.Rule {
			continue
		}
		for _, t := range s.rules[i].Tests {
			if t.Name != f.Test {
				continue
			}
			for _, in := range append([]rules.Input{{Format: t.Format, Lines: t.Lines}}, t.Inputs...) {
				s.stopsIn(&b, in)
			}
		}
	}
	return b.String()
}

func (s *setup) stopsIn(b *strings.Builder, in rules.Input) {
	d, err := s.set.NewDecoder(event.Generation{Path: "test", Format: in.Format}, parsers.Options{Transactions: s.told})
	if err != nil {
		return
	}
	var batch event.Batch
	d.Decode(&batch, []byte(in.Lines), 0)
	d.Flush(&batch, time.Now(), true)
	batch.Release()
	for _, r := range s.shapesOf(d.Told()) {
		fmt.Fprintf(b, "  unparsed %s\n", cutText(printable(r.Example), 100))
		if at := r.stopsAt(); at != "" {
			fmt.Fprintf(b, "           %s\n", at)
		}
	}
}

// ownRules are those that the daemon's findings about itself and its inputs bear.
var ownRules = []string{
	"veritail.accounting", "veritail.check", "veritail.clock", "veritail.destroyed", "veritail.disk", "veritail.drill", "veritail.forecast", "veritail.input", "veritail.refused",
	"veritail.retention", "veritail.rules", "veritail.silence", "veritail.store",
}

// checkNamed reports KPIs and reports that are about rules which are not there.
func (s *setup) checkNamed() error {
	ids := slices.Clone(ownRules)
	changes, err := rules.Changes(s.fs, configs.FS(""))
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.Off { // its counts are 0 for a reason, and what was counted before is still there
			ids = append(ids, c.ID)
		}
	}
	for i := range s.rules {
		ids = append(ids, s.rules[i].ID)
	}
	if err := kpi.CheckRules(s.fs, "kpis.toml", s.kpis, ids); err != nil {
		return err
	}
	return reports.CheckRules(s.fs, "reports.toml", s.reports, ids)
}
