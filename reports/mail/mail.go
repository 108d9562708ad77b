// Package mail sends mail by the site's own server, such as reports.
//
// It stands behind the flow. What is to be sent lies in a queue of the records (storage/state), where it survives a restart; a Sender takes
// it from there, one mail and one address at a time, and tries again what the server does not take now.
//
// A mail that the server took just before the daemon died is sent once more, with the same Message-ID.
package mail

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"path"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage/state"
)

// pauses are the times between tries; when they are used up, after three days, a mail is given up.
var pauses = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 8 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// maxProblem bounds what is kept of a server's answer, in characters.
const maxProblem = 500

// A Config says which server takes mail.
type Config struct {
	configs.Mail
	Password string
	TLSRoots *tls.Config // nil: the system's authorities
	Host     string      // this machine's name, in the greeting and in ids
}

// A Sender sends what is in the queue. Its methods may be called from any goroutine.
type Sender struct {
	cfg  Config
	from *netmail.Address
	db   *state.DB
	now  func() time.Time
	wake chan struct{}
}

// New returns the sender for a queue.
func New(cfg Config, db *state.DB) (*Sender, error) {
	from, err := netmail.ParseAddress(cfg.From)
	if err != nil {
		return nil, fmt.Errorf("mail.from %q: %w", cfg.From, err)
	}
	return &Sender{cfg: cfg, from: from, db: db, now: time.Now, wake: make(chan struct{}, 1)}, nil
}

// Queue puts a mail into the queue; one about the same that was there before stays alone.
func (s *Sender) Queue(ctx context.Context, m state.Mail) error {
	for i, to := range m.To {
		a, err := netmail.ParseAddress(to)
		if err != nil {
			return fmt.Errorf("queue a mail to %q: %w", to, err)
		}
		m.To[i] = a.Address
	}
	if _, err := s.db.QueueMail(ctx, m); err != nil {
		return err
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run sends what is due until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	for ctx.Err() == nil {
		next, err := s.SendDue(ctx)
		wait := time.Hour
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			slog.Error("the mail queue", "err", err)
			wait = time.Minute
		case !next.IsZero():
			wait = min(max(next.Sub(s.now()), 0), time.Hour)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// SendDue sends all that is due and returns when the next is, zero for never. What the server refuses is no error: the queue keeps it.
func (s *Sender) SendDue(ctx context.Context) (next time.Time, err error) {
	for ctx.Err() == nil {
		m, to, next, err := s.db.NextMail(ctx)
		if err != nil || m == nil {
			return next, err
		}
		problem, again := "", time.Time{}
		if sending := s.Send(ctx, *m); sending != nil {
			if ctx.Err() != nil {
				return time.Time{}, ctx.Err() // it is tried at the next start
			}
			problem = clean(sending.Error(), maxProblem)
			if !isFinal(sending) && to.Tries < len(pauses) {
				again = s.now().Add(pauses[to.Tries])
			}
			slog.Warn("a mail was not sent", "to", to.To, "subject", m.Subject, "why", problem, "again", again)
		}
		if err := s.db.Tried(ctx, m.ID, to.To, problem, again); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, ctx.Err()
}

// isFinal reports whether the server has refused a mail for good, so that trying again is of no use.
func isFinal(err error) bool {
	var refused *gomail.SendError
	return errors.As(err, &refused) && !refused.IsTemp() && refused.ErrorCode() >= 500
}

// Send sends a mail now, to the addresses that it has.
func (s *Sender) Send(ctx context.Context, m state.Mail) error {
	msg, err := s.message(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.cfg.Timeout))
	defer cancel()
	client, err := s.client(ctx)
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("send to %s by %s: %w", strings.Join(m.To, ", "), s.cfg.Server, err)
	}
	return nil
}

// client returns what talks to the server. When ctx ends its connection is closed: the library bounds the time of the connection's beginning only.
func (s *Sender) client(ctx context.Context) (*gomail.Client, error) {
	opts := []gomail.Option{gomail.WithPort(s.cfg.Port), gomail.WithTimeout(time.Duration(s.cfg.Timeout)), gomail.WithHELO(s.cfg.Host), gomail.WithoutNoop()}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.cfg.TLSRoots != nil {
		trust = s.cfg.TLSRoots.Clone()
	}
	trust.ServerName = s.cfg.Server
	opts = append(opts, gomail.WithTLSConfig(trust))
	dial := (&net.Dialer{}).DialContext
	switch s.cfg.TLS {
	case configs.TLS:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS)) // there is no second greeting
		dial = (&tls.Dialer{Config: trust}).DialContext
	case configs.NoTLS:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	switch {
	case s.cfg.User == "":
	case s.cfg.TLS == configs.TLS:
		opts = append(opts, gomail.WithSMTPAuthCustom(&login{user: s.cfg.User, password: s.cfg.Password, host: s.cfg.Server}))
	default:
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.cfg.User), gomail.WithPassword(s.cfg.Password))
	}
	opts = append(opts, gomail.WithDialContextFunc(func(dialling context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(dialling, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() }) // it may be closed already
		}
		return conn, err
	}))
	client, err := gomail.NewClient(s.cfg.Server, opts...)
	if err != nil {
		return nil, fmt.Errorf("reach the mail server %s: %w", s.cfg.Server, err)
	}
	return client, nil
}

// message writes a mail. What came from elsewhere, such as a report's title, becomes no header: line ends and other control
// characters are blanks.
func (s *Sender) message(m state.Mail) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.FromFormat(clean(s.from.Name, 200), s.from.Address); err != nil {
		return nil, fmt.Errorf("mail.from: %w", err)
	}
	for _, to := range m.To {
		a, err := netmail.ParseAddress(to)
		if err != nil {
			return nil, fmt.Errorf("send a mail to %q: %w", to, err)
		}
		if err := msg.AddTo(a.Address); err != nil {
			return nil, fmt.Errorf("send a mail to %q: %w", to, err)
		}
	}
	msg.Subject(clean(m.Subject, 200))
	msg.SetDateWithValue(m.Queued)
	msg.SetMessageIDWithValue(s.id(m))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	for _, f := range m.Files {
		if err := msg.AttachReader(fileName(f.Name), strings.NewReader(string(f.Data)), gomail.WithFileContentType(gomail.ContentType(f.Type))); err != nil {
			return nil, fmt.Errorf("attach %s: %w", f.Name, err)
		}
	}
	return msg, nil
}

// id is the same whenever a mail is sent to an address, so that a second copy can be told.
func (s *Sender) id(m state.Mail) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s\x00%s", s.cfg.Host, m.ID, m.About, strings.Join(m.To, ",")))
	_, domain, _ := strings.Cut(s.from.Address, "@")
	return "veritail." + hex.EncodeToString(sum[:16]) + "@" + domain
}

// fileName is a name as a file of that name can be saved everywhere.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|;`, r) {
			return '-'
		}
		return r
	}, clean(path.Base(strings.ReplaceAll(name, `\`, "/")), 150))
	if strings.Trim(name, ". ") == "" {
		return "file"
	}
	return name
}

// clean returns s in one line without control characters, cut after n characters.
func clean(s string, n int) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
