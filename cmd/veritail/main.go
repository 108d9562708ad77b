// Command veritail follows a site's logs, finds failed logins, failed transactions and deadlocks in them, and can
// prove what it says. Each subcommand has a file of its own; they wire the packages together and hold no logic.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // a machine may have no zones of its own

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/saypro/veritail/configs"
)

// version is set by the build.
var version = "dev"

// The exit statuses. A userError is what its reader can mend: an argument, a file, a configuration.
const (
	exitFine   = 0
	exitUser   = 1
	exitSystem = 2
	exitBroken = 3
)

// userError is an error that exits with status 1.
type userError struct{ error }

// Unwrap returns the error itself.
func (e userError) Unwrap() error { return e.error }

func userErrorf(format string, args ...any) error { return userError{fmt.Errorf(format, args...)} }

// integrityError is an error that exits with status 3: something is not what it is claimed to be.
type integrityError struct{ error }

// Unwrap returns the error itself.
func (e integrityError) Unwrap() error { return e.error }

// errQuiet exits with status 1 and prints nothing: what there is to say has been printed.
var errQuiet = userError{errors.New("")}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run executes the command and returns its exit status. SIGINT and SIGTERM cancel its context.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	root.SetArgs(longFlags(root, args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitFine
	}
	if err.Error() != "" {
		fmt.Fprintf(stderr, "veritail: %s\n", explain(err))
	}
	if errors.As(err, new(integrityError)) {
		return exitBroken
	}
	var mine userError
	var faults configs.Errors
	var fault *configs.Error
	switch {
	case errors.As(err, &mine), errors.As(err, &faults), errors.As(err, &fault), isUsage(err):
		return exitUser
	}
	return exitSystem
}

// explain returns the text of an error; faults of configuration come with their source line.
func explain(err error) string {
	var faults configs.Errors
	if errors.As(err, &faults) {
		return faults.Detail()
	}
	var fault *configs.Error
	if errors.As(err, &fault) {
		return fault.Detail()
	}
	return err.Error()
}

// isUsage reports whether err is cobra's about the command line itself.
func isUsage(err error) bool {
	for _, head := range []string{"unknown command", "unknown flag", "unknown shorthand", "invalid argument", "flag needs", "requires", "accepts"} {
		if strings.HasPrefix(err.Error(), head) {
			return true
		}
	}
	return false
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "veritail",
		Short: "Follow logs, find what went wrong, and prove it",
		Long: `Veritail follows a site's logs, parses them with grok, finds failed logins, failed
transactions and deadlocks, stores every event, computes error rates and writes
the site's reports.

Exit status: 0 fine, 1 an error you can mend, 2 an error of Veritail or its machine.`,
		Example: `  veritail scan /var/log/auth.log /var/log/nginx/access.log*
  veritail run -config veritail.toml
  veritail search 'event.outcome:failure and source.ip:10.0.0.0/8'
  veritail explain "$(tail -n 1 /var/log/auth.log)"`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cobra.EnableCommandSorting = false // they stand in the order in which one needs them
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"files", "Finished logs:", []*cobra.Command{scanCommand(), parseCommand(), deadlockCommand(), timelineCommand(), databaseCommand()}},
		{"daemon", "Logs that grow:", []*cobra.Command{initCommand(), runCommand(), statusCommand(), doctorCommand(), drillCommand(), searchCommand(), sqlCommand(), reportCommand(), archiveCommand(), backupCommand(), restoreCommand(), repairCommand(), redriveCommand(), migrateCommand()}},
		{"records", "What is done about it:", []*cobra.Command{issueCommand(), verdictCommand(), checklistCommand(), runbookCommand(), surveyCommand(), mailCommand(), disposalsCommand()}},
		{"formats", "Formats and rules:", []*cobra.Command{explainCommand(), replayCommand(), suggestCommand(), grokCommand(), checkCommand(), importCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	return root
}

// wants checks the number of arguments: at least low, and at most high unless it is 0. what says which they are.
func wants(low, high int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < low || high > 0 && len(args) > high {
			return userErrorf("%s wants %s; see %s -h", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// longFlags lets long flags be given with one dash too (-json), as Go programs have them.
func longFlags(root *cobra.Command, args []string) []string {
	known := map[string]bool{"help": true, "version": true}
	var collect func(*cobra.Command)
	collect = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
		for _, sub := range c.Commands() {
			collect(sub)
		}
	}
	collect(root)
	out := make([]string, 0, len(args))
	for i, a := range args {
		if a == "--" {
			return append(out, args[i:]...)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(a, "-"), "=")
		if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && len(name) > 1 && known[name] {
			a = "-" + a
		}
		out = append(out, a)
	}
	return out
}
