// Package listen receives syslog over the network: RFC 3164 and RFC 5424 messages, one a datagram over UDP, framed as RFC 6587 says over
// TCP and TLS (RFC 5425). It stands before the spool: what it receives becomes lines of a file there, which is followed as any log is.
package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
)

// A Spool takes lines of a sender, each with its ending, and returns how many bytes of them it took, in whole lines. What it did not
// take may be offered again.
type Spool interface {
	Append(from string, lines []byte) (int, error)
	// Offer takes all lines of a sender, or as many as it can until ctx ends, and calls took after each try.
	Offer(ctx context.Context, from string, lines []byte, took func(n int64, err error)) error
	Refuse(lines int64) // says that lines are lost because Append did not take them
}

// Config says what to listen on.
type Config struct {
	Network string      // "udp", "tcp" or "tls"
	Address string      // host:port
	TLS     *tls.Config // of "tls"
	MaxLine int         // bytes of a message that are kept
}

// The bounds of a listener.
const (
	maxConns      = 1024
	receiveBuffer = 8 << 20 // that the kernel is asked to keep of datagrams; it gives what net.core.rmem_max lets it
	handshake     = 10 * time.Second
	drain         = 200 * time.Millisecond // how long a stop still takes what was sent before it
	retry         = 100 * time.Millisecond // between offers of lines that the spool does not take
)

// A Listener receives from one address. Run is called once, Status at any time.
type Listener struct {
	cfg    Config
	spool  Spool
	tcp    net.Listener
	udp    *net.UDPConn
	counts struct {
		lines, cut, turned, conns atomic.Int64
		dropped                   atomic.Int64 // as Status saw it last: a closed socket says nothing
	}
}

// A Status is how it stands with a listener. Counts are of this run.
type Status struct {
	Address     string
	Lines       int64 // that the spool took
	Dropped     int64 // datagrams that the kernel could not keep
	Cut         int64 // messages that were longer than may be, or whose end did not come
	Connections int64 // that are open
	Turned      int64 // connections that were closed at once because too many were open, or that broke the rules of TLS
}

// Open binds the address.
func Open(cfg Config, spool Spool) (*Listener, error) {
	l := &Listener{cfg: cfg, spool: spool}
	var err error
	if cfg.Network == "udp" {
		var at *net.UDPAddr
		if at, err = net.ResolveUDPAddr("udp", cfg.Address); err == nil {
			l.udp, err = net.ListenUDP("udp", at)
		}
	} else {
		l.tcp, err = net.Listen("tcp", cfg.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s %s: %w", cfg.Network, cfg.Address, err)
	}
	if l.udp != nil {
		if err := enlarge(l.udp); err != nil {
			return nil, errors.Join(fmt.Errorf("listen on udp %s: %w", cfg.Address, err), l.udp.Close())
		}
	}
	return l, nil
}

// Addr returns where it listens.
func (l *Listener) Addr() net.Addr {
	if l.udp != nil {
		return l.udp.LocalAddr()
	}
	return l.tcp.Addr()
}

// Status tells how it stands.
func (l *Listener) Status() Status {
	c := &l.counts
	s := Status{
		Address: l.cfg.Network + "://" + l.Addr().String(), Lines: c.lines.Load(), Cut: c.cut.Load(),
		Connections: c.conns.Load(), Turned: c.turned.Load(),
	}
	if l.udp != nil {
		if n, err := dropped(l.udp); err == nil {
			c.dropped.Store(n)
		}
		s.Dropped = c.dropped.Load()
	}
	return s
}

// Run receives until ctx ends; what was sent before is still taken then, as far as it has come. It closes the listener.
func (l *Listener) Run(ctx context.Context) error {
	if l.udp != nil {
		return l.serveUDP(ctx)
	}
	return l.serveTCP(ctx)
}

// Close closes a listener that is not served.
func (l *Listener) Close() error {
	if l.udp != nil {
		return l.udp.Close()
	}
	return l.tcp.Close()
}

// The datagrams that are taken from the kernel at once, and how long one can be.
const (
	maxBatch    = 64
	maxDatagram = 1 << 16
)

func (l *Listener) serveUDP(ctx context.Context) error {
	defer l.udp.Close()
	stop := context.AfterFunc(ctx, func() { l.udp.SetReadDeadline(time.Now().Add(drain)) })
	defer stop()
	conn, batch := ipv4.NewPacketConn(l.udp), make([]ipv4.Message, maxBatch) // it reads those of IPv6 as well
	for i := range batch {
		batch[i].Buffers = [][]byte{make([]byte, maxDatagram)}
	}
	var lines []byte
	for {
		n, err := conn.ReadBatch(batch, 0)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("receive on udp %s: %w", l.cfg.Address, err)
		}
		for i := 0; i < n; { // what one sender sent is written at once
			from := batch[i].Addr.(*net.UDPAddr)
			for lines = lines[:0]; i < n && from.IP.Equal(batch[i].Addr.(*net.UDPAddr).IP); i++ {
				msg := batch[i].Buffers[0][:batch[i].N]
				if len(msg) > l.cfg.MaxLine {
					msg = msg[:l.cfg.MaxLine]
					l.counts.cut.Add(1)
				}
				lines = appendLine(lines, msg)
			}
			if len(lines) > 0 {
				l.push(name(from.AddrPort().Addr()), lines)
			}
		}
	}
}

// push offers lines to the spool once: who sent them does not wait.
func (l *Listener) push(from string, lines []byte) {
	n, err := l.spool.Append(from, lines)
	l.counts.lines.Add(int64(bytes.Count(lines[:n], newline)))
	if err != nil {
		l.spool.Refuse(int64(bytes.Count(lines[n:], newline)))
	}
}

func (l *Listener) serveTCP(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { l.tcp.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := l.tcp.Accept()
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept on %s %s: %w", l.cfg.Network, l.cfg.Address, err)
		case err != nil: // of one connection, or no more descriptors: others go on
			slog.Warn("a connection could not be accepted", "address", l.cfg.Address, "error", err)
			select {
			case <-time.After(retry):
			case <-ctx.Done():
			}
			continue
		}
		if l.counts.conns.Load() >= maxConns {
			l.counts.turned.Add(1)
			c.Close()
			continue
		}
		l.counts.conns.Add(1)
		conns.Add(1)
		go func() {
			defer conns.Done()
			defer l.counts.conns.Add(-1)
			defer c.Close()
			if err := l.receive(ctx, c); err != nil && ctx.Err() == nil {
				slog.Info("a connection of syslog has ended", "from", c.RemoteAddr().String(), "error", err)
			}
		}()
	}
}

// receive takes what a connection sends until it ends.
func (l *Listener) receive(ctx context.Context, c net.Conn) error {
	from := name(c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr())
	if l.cfg.TLS != nil {
		secure := tls.Server(c, l.cfg.TLS)
		limited, cancel := context.WithTimeout(ctx, handshake)
		err := secure.HandshakeContext(limited)
		cancel()
		if err != nil {
			l.counts.turned.Add(1)
			return fmt.Errorf("agree on TLS: %w", err)
		}
		c = secure
	}
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now().Add(drain)) })
	defer stop()
	f := framer{max: l.cfg.MaxLine}
	defer func() { l.counts.cut.Add(f.cut) }()
	buf, lines := make([]byte, 64<<10), []byte(nil)
	for {
		n, err := c.Read(buf)
		lines = f.add(lines[:0], buf[:n])
		if err != nil {
			lines = f.rest(lines)
		}
		if l.counts.cut.Add(f.cut); !l.offer(ctx, from, lines) {
			return ctx.Err()
		}
		f.cut = 0
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		}
	}
}

// offer gives lines to the spool, until it has taken them: a sender waits as long. It reports whether it took them before ctx ended.
func (l *Listener) offer(ctx context.Context, from string, lines []byte) bool {
	left := int64(bytes.Count(lines, newline))
	err := l.spool.Offer(ctx, from, lines, func(n int64, _ error) {
		l.counts.lines.Add(n)
		left -= n
	})
	if err != nil {
		l.spool.Refuse(left)
	}
	return err == nil
}

var newline = []byte{'\n'}

// name returns who sent something from an address.
func name(a netip.Addr) string { return a.Unmap().WithZone("").String() }
