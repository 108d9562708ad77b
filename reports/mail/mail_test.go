package mail

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage/state"
	"github.com/saypro/veritail/tools/need"
)

// A server is a mail server that runs until the test ends.
type server struct {
	dir   string
	port  int
	roots *tls.Config
}

// serve starts one that encrypts as mode says.
func serve(t *testing.T, mode string) *server {
	t.Helper()
	need.Program(t, "aiosmtpd")
	s := &server{dir: t.TempDir()}
	s.certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "testdata/server.py", s.dir, mode, strconv.Itoa(s.port))
	var said bytes.Buffer
	cmd.Stderr = &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("the server ended with %v and said\n%s", err, said.String())
		}
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(s.dir, "port")); err == nil {
			return s
		}
		if time.Now().After(end) {
			t.Fatal("the mail server does not answer")
		}
	}
}

func (s *server) certificate(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{"cert.pem": cert, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	s.roots = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// received returns the mails that the server took, in the order in which they came.
func (s *server) received(t *testing.T) (mails []*netmail.Message, to []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.dir, "mail", "*-*@*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := netmail.ReadMessage(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		mails = append(mails, m)
		_, who, _ := strings.Cut(filepath.Base(name), "-")
		to = append(to, who)
	}
	return mails, to
}

// A world is a sender with its queue, and a clock that the test sets.
type world struct {
	*Sender
	path string
	at   time.Time
}

func open(t *testing.T, s *server, mode string, change func(*Config)) *world {
	t.Helper()
	w := &world{path: filepath.Join(t.TempDir(), "records.db"), at: time.Now().Truncate(time.Second)}
	cfg := Config{Mail: configs.Mail{Server: "127.0.0.1", Port: s.port, TLS: mode, From: "Véritail <veritail@shop.example>", Timeout: configs.Duration(20 * time.Second)}, TLSRoots: s.roots, Host: "app01"}
	if mode != configs.NoTLS {
		cfg.User, cfg.Password = "veritail", "secret"
	}
	if change != nil {
		change(&cfg)
	}
	db, err := state.Open(t.Context(), w.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if w.Sender, err = New(cfg, db); err != nil {
		t.Fatal(err)
	}
	db.SetClock(func() time.Time { return w.at })
	w.now = func() time.Time { return w.at }
	return w
}

func (w *world) sendDue(t *testing.T) time.Time {
	t.Helper()
	next, err := w.SendDue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestMailArrivesHoweverTheServerEncrypts(t *testing.T) {
	for _, mode := range []string{configs.StartTLS, configs.TLS, configs.NoTLS} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := serve(t, mode)
			w := open(t, s, mode, nil)
			m := state.Mail{About: "a", To: []string{"Ann <ann@shop.example>", "bob@shop.example"}, Subject: "Bericht für Montag", Text: "Two lines,\nof text.\n",
				Files: []state.MailFile{{Name: "D-2026-11-23.html", Type: "text/html", Data: []byte("<p>ä</p>")}, {Name: "Größe.xlsx", Type: "application/octet-stream", Data: []byte{0, 1, 2, 255}}}}
			for range 2 { // the second is the same
				if err := w.Queue(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			if next := w.sendDue(t); !next.IsZero() {
				t.Errorf("something is due at %v", next)
			}
			mails, to := s.received(t)
			if len(mails) != 2 || to[0] != "ann@shop.example" || to[1] != "bob@shop.example" {
				t.Fatalf("%d mails to %v", len(mails), to)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(mails[0].Header.Get("Subject"))
			from, err2 := mails[0].Header.AddressList("From")
			if err := errors.Join(err, err2); err != nil || subject != m.Subject || from[0].Address != "veritail@shop.example" || from[0].Name != "Véritail" {
				t.Errorf("subject %q from %v, %v", subject, from, err)
			}
			if mails[0].Header.Get("Message-Id") == mails[1].Header.Get("Message-Id") || mails[0].Header.Get("Auto-Submitted") != "auto-generated" {
				t.Errorf("header %v", mails[0].Header)
			}
			text, files := parts(t, mails[0])
			if strings.ReplaceAll(text, "\r\n", "\n") != m.Text || len(files) != 2 || string(files["Größe.xlsx"]) != "\x00\x01\x02\xff" || string(files["D-2026-11-23.html"]) != "<p>ä</p>" {
				t.Errorf("text %q, files %q", text, files)
			}
		})
	}
}

// parts returns the text of a mail and its attachments by their names.
func parts(t *testing.T, m *netmail.Message) (text string, files map[string][]byte) {
	t.Helper()
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return text, files
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(decoded(p))
		if err != nil {
			t.Fatal(err)
		}
		if _, d, err := mime.ParseMediaType(p.Header.Get("Content-Disposition")); err == nil && d["filename"] != "" {
			name, err := new(mime.WordDecoder).DecodeHeader(d["filename"])
			if err != nil {
				t.Fatal(err)
			}
			files[name] = b
		} else {
			text = string(b)
		}
	}
}

func TestNothingThatIsSentBecomesAHeader(t *testing.T) {
	s := serve(t, configs.NoTLS)
	w := open(t, s, configs.NoTLS, nil)
	evil := "Report\r\nBcc: evil@example.org\r\n\r\n<script>\x1b[31m\u202egnp"
	err := w.Queue(t.Context(), state.Mail{About: evil, To: []string{"ann@shop.example"}, Subject: evil, Text: evil + "\r\n.\r\nMAIL FROM:<evil@example.org>\r\n",
		Files: []state.MailFile{{Name: "../../etc/\"passwd\"\r\nX-Evil: 1;.html", Type: "text/html", Data: []byte("x")}}})
	if err != nil {
		t.Fatal(err)
	}
	w.sendDue(t)
	mails, to := s.received(t)
	if len(mails) != 1 || to[0] != "ann@shop.example" {
		t.Fatalf("%d mails to %v", len(mails), to)
	}
	h := mails[0].Header
	if h.Get("Bcc") != "" || h.Get("X-Evil") != "" || len(h["Subject"]) != 1 {
		t.Errorf("header %v", h)
	}
	text, files := parts(t, mails[0])
	for name := range files {
		if strings.ContainsAny(name, "/\\\"\r\n;:") {
			t.Errorf("a file is called %q", name)
		}
	}
	if len(files) != 1 || !strings.Contains(text, "MAIL FROM:<evil@example.org>") {
		t.Errorf("text %q, files %v", text, files)
	}
	for _, to := range []string{"ann@shop.example\r\nBcc: evil@example.org", "ann@shop.example>,<evil@example.org", "no address", "a@b, c@d"} {
		if err := w.Queue(t.Context(), state.Mail{About: to, To: []string{to}, Subject: "x"}); err == nil {
			t.Errorf("a mail to %q was taken", to)
		}
	}
}

func TestWhatTheServerDoesNotTakeNowIsTriedAgain(t *testing.T) {
	s := serve(t, configs.NoTLS)
	w := open(t, s, configs.NoTLS, nil)
	for _, to := range []string{"later@shop.example", "nobody@shop.example"} {
		if err := w.Queue(t.Context(), state.Mail{About: to, To: []string{to}, Subject: "x", Files: []state.MailFile{{Name: "a", Type: "text/plain", Data: []byte("a")}}}); err != nil {
			t.Fatal(err)
		}
	}
	begin := w.at
	next := w.sendDue(t)
	if want := begin.Add(pauses[0]); !next.Equal(want) {
		t.Fatalf("the next try is at %v, want %v", next, want)
	}
	list, err := w.db.Deliveries(t.Context(), 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if v := list[0]; v.To != "later@shop.example" || v.Tries != 1 || !strings.Contains(v.Problem, "Come again") || !v.GaveUp.IsZero() {
		t.Errorf("%+v", v)
	}
	if v := list[1]; v.To != "nobody@shop.example" || v.Tries != 1 || !strings.Contains(v.Problem, "No such person") || v.GaveUp.IsZero() {
		t.Errorf("%+v", v)
	}

	// A restart changes nothing of it.
	db, err := state.Open(t.Context(), w.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetClock(func() time.Time { return w.at })
	w.db = db
	w.at = next
	if next = w.sendDue(t); !next.Equal(w.at.Add(pauses[1])) {
		t.Errorf("the next try is at %v", next)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "open"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.at = next
	if next = w.sendDue(t); !next.IsZero() {
		t.Errorf("something is due at %v", next)
	}
	if mails, to := s.received(t); len(mails) != 1 || to[0] != "later@shop.example" {
		t.Errorf("%d mails to %v", len(mails), to)
	}
}

func TestAMailIsGivenUpAfterThreeDays(t *testing.T) {
	s := serve(t, configs.NoTLS)
	w := open(t, s, configs.NoTLS, nil)
	if err := w.Queue(t.Context(), state.Mail{About: "x", To: []string{"later@shop.example"}, Subject: "x"}); err != nil {
		t.Fatal(err)
	}
	begin, tries := w.at, 0
	for next := w.sendDue(t); !next.IsZero(); next = w.sendDue(t) {
		w.at = next
		if tries++; tries > 20 {
			t.Fatal("it goes on for ever")
		}
	}
	list, err := w.db.Deliveries(t.Context(), 10)
	if err != nil || len(list) != 1 || list[0].GaveUp.IsZero() || list[0].Tries != len(pauses)+1 {
		t.Errorf("%+v, %v", list, err)
	}
	if took := w.at.Sub(begin); took < 72*time.Hour || took > 96*time.Hour {
		t.Errorf("it was given up after %v", took)
	}
}

// A server that is not who it should be, or not there, gets no mail and no password.
func TestNoMailWithoutTrust(t *testing.T) {
	s := serve(t, configs.StartTLS)
	short := func(c *Config) { c.Timeout = configs.Duration(time.Second) }
	for name, change := range map[string]func(*Config){
		"an authority that is not known":   func(c *Config) { c.TLSRoots = nil },
		"a wrong password":                 func(c *Config) { c.Password = "guess" },
		"a server that is not there":       func(c *Config) { c.Port = 1 },
		"in the clear where it may not be": func(c *Config) { c.TLS, c.User = configs.NoTLS, "" },
	} {
		w := open(t, s, configs.StartTLS, func(c *Config) { short(c); change(c) })
		if err := w.Send(t.Context(), state.Mail{To: []string{"ann@shop.example"}, Subject: "x"}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if mails, _ := s.received(t); len(mails) > 0 {
		t.Errorf("%d mails arrived", len(mails))
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	w := open(t, &server{}, configs.NoTLS, func(c *Config) { c.Port = 1 })
	if err := w.Queue(t.Context(), state.Mail{About: "big", To: []string{"a@b"}, Files: []state.MailFile{{Name: "x", Data: make([]byte, 26<<20)}}}); !errors.Is(err, state.ErrRefused) {
		t.Errorf("a mail of 26 MiB: %v", err)
	}
	if err := w.Queue(t.Context(), state.Mail{About: "nobody"}); !errors.Is(err, state.ErrRefused) {
		t.Errorf("a mail to nobody: %v", err)
	}
}
