// Package probe asks services whether they answer, and how fast: pages and APIs over HTTP, anything over TCP. Each
// result is a line of JSON in a spool, where it is followed as a log is, so that figures and rules are made of it as of
// any event.
package probe

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// A Spool takes lines of a sender, each with its ending.
type Spool interface {
	Append(from string, lines []byte) (int, error)
	Refuse(lines int64) // counts lines that it did not take
}

// Config says what is asked. One of URL and Address is set.
type Config struct {
	Name    string
	URL     string // of a page: http or https
	Address string // host:port, to which a connection is made
	Every   time.Duration
	Delay   time.Duration // before the first time: services asked in the same moment slow each other down
	Timeout time.Duration // of the whole, connecting and reading the page
	Status  []int         // that a page may answer with; empty: 200 to 399, after redirections
	TLS     *tls.Config   // nil: the system's authorities
	Agent   string        // User-Agent
	Spool   Spool
	Sender  string // that the spool's file is named after
}

// maxPage bounds the bytes of a page that are read.
const maxPage = 32 << 20

// A Prober asks one service. Run is called once, Status at any time.
type Prober struct {
	cfg    Config
	client *http.Client // nil over TCP

	mu sync.Mutex
	s  Status
}

// A Status is how it stands. Counts are of this run.
type Status struct {
	Name           string
	Target         string
	Asked, Failed  int64
	Down           bool   // the last one failed
	Reason         string // of the last failure
	Last           time.Time
	Unwritten      error // why the last result was not taken by the spool
	LastDuration   time.Duration
	LastStatusCode int // of a page, 0: none
}

// New returns a prober.
func New(cfg Config) *Prober {
	p := &Prober{cfg: cfg}
	if cfg.URL != "" {
		// A connection of its own for each page: connecting is a part of what is measured.
		p.client = &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: cfg.TLS,
			DialContext: (&net.Dialer{}).DialContext, MaxResponseHeaderBytes: 1 << 20, ForceAttemptHTTP2: true,
		}}
	}
	p.s = Status{Name: cfg.Name, Target: p.target()}
	return p
}

// Status tells how it stands.
func (p *Prober) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.s
}

// target is what is asked, without a password.
func (p *Prober) target() string {
	if p.cfg.URL == "" {
		return p.cfg.Address
	}
	u, err := url.Parse(p.cfg.URL)
	if err != nil {
		return ""
	}
	return u.Redacted()
}

// Run asks after the delay, and then every so often, until ctx ends.
func (p *Prober) Run(ctx context.Context) error {
	select {
	case <-time.After(p.cfg.Delay):
	case <-ctx.Done():
		return nil
	}
	tick := time.NewTicker(p.cfg.Every)
	defer tick.Stop()
	for {
		if r := p.ask(ctx); ctx.Err() == nil { // else it may be that which failed it
			p.write(r)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// A result is a line of the spool; durations are in nanoseconds.
type result struct {
	Time      time.Time  `json:"time"`
	Probe     string     `json:"probe"`
	Kind      string     `json:"kind"` // http or tcp
	Target    string     `json:"target"`
	Outcome   string     `json:"outcome"` // success or failure
	Duration  int64      `json:"duration"`
	Connect   int64      `json:"connect,omitempty"`    // until the connection stood, name resolution left out
	Lookup    int64      `json:"lookup,omitempty"`     // name resolution
	Handshake int64      `json:"handshake,omitempty"`  // TLS
	First     int64      `json:"first_byte,omitempty"` // from the request to the first byte of the answer
	Status    int        `json:"status,omitempty"`
	Bytes     int64      `json:"bytes,omitempty"`
	Address   string     `json:"address,omitempty"` // that was reached
	Expires   *time.Time `json:"certificate_expires,omitempty"`
	Reason    string     `json:"reason,omitempty"`
}

func (p *Prober) ask(ctx context.Context) result {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	r := result{Time: time.Now().UTC(), Probe: p.cfg.Name, Kind: "tcp", Target: p.target(), Outcome: "success"}
	begun := time.Now()
	err := p.reach(ctx, &r)
	r.Duration = int64(time.Since(begun))
	if err != nil {
		r.Outcome, r.Reason = "failure", reason(err)
	}
	return r
}

func (p *Prober) reach(ctx context.Context, r *result) error {
	if p.client != nil {
		r.Kind = "http"
		return p.page(ctx, r)
	}
	return p.connect(ctx, r)
}

// connect makes a connection, and takes the time of that alone.
func (p *Prober) connect(ctx context.Context, r *result) error {
	host, port, err := net.SplitHostPort(p.cfg.Address)
	if err != nil {
		return err
	}
	begun := time.Now()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return err
	}
	if _, literal := netip.ParseAddr(host); literal != nil {
		r.Lookup = int64(time.Since(begun))
	}
	err = errors.New("the name has no address")
	for _, a := range addresses {
		begun = time.Now()
		var c net.Conn
		if c, err = (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(a.Unmap().String(), port)); err == nil {
			r.Connect, r.Address = int64(time.Since(begun)), a.Unmap().String()
			return c.Close()
		}
	}
	return err
}

// page reads a page to its end.
func (p *Prober) page(ctx context.Context, r *result) error {
	var lookup, connect, handshake, asked time.Time
	note := func(to *int64, since time.Time) {
		if *to == 0 && !since.IsZero() {
			*to = int64(time.Since(since))
		}
	}
	var mu sync.Mutex // dialing two addresses at once, it is told of both
	locked := func(f func()) { mu.Lock(); defer mu.Unlock(); f() }
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { locked(func() { lookup = time.Now() }) },
		DNSDone:              func(httptrace.DNSDoneInfo) { locked(func() { note(&r.Lookup, lookup) }) },
		ConnectStart:         func(_, _ string) { locked(func() { connect = time.Now() }) },
		ConnectDone:          func(_, _ string, err error) { locked(func() { noteConnected(r, err, connect) }) },
		TLSHandshakeStart:    func() { locked(func() { handshake = time.Now() }) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { locked(func() { note(&r.Handshake, handshake) }) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { locked(func() { asked = time.Now() }) },
		GotFirstResponseByte: func() { locked(func() { note(&r.First, asked) }) },
		GotConn: func(i httptrace.GotConnInfo) {
			if host, _, err := net.SplitHostPort(i.Conn.RemoteAddr().String()); err == nil {
				locked(func() { r.Address = host })
			}
		},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.cfg.URL, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", p.cfg.Agent)
	answer, err := p.client.Do(req)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxPage))
	err = errors.Join(err, answer.Body.Close())
	mu.Lock()
	defer mu.Unlock()
	r.Status, r.Bytes = answer.StatusCode, n
	if c := answer.TLS; c != nil && len(c.PeerCertificates) > 0 {
		r.Expires = &c.PeerCertificates[0].NotAfter
	}
	if ok := slices.Contains(p.cfg.Status, r.Status) || len(p.cfg.Status) == 0 && r.Status >= 200 && r.Status < 400; err == nil && !ok {
		err = fmt.Errorf("it answered %d", r.Status)
	}
	return err
}

func noteConnected(r *result, err error, begun time.Time) {
	if err == nil && r.Connect == 0 {
		r.Connect = int64(time.Since(begun))
	}
}

// reason says in a few words why a service did not answer.
func reason(err error) string {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var other net.Error
	switch {
	case errors.As(err, &cert):
		return "certificate: " + cert.Err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &other) && other.Timeout():
		return "timeout"
	case errors.As(err, &dns):
		return "name not resolved"
	}
	var of *url.Error
	if errors.As(err, &of) { // its text has the address, with what may be secret in it
		err = of.Err
	}
	return err.Error()
}

// write gives a result to the spool.
func (p *Prober) write(r result) {
	line, err := json.Marshal(r)
	if err == nil {
		_, err = p.cfg.Spool.Append(p.cfg.Sender, append(line, '\n'))
	}
	if err != nil {
		p.cfg.Spool.Refuse(1)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.Asked++
	p.s.Down, p.s.Last, p.s.Unwritten = r.Outcome == "failure", r.Time, err
	p.s.LastDuration, p.s.LastStatusCode = time.Duration(r.Duration), r.Status
	if p.s.Down {
		p.s.Failed++
		p.s.Reason = r.Reason
	}
}
