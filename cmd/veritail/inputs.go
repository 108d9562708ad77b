package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/saypro/veritail/cmd/veritail/discover"
	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/journal"
	"github.com/saypro/veritail/pipeline/listen"
	"github.com/saypro/veritail/pipeline/pipe"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/pipeline/spool"
)

// An input is what has no file of its own, under one name, with the spool that keeps it until it is stored.
type input struct {
	name      string
	pattern   source.Pattern // of the spool's files
	spool     *spool.Spool
	receivers []receiver
	called    string // in the greeting; "" for what is told there as listening, or not at all
	told      loss   // when announceLoss looked last
}

// A loss is what was lost on its way into a spool.
type loss struct{ messages, gaps int64 }

// openInputs opens the spools and binds the addresses; nothing is received yet.
func (d *daemon) openInputs() error {
	for _, cfg := range d.cfg.Syslog {
		in, err := d.openSyslog(cfg)
		if err != nil {
			return fmt.Errorf("open the syslog input %q: %w", cfg.Name, err)
		}
		d.inputs = append(d.inputs, in)
	}
	for _, cfg := range d.cfg.Pipes {
		in, err := d.openPipe(cfg)
		if err != nil {
			return fmt.Errorf("open the pipe %q: %w", cfg.Name, err)
		}
		d.inputs = append(d.inputs, in)
	}
	if err := d.openOwn(); err != nil {
		return err
	}
	if !d.wantsJournal() {
		return nil
	}
	in, err := d.openJournal()
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	d.inputs = append(d.inputs, in)
	return nil
}

func (d *daemon) openSyslog(cfg configs.Syslog) (in *input, err error) {
	zone, err := cfg.Location()
	if err == nil {
		err = d.setup.set.Known(cfg.Format)
	}
	if err != nil {
		return nil, userError{err}
	}
	dir := filepath.Join(d.cfg.State, "spool", cfg.Name)
	in = &input{name: cfg.Name, pattern: source.Pattern{Glob: spool.Glob(dir), Dataset: cfg.Dataset, Site: cfg.Site, Zone: zone, Silent: time.Duration(cfg.Silent), Spool: true, Senders: true}}
	if cfg.Format != configs.Auto {
		in.pattern.Format = cfg.Format
	}
	if in.spool, err = spool.Open(spool.Config{Dir: dir, Max: int64(cfg.Spool)}); err != nil {
		return nil, err
	}
	opened := in
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	var secure *tls.Config
	if cfg.Cert != "" {
		if secure, err = serverTLS(cfg); err != nil {
			return nil, err
		}
	}
	for _, text := range cfg.Listen {
		l, err := listenOn(text, secure, int(d.cfg.MaxLine), in.spool)
		if err != nil {
			return nil, err
		}
		in.receivers = append(in.receivers, syslogReceiver{l})
	}
	return in, nil
}

func listenOn(text string, secure *tls.Config, maxLine int, to *spool.Spool) (*listen.Listener, error) {
	c := listen.Config{MaxLine: maxLine}
	c.Network, c.Address = configs.Network(text)
	if c.Network == "tls" {
		c.TLS = secure
	}
	l, err := listen.Open(c, to)
	switch {
	case errors.Is(err, syscall.EACCES):
		return nil, userErrorf("%w; take a port from 1024 on, or allow it: setcap cap_net_bind_service=+ep on the program, or AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit", err)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, userErrorf("%w; another program listens there, such as rsyslog: ss -lntup tells which", err)
	case err != nil:
		return nil, userError{err}
	}
	return l, nil
}

func (d *daemon) openPipe(cfg configs.Pipe) (*input, error) {
	zone, err := cfg.Location()
	if err == nil {
		err = d.setup.set.Known(cfg.Format)
	}
	if err != nil {
		return nil, userError{err}
	}
	dir := filepath.Join(d.cfg.State, "spool", cfg.Name)
	sp, err := spool.Open(spool.Config{Dir: dir, Max: int64(cfg.Spool)})
	if err != nil {
		return nil, err
	}
	in := &input{
		name: cfg.Name, spool: sp,
		pattern:   source.Pattern{Glob: spool.Glob(dir), Dataset: cfg.Dataset, Site: cfg.Site, Zone: zone, Silent: time.Duration(cfg.Silent), Spool: true},
		receivers: []receiver{pipeReceiver{pipe.New(pipe.Config{Path: cfg.Path, Name: cfg.Name, MaxLine: int(d.cfg.MaxLine), Spool: sp})}},
		called:    "pipe " + cfg.Name,
	}
	if cfg.Format != configs.Auto {
		in.pattern.Format = cfg.Format
	}
	return in, nil
}

// wantsJournal reports whether the journal is to be followed.
func (d *daemon) wantsJournal() bool {
	switch d.cfg.Journal.Follow {
	case configs.JournalYes:
		return true
	case configs.JournalNo:
		return false
	}
	return d.cfg.WellKnown && anyFile(discover.JournalFiles...) && !slices.ContainsFunc(d.patterns, func(p source.Pattern) bool {
		return (p.Dataset == "system.syslog" || p.Dataset == "system.auth") && anyFile(p.Glob)
	})
}

func anyFile(globs ...string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool {
		paths, err := filepath.Glob(glob)
		return err == nil && len(paths) > 0
	})
}

func (d *daemon) openJournal() (*input, error) {
	cfg := d.cfg.Journal
	dir := filepath.Join(d.cfg.State, "spool", configs.JournalName)
	sp, err := spool.Open(spool.Config{Dir: dir, Max: int64(cfg.Spool), Resume: true})
	if err != nil {
		return nil, err
	}
	return &input{
		name: configs.JournalName, spool: sp,
		pattern:   source.Pattern{Glob: spool.Glob(dir), Dataset: cfg.Dataset, Format: "syslog.journal", Zone: time.Local, Spool: true},
		receivers: []receiver{journalReceiver{journal.New(journal.Config{Program: "journalctl", Directory: cfg.Directory, MaxLine: int(d.cfg.MaxLine), Spool: sp})}},
		called:    "the systemd journal",
	}, nil
}

// serverTLS reads the certificates of an input.
func serverTLS(cfg configs.Syslog) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(cfg.Cert, cfg.Key)
	if err != nil {
		return nil, userErrorf("read cert_file and key_file: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	if cfg.ClientCA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(cfg.ClientCA)
	if err != nil {
		return nil, userErrorf("read client_ca_file: %w", err)
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, userErrorf("client_ca_file %s has no certificate in PEM", cfg.ClientCA)
	}
	return c, nil
}

func (in *input) close() error {
	var errs []error
	for _, r := range in.receivers {
		if c, ok := r.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(append(errs, in.spool.Close())...)
}

// The spool is put on the disk every spoolEvery, and looked through for what is stored every sweepEvery.
const (
	spoolEvery = time.Second
	sweepEvery = 2 * time.Second
	lossEvery  = time.Minute
)

// receive takes what comes over the network until ctx ends.
func (d *daemon) receive(ctx context.Context) error {
	var all []func(context.Context) error
	for _, in := range d.inputs {
		for _, r := range in.receivers {
			all = append(all, r.Run)
		}
		all = append(all, func(ctx context.Context) error { return d.keepSpool(ctx, in) })
	}
	err := together(ctx, all...)
	for _, in := range d.inputs {
		err = errors.Join(err, in.spool.Close())
	}
	return err
}

// keepSpool looks after the spool of an input until ctx ends. What fails is in the log and tried again: lines are still taken.
func (d *daemon) keepSpool(ctx context.Context, in *input) error {
	tick := time.NewTicker(spoolEvery)
	defer tick.Stop()
	var swept, announced time.Time
	for {
		err := in.spool.Sync()
		now := time.Now()
		if now.Sub(swept) >= sweepEvery {
			swept = now
			err = errors.Join(err, in.spool.Sweep(now, d.runner.Stored))
		}
		if now.Sub(announced) >= lossEvery {
			announced = now
			err = errors.Join(err, d.announceLoss(ctx, in, now))
		}
		if err != nil && ctx.Err() == nil {
			slog.Error("looking after the spool failed", "input", in.name, "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// announceLoss makes it a finding that something was lost on its way into the spool.
func (d *daemon) announceLoss(ctx context.Context, in *input, now time.Time) error {
	r := in.report()
	lost := loss{messages: r.Refused}
	for _, l := range r.Listeners {
		lost.messages += l.Dropped
	}
	if r.Journal != nil {
		lost = loss{r.Journal.Missing, r.Journal.Gaps}
	}
	if lost.messages <= in.told.messages && lost.gaps <= in.told.gaps {
		return nil
	}
	f := lossFinding(&r, loss{lost.messages - in.told.messages, lost.gaps - in.told.gaps}, now)
	if _, err := d.announcer.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{f}}); err != nil {
		return fmt.Errorf("announce what was lost: %w", err)
	}
	in.told = lost
	return nil
}

func lossFinding(in *inputReport, lost loss, now time.Time) event.Finding {
	at := now.UnixMicro()
	f := event.Finding{
		ID: "input-loss-" + in.Name + "-" + now.UTC().Format("20060102T150405"), Rule: "veritail.input", Severity: "high", Audience: []string{"operator", "security"},
		References: ownRunbook, Count: max(lost.messages, lost.gaps), Time: at, First: at, Last: at,
	}
	if in.Journal != nil {
		f.Title = "Entries of the journal are missing"
		f.Message = fmt.Sprintf("The journal did not go on where reading had come to, %s: at least %s entries are missing. It drops its oldest when it is too large, read or not.",
			count(int(lost.gaps), "time"), n(lost.messages))
		f.Runbook = "See how long the daemon stood still, or whether somebody removed files: journalctl --verify, ls -l /var/log/journal/*. " +
			"Let the journal keep more: SystemMaxUse= in journald.conf."
		return f
	}
	if in.Name == configs.ProbesName || in.Name == configs.ResourcesName {
		f.Title = "Results of probes or samples were lost"
		f.Message = fmt.Sprintf("%s lines that the daemon itself wrote (%s) were lost: the spool did not take them.", n(lost.messages), in.Name)
		f.Runbook = "veritail status tells why the spool takes nothing: see why the store does not, or whether the disk is full."
		return f
	}
	f.Title = "Syslog messages were lost"
	f.Message = fmt.Sprintf("%s messages that were sent to %s were lost: the spool did not take them, or the kernel could not keep them.", n(lost.messages), in.Name)
	f.Runbook = "veritail status tells which. A full spool: see why the store takes nothing, or raise spool. The kernel: raise net.core.rmem_max to 8 MiB. " +
		"Senders over tcp:// and tls:// wait instead of losing anything."
	return f
}
