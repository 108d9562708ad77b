package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage"
)

func redriveCommand() *cobra.Command {
	var asJSON bool
	var configFile string
	c := &cobra.Command{
		Use:   "redrive",
		Short: "Write what Elasticsearch refused once more",
		Long: `Redrive takes the events that Elasticsearch refused out of the quarantine and writes
them again, through the running daemon or without one by itself. What is refused
again stays.

Exit status: 0 if nothing is left in the quarantine, 1 if something is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := redrive(cmd.Context(), configFile)
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				err = enc.Encode(r)
			} else {
				w := &sink{w: cmd.OutOrStdout()}
				w.f("%s stored, %s refused again.\n", n(int64(r.Stored)), n(int64(r.Refused)))
				for _, reason := range r.Reasons {
					w.f("  %s\n", printable(reason))
				}
				err = w.err
			}
			if err != nil {
				return fmt.Errorf("print what was done: %w", err)
			}
			if r.Refused > 0 {
				return errQuiet
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	return c
}

// redrive asks the daemon, or without one its store.
func redrive(ctx context.Context, configFile string) (r storage.Redriven, err error) {
	c, err := dial(configFile)
	if err != nil {
		return r, err
	}
	if c.cfg.Store.Kind != configs.OnElasticsearch { // the embedded store takes everything
		return r, nil
	}
	err = c.post(ctx, "/redrive", nil, &r)
	if !errors.Is(err, errNoDaemon) {
		return r, err
	}
	s, err := loadSetup(c.cfg.Configs)
	if err != nil {
		return r, err
	}
	st, err := openStore(ctx, c.cfg, s.schema, false)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	return (&daemon{store: st}).redrive(ctx)
}

func (d *daemon) redrive(ctx context.Context) (storage.Redriven, error) {
	q, ok := d.store.(storage.Quarantine)
	if !ok { // it takes everything
		return storage.Redriven{}, nil
	}
	return q.Redrive(ctx)
}

func (d *daemon) answerRedrive(w http.ResponseWriter, r *http.Request) {
	done, err := d.redrive(r.Context())
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, done)
}
