package listen_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/listen"
	"github.com/saypro/veritail/pipeline/spool"
	"github.com/saypro/veritail/tools/need"
)

// A receiver is a listener that is served, and the spool that it fills.
type receiver struct {
	*listen.Listener
	spool *spool.Spool
	dir   string
	stop  func()
}

// receive serves a listener until the test ends or stop is called.
func receive(t *testing.T, cfg listen.Config, max int64) *receiver {
	t.Helper()
	cfg.Address = "127.0.0.1:0"
	if cfg.MaxLine == 0 {
		cfg.MaxLine = 1 << 20
	}
	r := &receiver{dir: t.TempDir()}
	var err error
	if r.spool, err = spool.Open(spool.Config{Dir: r.dir, Max: max}); err != nil {
		t.Fatal(err)
	}
	if r.Listener, err = listen.Open(cfg, r.spool); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := r.spool.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// lines returns what is in the spool.
func (r *receiver) lines(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, "*.log*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			all = append(all, strings.TrimSuffix(line, "\n"))
		}
	}
	return all
}

// await waits until the spool holds n lines and returns them.
func (r *receiver) await(t *testing.T, n int) []string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got := r.lines(t)
		if len(got) >= n {
			return got
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d lines after 20 s; the listener says %+v, the spool %+v", len(got), n, r.Status(), r.spool.Status())
		}
	}
}

func (r *receiver) dial(t *testing.T, network string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestSendersOfDebianAreUnderstood(t *testing.T) {
	logger := need.Program(t, "logger")
	for _, tc := range []struct{ network, how, want string }{
		{"udp", "-d --rfc3164", "sshd: Failed password for root from 10.1.2.3 port 22 ssh2"},
		{"udp", "-d --rfc5424=notq,nohost", "sshd - - - Failed password for root from 10.1.2.3 port 22 ssh2"},
		{"tcp", "-T --rfc3164", "sshd: Failed password for root from 10.1.2.3 port 22 ssh2"},
		{"tcp", "-T --octet-count --rfc5424=notq,nohost", "sshd - - - Failed password for root from 10.1.2.3 port 22 ssh2"},
	} {
		t.Run(tc.network+" "+tc.how, func(t *testing.T) {
			r := receive(t, listen.Config{Network: tc.network}, 1<<20)
			_, port, _ := net.SplitHostPort(r.Addr().String())
			args := append(strings.Fields(tc.how), "-n", "127.0.0.1", "-P", port, "-p", "auth.info", "-t", "sshd", "Failed password for root from 10.1.2.3 port 22 ssh2")
			if out, err := exec.Command(logger, args...).CombinedOutput(); err != nil {
				t.Fatalf("logger: %v\n%s", err, out)
			}
			got := r.await(t, 1)
			if len(got) != 1 || !strings.HasPrefix(got[0], "<38>") || !strings.HasSuffix(got[0], tc.want) {
				t.Errorf("the spool has %q", got)
			}
		})
	}
}

func TestEachSenderHasAFile(t *testing.T) {
	r := receive(t, listen.Config{Network: "udp"}, 1<<20)
	for _, from := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.1"} {
		c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, r.Addr().(*net.UDPAddr))
		if err != nil {
			t.Fatal(err)
		}
		send(t, c, "<13>from "+from)
		c.Close()
	}
	r.await(t, 3)
	for name, want := range map[string]string{"127.0.0.1.log": "<13>from 127.0.0.1\n<13>from 127.0.0.1\n", "127.0.0.2.log": "<13>from 127.0.0.2\n"} {
		if got, err := os.ReadFile(filepath.Join(r.dir, name)); string(got) != want {
			t.Errorf("%s has %q, %v", name, got, err)
		}
	}
}

func TestAFullSpoolMakesSendersWait(t *testing.T) {
	r := receive(t, listen.Config{Network: "tcp"}, 10_000)
	c := r.dial(t, "tcp")
	line := "<13>" + strings.Repeat("x", 95) + "\n"
	const lines = 500
	sent := make(chan error, 1)
	go func() {
		for range lines {
			if _, err := c.Write([]byte(line)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	seen := 0
	for end := time.Now().Add(20 * time.Second); seen < lines && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s := r.spool.Status(); s.Used > s.Max {
			t.Fatalf("the spool has %d of %d bytes", s.Used, s.Max)
		}
		seen += len(r.lines(t)) // the store takes all that is there
		if err := r.spool.Sweep(time.Now().Add(time.Hour), func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if s := r.spool.Status(); r.Status().Lines != lines || s.Refused != 0 {
		t.Errorf("%d of %d lines were taken, %d refused", r.Status().Lines, lines, s.Refused)
	}
}

func TestDatagramsBeyondTheSpoolAreCounted(t *testing.T) {
	r := receive(t, listen.Config{Network: "udp"}, 1000)
	c := r.dial(t, "udp")
	for range 50 {
		send(t, c, "<13>"+strings.Repeat("x", 95))
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s := r.spool.Status()
		if s.Refused+r.Status().Lines == 50 {
			if s.Refused != 40 || !s.Full {
				t.Errorf("%+v, want 40 refused", s)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d taken, %d refused of 50", r.Status().Lines, s.Refused)
		}
	}
}

func TestWhatTheKernelCannotKeepIsCounted(t *testing.T) {
	sp, err := spool.Open(spool.Config{Dir: t.TempDir(), Max: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	l, err := listen.Open(listen.Config{Network: "udp", Address: "127.0.0.1:0", MaxLine: 1 << 20}, sp)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sent = 3000
	for i := range sent { // nobody reads meanwhile
		send(t, c, fmt.Sprintf("<13>%d %s", i, strings.Repeat("x", 20_000)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	for end := time.Now().Add(20 * time.Second); l.Status().Lines+l.Status().Dropped < sent && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	s := l.Status()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s.Dropped == 0 || s.Lines == 0 || s.Lines+s.Dropped != sent {
		t.Errorf("of %d datagrams %d were taken and %d dropped", sent, s.Lines, s.Dropped)
	}
}

func TestAStopTakesWhatWasSentBefore(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			r := receive(t, listen.Config{Network: network}, 1<<20)
			c := r.dial(t, network)
			send(t, c, "<13>first\n")
			r.await(t, 1)
			var want []string
			for i := range 200 {
				send(t, c, fmt.Sprintf("<13>%d\n", i))
				want = append(want, fmt.Sprintf("<13>%d", i))
			}
			r.stop()
			if got := r.lines(t); !slices.Equal(got[1:], want) {
				t.Errorf("%d of 200 lines", len(got)-1)
			}
		})
	}
}

func TestALineIsCutAtTheBound(t *testing.T) {
	r := receive(t, listen.Config{Network: "tcp", MaxLine: 20}, 1<<20)
	c := r.dial(t, "tcp")
	send(t, c, "<13>"+strings.Repeat("x", 200_000)+"\n<13>next\n<13>without an end")
	c.Close()
	got := r.await(t, 3)
	want := []string{"<13>" + strings.Repeat("x", 16), "<13>next", "<13>without an end"}
	if !slices.Equal(got, want) || r.Status().Cut != 1 {
		t.Errorf("%q, %d cut", got, r.Status().Cut)
	}
}

// authority returns a certificate authority, and what makes certificates that it signed.
func authority(t *testing.T) (*x509.CertPool, func(name string) tls.Certificate) {
	t.Helper()
	make := func(of *x509.Certificate, by *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if by == nil {
			by, signer = of, key
		}
		der, err := x509.CreateCertificate(rand.Reader, of, by, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca, caKey := make(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool, func(name string) tls.Certificate {
		cert, key := make(&x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to, DNSNames: []string{name},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, ca, caKey)
		return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	}
}

func TestTLSTakesSendersThatTheAuthorityKnows(t *testing.T) {
	pool, certificate := authority(t)
	r := receive(t, listen.Config{Network: "tls", TLS: &tls.Config{
		Certificates: []tls.Certificate{certificate("veritail")}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}}, 1<<20)
	_, strange := authority(t)
	for _, tc := range []struct {
		who  string
		cert []tls.Certificate
	}{{"known", []tls.Certificate{certificate("web1")}}, {"unknown", []tls.Certificate{strange("web1")}}, {"nobody", nil}} {
		c, err := tls.Dial("tcp", r.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "veritail", Certificates: tc.cert})
		if err != nil {
			continue // refused
		}
		fmt.Fprintf(c, "<13>from %s\n", tc.who)
		c.Close()
	}
	plain := r.dial(t, "tcp")
	send(t, plain, "<13>from plain text, which is no TLS at all\n")
	for end := time.Now().Add(10 * time.Second); r.Status().Turned < 3 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if got := r.await(t, 1); !slices.Equal(got, []string{"<13>from known"}) || r.Status().Turned != 3 {
		t.Errorf("the spool has %q, %d were turned away", got, r.Status().Turned)
	}
}
