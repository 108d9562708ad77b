package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/storage/migrate"
)

func migrateCommand() *cobra.Command {
	var asJSON bool
	var configFile string
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Copy the embedded store into Elasticsearch, and compare both",
		Long: `Migrate copies what the embedded store has kept - events, findings, figures, and how
far each file was read - into the Elasticsearch that the configuration names, then
reads both and compares them: counts and a digest of each day. The daemon goes on
there where it stopped. Stop it first, and set kind = "elasticsearch" below [store];
the embedded store stays as it is.

Killed or cut off, run it again: what is there is not copied twice. When all is
there it only compares, until the daemon has gone on.

Exit status: 0 the copy is whole; 1 it is not, or an error you can mend; 2 an error
of Veritail, its machine or the cluster.`,
		Example: `  systemctl stop veritail
  veritail migrate -config /etc/veritail/veritail.toml
  veritail migrate -json | jq .problems`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := migrateStore(cmd.Context(), configFile, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				err = enc.Encode(r)
			} else {
				err = printMigrated(cmd.OutOrStdout(), r)
			}
			if err != nil {
				return fmt.Errorf("print what was copied: %w", err)
			}
			if len(r.Problems) > 0 {
				return errQuiet
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	return c
}

func migrateStore(ctx context.Context, configFile string, stderr io.Writer) (r migrate.Result, err error) {
	c, err := dial(configFile)
	if err != nil {
		return r, err
	}
	if c.cfg.Store.Kind != configs.OnElasticsearch {
		return r, userErrorf(`migrate copies into Elasticsearch; set kind = %q below [store], and the addresses below [elasticsearch]`, configs.OnElasticsearch)
	}
	if _, err := c.do(ctx, http.MethodGet, "/status", nil); !errors.Is(err, errNoDaemon) {
		return r, userErrorf("the daemon is running; stop it first")
	}
	if _, err := os.Stat(storeFile(c.cfg)); err != nil {
		return r, userErrorf("there is no embedded store: %w", err)
	}
	s, err := loadSetup(c.cfg.Configs)
	if err != nil {
		return r, err
	}
	from, err := openEmbedded(ctx, c.cfg, s.schema)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	e, err := elasticConfig(c.cfg)
	if err != nil {
		return r, err
	}
	e.Schema, e.Own = s.schema, true
	to, err := elastic.Open(ctx, e)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	bar := newProgress(stderr, 0)
	defer bar.end()
	r, err = (&migrate.Move{From: from, To: to, Progress: bar.events}).Run(ctx)
	apart := int64(0)
	for _, lines := range to.Quarantined() {
		apart += lines
	}
	if apart > 0 {
		r.Problems = append(r.Problems, fmt.Sprintf("Elasticsearch refused %s lines, which are in the quarantine; veritail redrive says why. Run migrate again after that", n(apart)))
	}
	return r, err
}

func printMigrated(out io.Writer, r migrate.Result) error {
	w := &sink{w: out}
	g := grid{heads: []string{"what", "here", "there", "digest", ""}, right: []bool{false, true, true, false, false}}
	row := func(name string, p migrate.Part) {
		equal := "equal"
		if !p.Equal {
			equal = "differs"
		}
		g.rows = append(g.rows, []string{name, n(p.Here), n(p.There), p.Digest, equal})
	}
	events := int64(0)
	for _, d := range r.Days {
		row(d.Day, d)
		events += d.There
	}
	row("figures", r.Rollups)
	row("findings", r.Findings)
	g.print(w, palette(out))
	for _, p := range r.Problems {
		w.f("%s\n", printable(p))
	}
	if len(r.Problems) == 0 {
		w.f("All %s events of %s files are in Elasticsearch. The daemon can be started.\n", n(events), n(int64(r.Files)))
	} else {
		w.f("The copy is not whole.\n")
	}
	return w.err
}
