package configs

import (
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"time"
)

// A Probe says which service is asked whether it answers, and how fast. One of URL and Address is given.
type Probe struct {
	Name    string   `toml:"name"`
	URL     string   `toml:"url"`     // of a page
	Address string   `toml:"address"` // host:port
	Every   Duration `toml:"every"`   // after LoadDaemon never 0
	Timeout Duration `toml:"timeout"` // after LoadDaemon never 0
	Status  []int    `toml:"status"`  // that a page may answer with; empty: 200 to 399
	CA      string   `toml:"ca_file"` // authorities of its certificate, in PEM; empty: the system's
}

// ProbesName and ResourcesName are the names of what the daemon itself finds, among what is spooled.
const (
	ProbesName    = "probes"
	ResourcesName = "resources"
)

const (
	defaultEvery   = time.Minute
	minEvery       = 5 * time.Second
	defaultTimeout = 10 * time.Second
)

// check reports what is wrong with the table at key, and fills in what is left out.
func (p *Probe) check(fsys fs.FS, name, key string) (faults Errors) {
	fault := func(sub, format string, args ...any) {
		faults = append(faults, At(fsys, name, key+sub, format, args...))
	}
	if !siteName.MatchString(p.Name) || p.Name == "" {
		fault(".name", "it needs a \"name\" of at most 64 letters, digits, _, - and dots, not %q", p.Name)
	}
	switch {
	case (p.URL == "") == (p.Address == ""):
		fault(".url", `it needs a "url", such as "https://shop.example/", or an "address", such as "db.example:5432", and not both`)
	case p.URL != "":
		if u, err := url.Parse(p.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			fault(".url", "key \"url\" wants one of http or https, such as \"https://shop.example/\"")
		}
	default:
		if host, port, err := net.SplitHostPort(p.Address); err != nil || host == "" || port == "" {
			fault(".address", "key \"address\" wants host:port, such as \"db.example:5432\", not %q", p.Address)
		}
		for _, of := range []struct {
			key   string
			given bool
		}{{".status", len(p.Status) > 0}, {".ca_file", p.CA != ""}} {
			if of.given {
				fault(of.key, "only a \"url\" has that")
			}
		}
	}
	if p.Every == 0 {
		p.Every = Duration(defaultEvery)
	}
	if p.Timeout == 0 {
		p.Timeout = min(Duration(defaultTimeout), p.Every)
	}
	if time.Duration(p.Every) < minEvery {
		fault(".every", "key \"every\" wants at least %s, not %s", minEvery, time.Duration(p.Every))
	}
	if p.Timeout > p.Every {
		fault(".timeout", "key \"timeout\" wants at most what \"every\" says, %s", time.Duration(p.Every))
	}
	for i, s := range p.Status {
		if s < 100 || s > 599 {
			fault(fmt.Sprintf(".status[%d]", i), "a status is 100 to 599, not %d", s)
		}
	}
	return faults
}

// Resources says whether this machine's processors, memory and file systems are sampled.
type Resources struct {
	Sample string   `toml:"sample"` // ResourcesAuto, ResourcesYes or ResourcesNo
	Every  Duration `toml:"every"`
}

// What Sample of Resources may say.
const (
	ResourcesAuto = "auto" // with WellKnown
	ResourcesYes  = "yes"
	ResourcesNo   = "no"
)

// WantsResources reports whether samples are taken.
func (d *Daemon) WantsResources() bool {
	return d.Resources.Sample == ResourcesYes || d.Resources.Sample == ResourcesAuto && d.WellKnown
}

func (r *Resources) check(fsys fs.FS, name string) (faults Errors) {
	switch r.Sample {
	case ResourcesAuto, ResourcesYes, ResourcesNo:
	default:
		faults = append(faults, At(fsys, name, "resources.sample", "key \"sample\" wants \"auto\", \"yes\" or \"no\", not %q", r.Sample))
	}
	if time.Duration(r.Every) < minEvery {
		faults = append(faults, At(fsys, name, "resources.every", "key \"every\" wants at least %s, not %s", minEvery, time.Duration(r.Every)))
	}
	return faults
}

// Prometheus says where the site's own one is, of which KPIs may ask.
type Prometheus struct {
	URL     string   `toml:"url"`        // empty: there is none
	Token   string   `toml:"token_file"` // with a bearer token
	CA      string   `toml:"ca_file"`    // authorities of its certificate, in PEM; empty: the system's
	Timeout Duration `toml:"timeout"`    // of one query
}

func (p *Prometheus) check(fsys fs.FS, name string) (faults Errors) {
	if p.URL != "" {
		if u, err := url.Parse(p.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			faults = append(faults, At(fsys, name, "prometheus.url", "key \"url\" wants one of http or https, such as \"http://127.0.0.1:9090\""))
		}
	}
	if p.Timeout <= 0 {
		faults = append(faults, At(fsys, name, "prometheus.timeout", "key \"timeout\" wants more than 0"))
	}
	return faults
}
