package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/listen"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/pipeline/spool"
)

// An input is what comes over the network under one name, with the spool that keeps it until it is stored.
type input struct {
	cfg       configs.Syslog
	dir       string
	spool     *spool.Spool
	listeners []*listen.Listener
	told      int64 // lines that were lost when announceLoss looked last
}

// openInputs opens the spools and binds the addresses; nothing is received yet.
func (d *daemon) openInputs() error {
	for _, cfg := range d.cfg.Syslog {
		in, err := openInput(cfg, filepath.Join(d.cfg.State, "spool", cfg.Name))
		if err != nil {
			return fmt.Errorf("open the syslog input %q: %w", cfg.Name, err)
		}
		d.inputs = append(d.inputs, in)
	}
	return nil
}

func openInput(cfg configs.Syslog, dir string) (in *input, err error) {
	in = &input{cfg: cfg, dir: dir}
	if in.spool, err = spool.Open(dir, int64(cfg.Spool)); err != nil {
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
		c := listen.Config{MaxLine: source.MaxLine}
		c.Network, c.Address = configs.Network(text)
		if c.Network == "tls" {
			c.TLS = secure
		}
		l, err := listen.Open(c, in.spool)
		switch {
		case errors.Is(err, syscall.EACCES):
			return nil, userErrorf("%w; take a port from 1024 on, or allow it: setcap cap_net_bind_service=+ep on the program, or AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit", err)
		case errors.Is(err, syscall.EADDRINUSE):
			return nil, userErrorf("%w; another program listens there, such as rsyslog: ss -lntup tells which", err)
		case err != nil:
			return nil, userError{err}
		}
		in.listeners = append(in.listeners, l)
	}
	return in, nil
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

// pattern returns how the files of its spool are followed.
func (in *input) pattern() (source.Pattern, error) {
	zone, err := in.cfg.Location()
	if err != nil {
		return source.Pattern{}, userErrorf("syslog %s: %w", in.cfg.Name, err)
	}
	p := source.Pattern{Glob: spool.Glob(in.dir), Dataset: in.cfg.Dataset, Site: in.cfg.Site, Zone: zone, Spool: true}
	if in.cfg.Format != configs.Auto {
		p.Format = in.cfg.Format
	}
	return p, nil
}

func (in *input) close() error {
	var errs []error
	for _, l := range in.listeners {
		errs = append(errs, l.Close())
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
		for _, l := range in.listeners {
			all = append(all, l.Serve)
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
			slog.Error("looking after the spool failed", "input", in.cfg.Name, "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// announceLoss makes it a finding that messages were lost on their way into the spool.
func (d *daemon) announceLoss(ctx context.Context, in *input, now time.Time) error {
	r := in.report()
	lost := r.Refused
	for _, l := range r.Listeners {
		lost += l.Dropped
	}
	if lost <= in.told {
		return nil
	}
	at := now.UnixMicro()
	f := event.Finding{
		ID: "input-loss-" + in.cfg.Name + "-" + now.UTC().Format("20060102T150405"), Rule: "veritail.input", Severity: "high", Audience: []string{"operator", "security"},
		Title:   "Syslog messages were lost",
		Message: fmt.Sprintf("%s messages that were sent to %s were lost since the last look: the spool did not take them, or the kernel could not keep them.", n(lost-in.told), in.cfg.Name),
		Runbook: "veritail status tells which. A full spool: see why the store takes nothing, or raise spool. The kernel: raise net.core.rmem_max to 8 MiB. " +
			"Senders over tcp:// and tls:// wait instead of losing anything.",
		Count: lost - in.told, Time: at, First: at, Last: at,
	}
	if _, err := d.announcer.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{f}}); err != nil {
		return fmt.Errorf("announce that messages were lost: %w", err)
	}
	in.told = lost
	return nil
}

// inputReport is how it stands with an input. Counts are of this run, in messages.
type inputReport struct {
	Name      string           `json:"name"`
	Dataset   string           `json:"dataset"`
	Senders   int              `json:"senders"` // with something in the spool
	Used      int64            `json:"spool_bytes"`
	Max       int64            `json:"spool_max_bytes"`
	Refused   int64            `json:"refused"` // lost because the spool did not take them
	Error     string           `json:"error,omitempty"`
	Listeners []listenerReport `json:"listeners"`
}

type listenerReport struct {
	Address     string `json:"address"`
	Received    int64  `json:"received"`
	Dropped     int64  `json:"dropped"` // by the kernel
	Cut         int64  `json:"cut"`
	Connections int64  `json:"connections"`
	Turned      int64  `json:"turned_away"`
}

func (in *input) report() inputReport {
	s := in.spool.Status()
	r := inputReport{Name: in.cfg.Name, Dataset: in.cfg.Dataset, Senders: s.Senders, Used: s.Used, Max: s.Max, Refused: s.Refused}
	switch {
	case s.Full:
		r.Error = fmt.Sprintf("the spool is full: %s of %s", size(s.Used), size(s.Max))
	case s.Err != nil:
		r.Error = s.Err.Error()
	}
	for _, l := range in.listeners {
		t := l.Status()
		r.Listeners = append(r.Listeners, listenerReport{t.Address, t.Lines, t.Dropped, t.Cut, t.Connections, t.Turned})
	}
	return r
}

func (r *inputReport) print(w *sink, p colours) {
	w.f("%s  %s: %d senders, %s of %s spooled\n", p.bold("Input"), r.Name, r.Senders, size(r.Used), size(r.Max))
	for _, l := range r.Listeners {
		w.f("       %s  received %s", l.Address, n(l.Received))
		if l.Connections > 0 {
			w.f(", %d connections", l.Connections)
		}
		for _, bad := range []struct {
			count int64
			what  string
		}{{l.Dropped, "dropped by the kernel"}, {l.Cut, "cut"}, {l.Turned, "connections turned away"}} {
			if bad.count > 0 {
				w.f(", %s", p.yellow(n(bad.count)+" "+bad.what))
			}
		}
		w.f("\n")
	}
	if r.Refused > 0 {
		w.f("       %s\n", p.red("◆ "+n(r.Refused)+" messages were lost: the spool did not take them"))
	}
	if r.Error != "" {
		w.f("       %s\n", p.red("◆ "+r.Error))
	}
}
