package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/cmd/veritail/demo"
	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/pipe"
	"github.com/saypro/veritail/storage/elastic"
)

func runCommand() *cobra.Command {
	var configFile string
	var withDemo bool
	var logs []string
	c := &cobra.Command{
		Use:   "run",
		Short: "Follow the logs: the daemon",
		Long: `Run follows the sources of its configuration until it is told to stop (SIGTERM or
Ctrl-C): it stores every event, finds what the rules describe, and serves the
console. A stop loses nothing: the next run goes on where this one ended.`,
		Example: `  veritail run
  veritail run -config /etc/veritail/veritail.toml
  veritail run -demo -log '/srv/shop/log/*.log'
  shop 2>&1 | veritail run -log -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := configs.LoadDaemon(configFile)
			if err != nil {
				return err
			}
			logs, stdin := withoutStdin(logs)
			if stdin {
				cfg.Pipes = append(cfg.Pipes, configs.Pipe{Name: "stdin", Path: pipe.Stdin, Spool: stdinSpool, Dataset: "logs", Format: configs.Auto})
			}
			if len(logs) > 0 {
				cfg.Sources = append([]configs.Source{{Paths: logs, Dataset: "logs", Format: configs.Auto}}, cfg.Sources...)
			}
			feed := func(context.Context) error { return nil }
			if withDemo {
				dir := filepath.Join(cfg.State, "demo")
				cfg.Sources = append(cfg.Sources, demo.Sources(dir)...)
				feed = func(ctx context.Context) error { return demo.Feed(ctx, dir, time.Now) }
			}
			return runDaemon(cmd.Context(), cfg, feed, cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&configFile, "config", "", "configuration `file`; without it the shipped defaults hold")
	c.Flags().BoolVar(&withDemo, "demo", false, "also follow a demonstration site of real logs, replayed")
	c.Flags().StringArrayVar(&logs, "log", nil, "also follow this `file` or pattern, or - for standard input; may be given again")
	return c
}

// stdinSpool is what standard input may take on disk while the store takes nothing.
const stdinSpool = 1 << 30

// withoutStdin returns the paths but standard input, and whether that was among them.
func withoutStdin(logs []string) (rest []string, stdin bool) {
	for _, l := range logs {
		if l == pipe.Stdin {
			stdin = true
		} else {
			rest = append(rest, l)
		}
	}
	return rest, stdin
}

// runDaemon runs the daemon and what feeds it until ctx ends or one of them fails.
func runDaemon(ctx context.Context, cfg *configs.Daemon, feed func(context.Context) error, out io.Writer) (err error) {
	d, err := awaitDaemon(ctx, cfg, out)
	if d == nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	d.greet()
	return together(ctx, d.follow, d.serveConsole, d.serveSocket, d.keep, d.watchStore, d.watchRules, d.runFleet, d.receive, d.announcer.issues.Run, d.watchAccounts, d.watchSilence, d.watchChecks, d.watchDisks, d.watchForecasts, d.sendMail, d.runSchedules, feed)
}

// The waits for a cluster that is away when the daemon starts double from firstWait to lastWait.
const (
	firstWait = time.Second
	lastWait  = 16 * time.Second
)

// awaitDaemon opens the daemon as soon as its store answers: a machine may start before its cluster. It returns nil
// without an error when ctx ends before.
func awaitDaemon(ctx context.Context, cfg *configs.Daemon, out io.Writer) (*daemon, error) {
	told := ""
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		d, err := openDaemon(ctx, cfg, out)
		switch {
		case err == nil:
			return d, nil
		case ctx.Err() != nil:
			return nil, nil
		case cfg.Store.Kind != configs.OnElasticsearch, isMistake(err), !elastic.Away(err):
			return nil, err
		}
		if told != err.Error() {
			told = err.Error()
			slog.Warn("the store is away: waiting for it; the logs are read when it answers", "error", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// together runs fs at once and returns their errors when all have ended. When one fails, the others are told to stop.
func together(ctx context.Context, fs ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(fs))
	for _, f := range fs {
		go func() {
			err := f(ctx)
			if err != nil {
				cancel()
			}
			errs <- err
		}()
	}
	var all []error
	for range fs {
		if err := <-errs; err != nil && !errors.Is(err, context.Canceled) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// makeState makes the directories the daemon keeps its things in.
func makeState(cfg *configs.Daemon) error {
	dirs := []string{cfg.State, filepath.Dir(cfg.Socket)}
	if cfg.Store.Kind != configs.OnElasticsearch {
		dirs = append(dirs, cfg.Store.Path)
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the state directory: %w", err)
		}
	}
	return nil
}
