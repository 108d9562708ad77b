package mail

import (
	"errors"
	"slices"

	"github.com/wneessen/go-mail/smtp"
)

// login shows a password on a connection that was encrypted from its first byte, in the way that the server knows. The library finds that
// out by itself only where it has opened the connection.
type login struct {
	user, password, host string
	by                   smtp.Auth
}

// Start implements smtp.Auth.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	switch {
	case slices.Contains(server.Auth, "PLAIN"):
		l.by = smtp.PlainAuth("", l.user, l.password, l.host, false)
	case slices.Contains(server.Auth, "LOGIN"):
		l.by = smtp.LoginAuth(l.user, l.password, l.host, false)
	default:
		return "", nil, errors.New("the server takes no password: it knows neither AUTH PLAIN nor AUTH LOGIN")
	}
	return l.by.Start(server)
}

// Next implements smtp.Auth.
func (l *login) Next(fromServer []byte, more bool) ([]byte, error) {
	return l.by.Next(fromServer, more)
}
