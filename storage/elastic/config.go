package elastic

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// Config says which cluster a store lives in and under which names.
type Config struct {
	Addresses   []string // http(s)://host:port, one or more nodes of one cluster
	Username    string   // with Password; neither where APIKey is given
	Password    string
	APIKey      string // base64, as Elasticsearch gives it
	CACert      []byte // PEM of the authorities that sign the nodes' certificates; nil: the system's
	Fingerprint string // SHA-256 of a certificate of the chain, in hex, in place of CACert

	Prefix   string        // of all names in the cluster; "veritail"
	Writer   string        // who writes: the host's name. Only one daemon writes under a name
	ReadOnly bool          // it commits nothing: another process may write under the name
	Own      bool          // reads see only what was written under this name
	Schema   *event.Schema // the schema of the pages that are committed and scanned
	Shards   int           // of each index; 1
	Replicas int           // of each shard
	Monthly  bool          // an index a month and data set, else one a day
	Workers  int           // requests at the same time while writing; 4
	Timeout  time.Duration // of one request; 60 s
	Patience time.Duration // how long a commit is tried again by itself; 30 s

	Quarantine string // local directory for documents that the cluster refuses

	annex bool             // it is the annex of another store: see Annex
	now   func() time.Time // set by tests
}

var prefixName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// fill sets defaults and refuses what cannot be.
func (c *Config) fill() error {
	if len(c.Addresses) == 0 {
		return errors.New("no address of Elasticsearch is given")
	}
	for _, a := range c.Addresses {
		u, err := url.Parse(a)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("an address of Elasticsearch wants the form https://host:9200")
		}
		if u.User != nil {
			return fmt.Errorf("the address %s holds a user; give user and password by their own keys", u.Redacted())
		}
	}
	if c.Prefix == "" {
		c.Prefix = "veritail"
	}
	if !prefixName.MatchString(c.Prefix) {
		return fmt.Errorf("the prefix %q is no beginning of an index's name: small letters, digits, _ and -", c.Prefix)
	}
	if c.Writer == "" {
		return errors.New("no name is given to write under")
	}
	if c.Schema == nil {
		c.Schema = event.NewSchema()
	}
	c.Shards = max(c.Shards, 1)
	if c.Workers <= 0 {
		c.Workers = 4
	}
	if c.Timeout <= 0 {
		c.Timeout = time.Minute
	}
	if c.Patience <= 0 {
		c.Patience = 30 * time.Second
	}
	if c.now == nil {
		c.now = time.Now
	}
	return nil
}
