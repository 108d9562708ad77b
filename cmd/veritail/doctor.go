package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/deadlocks"
	"github.com/saypro/veritail/rules/readiness"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// doctorReport is what the command found.
type doctorReport struct {
	From    string             `json:"from"` // what was looked at
	Events  int64              `json:"events"`
	Machine []machineCheck     `json:"machine,omitempty"`
	Checks  []readiness.Result `json:"checks"`
}

func doctorCommand() *cobra.Command {
	var asJSON bool
	var configFile string
	var in reading
	c := &cobra.Command{
		Use:   "doctor [FILE...]",
		Short: "Tell what cannot appear, because a switch is off",
		Long: `Doctor says which deadlocks, lock waits, logins and the like cannot appear in the logs,
because the program that writes them was not told to, and which setting to change.
It judges by the lines that are there: of FILEs, or else of the last seven days of
the running daemon's store.

  ✓  is on: a line was seen that comes only so
  ✕  is off: something was seen that does not come without such a line
  ○  cannot be told: the switch may be off, or nothing has happened

Without FILEs it also looks at the machine: whether the sources can be read, whether
there are inotify watches enough, and whether the clock is kept.

Exit status: 0, or 1 if something is off.`,
		Example: `  veritail doctor
  veritail doctor /var/log/postgresql/*.log /var/log/auth.log`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			r, err := diagnose(cmd.Context(), paths, &in, configFile, cmd.InOrStdin())
			if err != nil {
				return err
			}
			if asJSON {
				err = encode(cmd.OutOrStdout(), r)
			} else {
				t := &doctorText{sink{w: cmd.OutOrStdout()}, palette(cmd.OutOrStdout())}
				t.print(r)
				err = t.err
			}
			if err == nil && r.off() {
				return errQuiet
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	in.flags(c)
	return c
}

// off reports whether something is known to be off, or wrong with the machine.
func (r *doctorReport) off() bool {
	for _, c := range r.Checks {
		if c.Verdict == readiness.Off {
			return true
		}
	}
	for _, m := range r.Machine {
		if m.Problem != "" {
			return true
		}
	}
	return false
}

func diagnose(ctx context.Context, paths []string, in *reading, configFile string, stdin io.Reader) (*doctorReport, error) {
	if len(paths) > 0 {
		s, err := in.load()
		if err != nil {
			return nil, err
		}
		j := readiness.NewJudge(s.readiness)
		if err := eachEvent(ctx, s, paths, in.format, stdin, j.Add); err != nil {
			return nil, err
		}
		return &doctorReport{From: files(len(paths)), Events: j.Events, Checks: j.Results()}, nil
	}
	c, err := dial(configFile)
	if err != nil {
		return nil, err
	}
	r := &doctorReport{}
	err = c.question(ctx, "/doctor", url.Values{}, r, func(storage.Progress) {}, func(ctx context.Context, d *daemon) error {
		here, err := d.doctor(ctx, nil)
		if err == nil {
			*r = *here
		}
		return err
	})
	if errors.Is(err, errNoDaemon) { // the machine can be looked at all the same
		r, err = &doctorReport{From: "no daemon and no store: give FILEs to judge the logs"}, nil
	}
	if err != nil {
		return nil, err
	}
	r.Machine = machineChecks(c.cfg)
	return r, nil
}

// doctorDays is how far back a store is looked at, doctorScan at how many events of each check.
const (
	doctorDays = 7
	doctorScan = 50_000
)

// doctor judges by the events of the store. Each check asks for its own events.
func (d *daemon) doctor(ctx context.Context, _ url.Values) (*doctorReport, error) {
	now := time.Now()
	r := &doctorReport{From: fmt.Sprintf("the last %d days", doctorDays)}
	for _, c := range d.setup.readiness {
		j := readiness.NewJudge([]readiness.Check{c})
		lists := append(append([]map[string]string{c.Of}, c.On...), c.Off...)
		if len(c.In) > 0 {
			lists = append(lists, c.In)
		}
		n, where := 0, deadlocks.AnyOf(lists, d.setup.schema, now)
		err := d.store.Scan(ctx, access.All(), where, query.Since(now, doctorDays*24*time.Hour), func(p *event.Page) error {
			eachRow(p, func(e *transactions.Event) {
				j.Add(e)
				n++
			})
			if n >= doctorScan {
				return errEnoughSeen
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnoughSeen) {
			return nil, fmt.Errorf("look for %s of %s: %w", c.What, c.System, err)
		}
		r.Events += j.Events
		r.Checks = append(r.Checks, j.Results()...)
	}
	return r, nil
}

var errEnoughSeen = errors.New("enough was seen")

// doctorText prints a diagnosis for a person.
type doctorText struct {
	sink
	p colours
}

func (t *doctorText) print(r *doctorReport) {
	t.f("%s\n", t.p.bold("Readiness, judged from "+r.From)+fmt.Sprintf(", %s events looked at", n(r.Events)))
	for _, m := range r.Machine {
		if m.Problem == "" {
			t.f("  %s %s\n", t.p.green("✓"), printable(m.What))
			continue
		}
		t.f("  %s %s\n", t.p.red("✕"), printable(m.What+": "+m.Problem))
		t.rows("set", m.Repair)
	}
	system := ""
	seen := map[string]bool{}
	for _, c := range r.Checks {
		seen[c.System] = seen[c.System] || c.Verdict != readiness.Absent
	}
	var absent []string
	for _, c := range r.Checks {
		if !seen[c.System] && !slices.Contains(absent, c.System) {
			absent = append(absent, c.System)
		}
		if c.Verdict == readiness.Absent {
			continue
		}
		if c.System != system {
			system = c.System
			t.f("\n%s\n", t.p.bold(printable(system)))
		}
		t.check(c)
	}
	if len(absent) > 0 {
		t.f("\n")
		for k, row := range wrapped("No line was seen of "+join(absent)+".", explainWidth) {
			if k > 0 {
				row = "  " + row
			}
			t.f("%s\n", t.p.dim(row))
		}
	}
}

func join(list []string) string {
	switch n := len(list); {
	case n == 1:
		return list[0]
	default:
		out := ""
		for i, s := range list {
			switch {
			case i == n-1:
				out += " or "
			case i > 0:
				out += ", "
			}
			out += s
		}
		return out
	}
}

func (t *doctorText) check(c readiness.Result) {
	switch c.Verdict {
	case readiness.On:
		t.f("  %s %s%s\n", t.p.green("✓"), pad(printable(c.What), 32), t.p.dim(count(int(c.Shown), "line")))
	case readiness.Off:
		t.f("  %s %s%s\n", t.p.red("✕"), pad(printable(c.What), 32), t.p.red("off")+fmt.Sprintf(": told by %s, the first at %s %s:%d", count(int(c.Against), "line"), c.First.Time.Format("2 Jan 15:04:05"), printable(c.First.Path), c.First.Offset))
		t.rows("hides", c.Hides)
		t.rows("set", c.Set)
	default:
		why := fmt.Sprintf("no such line among %s", n(c.Of))
		if !c.Read {
			why = "the log in which it would stand was not read"
		}
		t.f("  %s %s%s\n", t.p.yellow("○"), pad(printable(c.What), 32), why)
		t.rows("hides", c.Hides+", if it is off")
		t.rows("set", c.Set)
	}
}

func (t *doctorText) rows(word, text string) {
	for k, row := range wrapped(printable(text), explainWidth-12) {
		if k > 0 {
			word = ""
		}
		t.f("      %s%s\n", t.p.dim(pad(word, 6)), row)
	}
}
