package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/storage/embedded"
)

// openStore opens the store of the configuration. A store in a cluster may be opened for reading while another process
// writes to it.
func openStore(ctx context.Context, cfg *configs.Daemon, schema *event.Schema, readOnly bool) (storage.Store, error) {
	if cfg.Store.Kind == configs.OnElasticsearch {
		c, err := elasticConfig(cfg)
		if err != nil {
			return nil, err
		}
		c.Schema, c.ReadOnly = schema, readOnly
		return elastic.Open(ctx, c)
	}
	return openEmbedded(ctx, cfg, schema)
}

// heldPatience is how long a daemon waits for a store that another process has open: a command that reads it without a daemon ends soon.
const heldPatience = 10 * time.Second

// awaitStore is openStore, but waits for a process that has the store open to end.
func awaitStore(ctx context.Context, cfg *configs.Daemon, schema *event.Schema) (storage.Store, error) {
	begun, told := time.Now(), false
	for {
		st, err := openStore(ctx, cfg, schema, false)
		other := (*embedded.Held)(nil)
		if !errors.As(err, &other) || time.Since(begun) >= heldPatience {
			return st, err
		}
		if !told {
			told = true
			slog.Warn("another process has the store open; waiting for it to end", "process", other.By, "at most", heldPatience)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// openEmbedded opens the embedded store. What was wrong with it is in the log.
func openEmbedded(ctx context.Context, cfg *configs.Daemon, schema *event.Schema) (*embedded.Store, error) {
	st, err := embedded.Open(ctx, embeddedConfig(cfg, schema))
	if errors.As(err, new(*embedded.Damaged)) {
		return nil, userErrorf("%w\nNothing was changed. veritail repair (with the -config of the daemon) keeps the files and mends the store; veritail repair -h says how", err)
	}
	if other := (*embedded.Held)(nil); errors.As(err, &other) {
		return nil, userErrorf("open the store in %s: %w\nOne process at a time can open it: let that one end. A daemon answers commands that are given its -config", cfg.Store.Path, other)
	}
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", cfg.Store.Path, err)
	}
	for _, f := range st.Doubts() {
		slog.Warn(f.Title, "why", f.Message, "what to do", f.Runbook)
	}
	return st, nil
}

func embeddedConfig(cfg *configs.Daemon, schema *event.Schema) embedded.Config {
	return embedded.Config{
		Path: storeFile(cfg), Schema: schema,
		MemoryLimit: int64(cfg.Store.Memory), Threads: cfg.Store.Threads, TempLimit: int64(cfg.Store.Temp),
	}
}

// storeFile is the database file of the embedded store.
func storeFile(cfg *configs.Daemon) string { return filepath.Join(cfg.Store.Path, "events.duckdb") }

// storeThere reports whether there is a store that can be read without a daemon.
func storeThere(cfg *configs.Daemon) bool {
	if cfg.Store.Kind == configs.OnElasticsearch {
		return true
	}
	_, err := os.Stat(storeFile(cfg))
	return err == nil
}

// errElsewhere is the error of what only the embedded store can do.
var errElsewhere = errors.New("this daemon keeps its events in Elasticsearch")

// embedded returns the embedded store, for a command that needs it.
func (d *daemon) embedded(command string) (*embedded.Store, error) {
	st, ok := d.store.(*embedded.Store)
	if !ok {
		return nil, fmt.Errorf("veritail %s works on the embedded store; %w", command, errElsewhere)
	}
	return st, nil
}

// watchStore ends the daemon when only another process can go on with the store.
func (d *daemon) watchStore(ctx context.Context) error {
	st, ok := d.store.(*embedded.Store)
	if !ok {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-st.Lost():
		return fmt.Errorf("%w; nothing is lost: start the daemon again", st.Close())
	}
}

// quarantined returns what counts the lines that the store keeps apart, nil where it takes everything.
func (d *daemon) quarantined() func() map[event.GenID]int64 {
	if q, ok := d.store.(storage.Quarantine); ok {
		return q.Quarantined
	}
	return nil
}

// elasticConfig reads what the configuration names, secrets too.
func elasticConfig(cfg *configs.Daemon) (elastic.Config, error) {
	e := &cfg.Elasticsearch
	c := elastic.Config{
		Addresses: e.Addresses, Username: e.Username, Fingerprint: strings.ReplaceAll(e.Fingerprint, ":", ""),
		Prefix: e.Prefix, Writer: cfg.Host, Shards: e.Shards, Replicas: e.Replicas, Monthly: e.IndexEvery == "month",
		Workers: e.Workers, Timeout: time.Duration(e.Timeout), Quarantine: filepath.Join(cfg.State, "quarantine"),
	}
	var err error
	if c.Password, err = secret(e.PasswordFile, configs.PasswordVariable); err != nil {
		return c, err
	}
	if c.APIKey, err = secret(e.APIKeyFile, configs.APIKeyVariable); err != nil {
		return c, err
	}
	if e.CAFile != "" {
		if c.CACert, err = os.ReadFile(e.CAFile); err != nil {
			return c, userErrorf("read elasticsearch.ca_file: %w", err)
		}
	}
	return c, nil
}

// secret reads a file's first line, or the environment where no file is named. Its value stands in no error.
func secret(file, variable string) (string, error) {
	if file == "" {
		return os.Getenv(variable), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", userErrorf("read a secret: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line), nil
}
