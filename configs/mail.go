package configs

import (
	"io/fs"
	"net"
	"net/mail"
	"slices"
	"strings"
)

// How a connection to a mail server is encrypted.
const (
	StartTLS = "starttls" // after the greeting, or nothing is sent
	TLS      = "tls"      // from the first byte on
	NoTLS    = "none"     // not at all
)

var mailTLS = []string{StartTLS, TLS, NoTLS}

// Mail says which server takes mail.
type Mail struct {
	Server       string   `toml:"server"` // its name or address; empty: no mail is sent
	Port         int      `toml:"port"`
	TLS          string   `toml:"tls"`           // StartTLS, TLS or NoTLS
	User         string   `toml:"user"`          // empty: without a login
	PasswordFile string   `toml:"password_file"` // whose first line is the user's password
	CA           string   `toml:"ca_file"`       // certificates of those who sign the server's; empty: the system's
	From         string   `toml:"from"`          // the sender
	Timeout      Duration `toml:"timeout"`       // of sending one mail
}

// Enabled reports whether there is a server.
func (m *Mail) Enabled() bool { return m.Server != "" }

func (m *Mail) check(fsys fs.FS, name string) (faults Errors) {
	fault := func(key, format string, args ...any) {
		faults = append(faults, At(fsys, name, "mail."+key, format, args...))
	}
	if !slices.Contains(mailTLS, m.TLS) {
		hint := ""
		if near := Nearest(m.TLS, mailTLS); near != "" {
			hint = "; did you mean \"" + near + "\"?"
		}
		fault("tls", "key \"tls\" wants one of %s, not %q%s", strings.Join(mailTLS, ", "), m.TLS, hint)
	}
	if m.Port < 1 || m.Port > 65535 {
		fault("port", "key \"port\" wants 1 to 65535, not %d", m.Port)
	}
	if m.Timeout <= 0 {
		fault("timeout", "key \"timeout\" wants more than 0s")
	}
	if !m.Enabled() {
		return faults
	}
	if strings.ContainsAny(m.Server, " \t:/@") && net.ParseIP(m.Server) == nil {
		fault("server", "key \"server\" wants a name such as \"mail.example.org\", without a port, not %q", m.Server)
	}
	if m.From == "" {
		fault("server", "a mail server wants \"from\" too: who sends?")
	} else if _, err := mail.ParseAddress(m.From); err != nil {
		fault("from", "key \"from\" wants an address such as \"Veritail <veritail@example.org>\", not %q", m.From)
	}
	switch {
	case m.User != "" && m.PasswordFile == "":
		fault("user", "a user wants \"password_file\" too")
	case m.User == "" && m.PasswordFile != "":
		fault("password_file", "a password is whose? Name the user")
	case m.User != "" && m.TLS == NoTLS:
		fault("tls", "a password is not sent in the clear: key \"tls\" wants \"starttls\" or \"tls\"")
	}
	return faults
}
