package configs

import (
	"io/fs"
	"net/url"
	"regexp"
	"time"
)

// Elasticsearch says which cluster events are kept in, where the kind of store is OnElasticsearch. Passwords and keys
// stand in files or in the environment, never here.
type Elasticsearch struct {
	Addresses    []string `toml:"addresses"` // http(s)://host:port of some of the cluster's nodes
	Username     string   `toml:"username"`
	PasswordFile string   `toml:"password_file"` // empty: PasswordVariable
	APIKeyFile   string   `toml:"api_key_file"`  // empty: APIKeyVariable
	CAFile       string   `toml:"ca_file"`       // empty: the system's authorities
	Fingerprint  string   `toml:"fingerprint"`   // SHA-256 of a certificate of the chain
	Prefix       string   `toml:"prefix"`        // of all names in the cluster
	IndexEvery   string   `toml:"index_every"`   // "day" or "month"
	Shards       int      `toml:"shards"`        // of each index
	Replicas     int      `toml:"replicas"`      // of each shard
	Workers      int      `toml:"workers"`       // requests at the same time while writing
	Timeout      Duration `toml:"timeout"`       // of one request
}

// The environment variables that hold what stands in no file.
const (
	PasswordVariable = "VERITAIL_ELASTICSEARCH_PASSWORD"
	APIKeyVariable   = "VERITAIL_ELASTICSEARCH_API_KEY"
)

const (
	maxShards   = 1024
	maxReplicas = 16
	maxWorkers  = 64
)

var (
	indexPrefix = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
	fingerprint = regexp.MustCompile(`^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$`)
)

func (e *Elasticsearch) check(fsys fs.FS, name string) Errors {
	var faults Errors
	fault := func(key, format string, args ...any) {
		faults = append(faults, At(fsys, name, "elasticsearch."+key, format, args...))
	}
	if len(e.Addresses) == 0 {
		fault("addresses", `the store needs "addresses" of Elasticsearch, such as ["https://es1:9200"]`)
	}
	for i, a := range e.Addresses {
		u, err := url.Parse(a)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			fault(itemPath("addresses", i), "an address wants the form \"https://host:9200\"")
		case u.User != nil:
			fault(itemPath("addresses", i), "an address holds no user and password: give \"username\" and \"password_file\"")
		}
	}
	if e.Fingerprint != "" && !fingerprint.MatchString(e.Fingerprint) {
		fault("fingerprint", "key \"fingerprint\" wants a SHA-256 in hexadecimal digits")
	}
	if !indexPrefix.MatchString(e.Prefix) {
		fault("prefix", "key \"prefix\" wants small letters, digits, _ and -, not %q", e.Prefix)
	}
	if e.IndexEvery != "day" && e.IndexEvery != "month" {
		fault("index_every", "key \"index_every\" wants \"day\" or \"month\", not %q", e.IndexEvery)
	}
	for _, n := range []struct {
		key             string
		value, min, max int
	}{{"shards", e.Shards, 1, maxShards}, {"replicas", e.Replicas, 0, maxReplicas}, {"workers", e.Workers, 1, maxWorkers}} {
		if n.value < n.min || n.value > n.max {
			fault(n.key, "key %q wants %d to %d, not %d", n.key, n.min, n.max, n.value)
		}
	}
	if time.Duration(e.Timeout) < time.Second {
		fault("timeout", "key \"timeout\" wants at least \"1s\"")
	}
	return faults
}
