package configs

import (
	"io/fs"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// A Syslog says where messages are received over the network, and what they are.
type Syslog struct {
	Name     string   `toml:"name"`           // of its directory in the spool
	Listen   []string `toml:"listen"`         // "udp://host:port", "tcp://host:port" or "tls://host:port"
	Cert     string   `toml:"cert_file"`      // of tls, in PEM, with those that lead to an authority
	Key      string   `toml:"key_file"`       // of tls, in PEM
	ClientCA string   `toml:"client_ca_file"` // authorities that sign the senders' certificates; empty: any sender
	Spool    Size     `toml:"spool"`          // that it may take on disk; after LoadDaemon never 0
	Dataset  string   `toml:"dataset"`
	Format   string   `toml:"format"`
	Site     string   `toml:"site"`
	Silent   Duration `toml:"silent_after"`
	Zone     string   `toml:"zone"`
}

const (
	defaultSpool = 1 << 30
	minSpool     = 1 << 20
)

var spoolName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// networks are what a syslog listener may listen on.
var networks = []string{"udp", "tcp", "tls"}

// Network returns the network and host:port of an address of Listen.
func Network(listen string) (network, address string) {
	u, err := url.Parse(listen)
	if err != nil {
		return "", ""
	}
	return u.Scheme, u.Host
}

// source returns what the files of its spool are.
func (s *Syslog) source() *Source {
	return &Source{Paths: []string{"spool"}, Dataset: s.Dataset, Format: s.Format, Site: s.Site, Zone: s.Zone}
}

// Location returns the zone of stamps that name none.
func (s *Syslog) Location() (*time.Location, error) { return s.source().Location() }

// check reports what is wrong with the table at key, and fills in what is left out.
func (s *Syslog) check(fsys fs.FS, name, key string) Errors {
	files := s.source()
	faults := files.check(fsys, name, key)
	s.Format = files.Format
	fault := func(sub, format string, args ...any) {
		faults = append(faults, At(fsys, name, key+sub, format, args...))
	}
	faults = append(faults, checkSpool(fsys, name, key, s.Name, &s.Spool)...)
	if len(s.Listen) == 0 {
		fault(".listen", `it needs "listen": where it listens, such as ["udp://:514", "tcp://:514"]`)
	}
	secure := false
	for i, text := range s.Listen {
		network, address := Network(text)
		_, port, err := net.SplitHostPort(address)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || !slices.Contains(networks, network) {
			fault(itemPath(".listen", i), "wants udp://, tcp:// or tls:// and host:port, such as \"udp://:514\" or \"tls://0.0.0.0:6514\", not %q", text)
		}
		secure = secure || network == "tls"
	}
	if secure && (s.Cert == "" || s.Key == "") {
		fault(".cert_file", `tls:// needs "cert_file" and "key_file"`)
	}
	for _, of := range [][2]string{{".cert_file", s.Cert}, {".key_file", s.Key}, {".client_ca_file", s.ClientCA}} {
		if of[1] != "" && !secure {
			fault(of[0], "certificates are for tls:// only, and there is none in \"listen\"")
			break
		}
	}
	return faults
}
