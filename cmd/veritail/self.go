package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/probe"
	"github.com/saypro/veritail/pipeline/resources"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/pipeline/spool"
	"github.com/saypro/veritail/reports/figures"
)

// ownSpool bounds what the daemon itself finds, while the store takes nothing: a week of 100 probes a minute.
const ownSpool = 512 << 20

// apart is how far probes are kept from each other, so that none slows another down.
const apart = 100 * time.Millisecond

// openOwn opens the inputs of what the daemon itself finds: probes and samples of resources.
func (d *daemon) openOwn() error {
	if len(d.cfg.Probes) > 0 {
		in, err := d.ownInput(configs.ProbesName, "veritail.probe")
		if err != nil {
			return fmt.Errorf("open the spool of the probes: %w", err)
		}
		d.inputs = append(d.inputs, in)
		for i, cfg := range d.cfg.Probes {
			p, err := newProbe(cfg, in, time.Duration(i)*apart%time.Duration(cfg.Every))
			if err != nil {
				return fmt.Errorf("open the probe %q: %w", cfg.Name, err)
			}
			in.receivers = append(in.receivers, probeReceiver{p})
		}
	}
	if !d.cfg.WantsResources() {
		return nil
	}
	in, err := d.ownInput(configs.ResourcesName, "veritail.resources")
	if err != nil {
		return fmt.Errorf("open the spool of resources: %w", err)
	}
	in.receivers = []receiver{resourcesReceiver{resources.New(resources.Config{Every: time.Duration(d.cfg.Resources.Every), Spool: in.spool, Sender: in.name})}}
	d.inputs = append(d.inputs, in)
	return nil
}

// ownInput opens the spool of an input whose format has the name of its data set.
func (d *daemon) ownInput(name, dataset string) (*input, error) {
	dir := filepath.Join(d.cfg.State, "spool", name)
	sp, err := spool.Open(spool.Config{Dir: dir, Max: ownSpool})
	if err != nil {
		return nil, err
	}
	return &input{
		name: name, spool: sp,
		pattern: source.Pattern{Glob: spool.Glob(dir), Dataset: dataset, Format: dataset, Zone: time.UTC, Spool: true},
	}, nil
}

func newProbe(cfg configs.Probe, in *input, delay time.Duration) (*probe.Prober, error) {
	c := probe.Config{
		Name: cfg.Name, URL: cfg.URL, Address: cfg.Address, Every: time.Duration(cfg.Every), Delay: delay, Timeout: time.Duration(cfg.Timeout),
		Status: cfg.Status, Agent: "Veritail/" + version, Spool: in.spool, Sender: in.name,
	}
	var err error
	if c.TLS, err = clientTLS(cfg.CA); err != nil {
		return nil, err
	}
	return probe.New(c), nil
}

// clientTLS returns the settings of a client that trusts the authorities in a file, nil for the system's.
func clientTLS(caFile string) (*tls.Config, error) {
	if caFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, userErrorf("read ca_file: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, userErrorf("ca_file %s has no certificate in PEM", caFile)
	}
	return c, nil
}

// newPrometheus returns the site's own Prometheus, nil where the configuration names none.
func newPrometheus(cfg configs.Prometheus) (*figures.Prometheus, error) {
	if cfg.URL == "" {
		return nil, nil
	}
	secure, err := clientTLS(cfg.CA)
	if err != nil {
		return nil, fmt.Errorf("open Prometheus: %w", err)
	}
	return figures.NewPrometheus(cfg.URL, cfg.Token, secure, time.Duration(cfg.Timeout)), nil
}

type probeReport struct {
	Name   string    `json:"name"`
	Target string    `json:"target"`
	Asked  int64     `json:"asked"`
	Failed int64     `json:"failed"`
	Down   bool      `json:"down"`
	Reason string    `json:"reason,omitempty"` // of the last failure
	Took   string    `json:"took,omitempty"`   // the last one
	Last   time.Time `json:"last,omitzero"`
}

type resourcesReport struct {
	Samples int64 `json:"samples"`
}

func (p *probeReport) print(w *sink, c colours) {
	w.f("       %s  %s  ", printable(p.Name), printable(p.Target))
	switch {
	case p.Asked == 0:
		w.f("asked for the first time\n")
	case p.Down:
		w.f("%s\n", c.red("◆ down: "+printable(p.Reason)))
	default:
		w.f("up, %s", p.Took)
		printBad(w, c, []bad{{p.Failed, fmt.Sprintf("of %s failed", n(p.Asked))}})
	}
}
