package elastic

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
)

// A client talks to a cluster: requests and answers are JSON, and answers that are no success are errors.
type client struct {
	es      *elasticsearch.BaseClient
	timeout time.Duration // of one request
}

func newClient(cfg Config) (*client, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second, ExpectContinueTimeout: time.Second,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if len(cfg.CACert) > 0 {
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(cfg.CACert) {
			return nil, errors.New("connect to Elasticsearch: the authority's file holds no certificate")
		}
	}
	es, err := elasticsearch.NewBaseClient(elasticsearch.Config{
		Addresses: cfg.Addresses, Username: cfg.Username, Password: cfg.Password, APIKey: cfg.APIKey,
		CertificateFingerprint: cfg.Fingerprint, Transport: transport,
		// A node that cannot be reached is another node's turn. Answers are ours to judge.
		MaxRetries: max(2, len(cfg.Addresses)), RetryOnStatus: []int{http.StatusBadGateway}, RetryBackoff: backoff,
	})
	if err != nil {
		return nil, fmt.Errorf("connect to Elasticsearch: %w", err)
	}
	return &client{es: es, timeout: cfg.Timeout}, nil
}

// The waits after failures double from firstWait to maxWait, each by chance up to half longer or shorter, so that many
// daemons do not come back at once.
const (
	firstWait = 100 * time.Millisecond
	maxWait   = 5 * time.Second
)

func backoff(attempt int) time.Duration {
	d := min(firstWait<<min(attempt-1, 10), maxWait)
	return d/2 + rand.N(d)
}

// sleep waits, or returns why it should not.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// An answerError is an answer of the cluster that is no success.
type answerError struct {
	status int
	kind   string // as Elasticsearch names it: "index_not_found_exception"
	reason string
}

func (e *answerError) Error() string {
	text := fmt.Sprintf("Elasticsearch answers %d %s", e.status, e.reason)
	if e.kind != "" {
		text = fmt.Sprintf("Elasticsearch answers %d %s: %s", e.status, e.kind, e.reason)
	}
	if repair := e.repair(); repair != "" {
		text = strings.TrimRight(text, "; ") + "; " + repair
	}
	return text
}

// repair says what an operator can do about it, "" where there is nothing that is always right.
func (e *answerError) repair() string {
	switch {
	case e.status == http.StatusUnauthorized:
		return "look at the user and password, or the API key, of [elasticsearch]"
	case e.status == http.StatusForbidden && e.kind == "security_exception":
		return "this user or API key needs a privilege: docs/elasticsearch.md names them all"
	case e.kind == "cluster_block_exception" && strings.Contains(e.reason, "flood-stage"):
		return "free disk on the nodes, and the cluster takes the block away by itself"
	case e.kind == "cluster_block_exception" && e.status == http.StatusServiceUnavailable: // no master, or it is starting
		return "the cluster takes the block away by itself when its nodes have found each other"
	case e.kind == "cluster_block_exception":
		return "somebody has made it read-only: take the block away in the settings of the index"
	}
	return ""
}

// statusOf is the status of an answer that is an error, 0 for other errors.
func statusOf(err error) int {
	var a *answerError
	if errors.As(err, &a) {
		return a.status
	}
	return 0
}

// passing reports whether a request that failed so may succeed later without anybody changing it.
func passing(err error) bool {
	switch status := statusOf(err); {
	case status == 0:
		return !errors.Is(err, context.Canceled) // no answer at all
	case status == http.StatusTooManyRequests, status >= 500:
		return true
	default:
		return false
	}
}

// A noAnswer is the error of a request that was given up after a time.
type noAnswer time.Duration

func (e noAnswer) Error() string { return fmt.Sprintf("no answer within %s", time.Duration(e)) }

// Away reports whether err says that the cluster cannot be reached, does not answer, or cannot do so now: what failed
// may succeed later without anybody changing it here.
func Away(err error) bool {
	var answer *answerError
	if errors.As(err, &answer) {
		return passing(answer)
	}
	var link net.Error
	if errors.As(err, &link) {
		_, file := link.(syscall.Errno) // by itself it is a file's
		return !file
	}
	return errors.As(err, new(noAnswer)) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// call makes a request and decodes its answer into out, unless that is nil. A body is JSON already ([]byte) or made so.
func (c *client) call(ctx context.Context, method, path string, body, out any) error {
	var raw []byte
	switch b := body.(type) {
	case nil:
	case []byte:
		raw = b
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			return fmt.Errorf("write a request to Elasticsearch: %w", err)
		}
	}
	return c.send(ctx, method, path, raw, http.Header{"Content-Type": {"application/json"}}, func(r io.Reader) error {
		if out == nil {
			return nil
		}
		d := json.NewDecoder(r)
		d.UseNumber()
		return d.Decode(out)
	})
}

// send makes a request and hands the body of a successful answer to read.
func (c *client) send(ctx context.Context, method, path string, body []byte, header http.Header, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, noAnswer(c.timeout))
	defer cancel()
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, path, content)
	if err != nil {
		return fmt.Errorf("write a request to Elasticsearch: %w", err)
	}
	if body != nil {
		req.Header = header
	}
	res, err := c.es.Perform(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s %s: %w", method, pathOnly(path), err)
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %w", method, pathOnly(path), errorOf(res))
	}
	if err := read(res.Body); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s %s: read the answer: %w", method, pathOnly(path), err)
	}
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection can be used again
	return nil
}

func pathOnly(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if len(path) > 100 {
		path = path[:100] + "…"
	}
	return path
}

// maxError bounds what is read of an error's answer.
const maxError = 64 << 10

func errorOf(res *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxError)) // what came has to do
	e := &answerError{status: res.StatusCode, reason: http.StatusText(res.StatusCode)}
	var answer struct {
		Error json.RawMessage
	}
	if json.Unmarshal(body, &answer) == nil {
		e.kind, e.reason = reasonOf(answer.Error, e.reason)
	}
	return e
}

// reasonOf reads an error as Elasticsearch writes it: an object with its innermost cause inside, or a text.
func reasonOf(raw json.RawMessage, none string) (kind, reason string) {
	type cause struct {
		Type, Reason string
		RootCause    []json.RawMessage `json:"root_cause"`
		CausedBy     json.RawMessage   `json:"caused_by"`
	}
	var c cause
	if json.Unmarshal(raw, &c) != nil || c.Type == "" {
		var text string
		if json.Unmarshal(raw, &text) == nil && text != "" {
			return "", text
		}
		return "", none
	}
	kind, reason = c.Type, c.Reason
	for range 10 {
		inner := c.CausedBy
		if len(inner) == 0 && len(c.RootCause) > 0 {
			inner = c.RootCause[0]
		}
		var next cause
		if json.Unmarshal(inner, &next) != nil || next.Type == "" {
			break
		}
		if next.Reason != "" && !strings.Contains(reason, next.Reason) {
			reason += ": " + next.Reason
		}
		c = next
	}
	return kind, reason
}

// minVersion is the first major version that has what the store uses.
const minVersion = 8

// version asks the cluster for its version, and refuses one that is too old.
func (c *client) version(ctx context.Context) (string, error) {
	version, err := c.askVersion(ctx)
	switch statusOf(err) {
	case http.StatusUnauthorized:
		return "", fmt.Errorf("neither user and password nor API key are taken: %w", err)
	case http.StatusForbidden:
		return "", fmt.Errorf("the user or API key may not ask the cluster for its version (privilege monitor): %w", err)
	}
	if errors.As(err, new(*net.OpError)) {
		return "", fmt.Errorf("no node of [elasticsearch] addresses answers; do they run, and can they be reached from here? %w", err)
	}
	if err != nil {
		return "", fmt.Errorf("ask Elasticsearch for its version: %w", err)
	}
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < minVersion {
		return "", fmt.Errorf("this cluster is of version %s; Elasticsearch %d.0 or newer is needed", version, minVersion)
	}
	return version, nil
}

// Skew returns how far the clock of the cluster is ahead of this host's, about: that of the node whose is nearest.
func (s *Store) Skew(ctx context.Context) (time.Duration, error) {
	var stats struct {
		Nodes map[string]struct{ Timestamp int64 } // ms
	}
	begun := s.cfg.now()
	if err := s.client.call(ctx, http.MethodGet, "/_nodes/stats/os?filter_path=nodes.*.timestamp", nil, &stats); err != nil {
		return 0, fmt.Errorf("ask Elasticsearch for its time: %w", err)
	}
	ended := s.cfg.now()
	skew, found := time.Duration(0), false
	for _, n := range stats.Nodes {
		at := time.UnixMilli(n.Timestamp)
		d := time.Duration(0) // somewhere while it was asked
		if at.Before(begun) {
			d = at.Sub(begun)
		} else if at.After(ended) {
			d = at.Sub(ended)
		}
		if !found || d.Abs() < skew.Abs() {
			skew, found = d, true
		}
	}
	return skew, nil
}

func (c *client) askVersion(ctx context.Context) (string, error) {
	var root struct {
		Version struct{ Number string }
	}
	err := c.call(ctx, http.MethodGet, "/", nil, &root)
	if err == nil {
		return root.Version.Number, nil
	}
	if statusOf(err) != http.StatusMethodNotAllowed {
		return "", err
	}
	// Some nodes have no root page. Of a mixed cluster the oldest node counts.
	var nodes struct {
		Nodes map[string]struct{ Version string }
	}
	if err := c.call(ctx, http.MethodGet, "/_nodes/_all/version?filter_path=nodes.*.version", nil, &nodes); err != nil {
		return "", err
	}
	oldest, lowest := "", 1<<31-1
	for _, n := range nodes.Nodes {
		major, _, _ := strings.Cut(n.Version, ".")
		if v, err := strconv.Atoi(major); err == nil && v < lowest {
			oldest, lowest = n.Version, v
		}
	}
	if oldest == "" {
		return "", errors.New("no node tells its version")
	}
	return oldest, nil
}
