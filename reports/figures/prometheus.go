package figures

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/query"
)

// A Prometheus is the site's own one, of which KPIs of kind promql ask. It is safe for concurrent use.
type Prometheus struct {
	url    string
	token  string // file with a bearer token, "" for none
	client *http.Client

	mu   sync.Mutex
	kept map[asked]answered
}

type asked struct {
	query  string
	during query.Interval
}

type answered struct {
	samples []kpi.Point
	err     error
	at      time.Time
}

const (
	// keep is how long an answer holds, also that there was none: the console asks every few seconds.
	keep = 30 * time.Second
	// maxKept bounds the answers that are kept, maxAnswer the bytes of one, and maxSamples the values of one.
	maxKept    = 256
	maxAnswer  = 8 << 20
	maxSamples = 1440
)

// NewPrometheus returns a client of the Prometheus at address, http or https. token names a file that is read for each
// query, "" for none; secure is nil for the system's authorities.
func NewPrometheus(address, token string, secure *tls.Config, timeout time.Duration) *Prometheus {
	return &Prometheus{
		url: strings.TrimSuffix(address, "/"), token: token, kept: map[asked]answered{},
		client: &http.Client{Timeout: timeout, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		}},
	}
}

// Samples returns the values of a query over an interval: one for each minute, or for longer stretches where that would
// be more than 1,440, at the end of each. Time that has not come has none.
func (p *Prometheus) Samples(ctx context.Context, promql string, during query.Interval) ([]kpi.Point, error) {
	key := asked{promql, during}
	p.mu.Lock()
	got, ok := p.kept[key]
	p.mu.Unlock()
	if ok && time.Since(got.at) < keep {
		return got.samples, got.err
	}
	got.samples, got.err = p.ask(ctx, promql, during)
	got.at = time.Now()
	if ctx.Err() == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.kept) >= maxKept {
			clear(p.kept)
		}
		p.kept[key] = got
	}
	return got.samples, got.err
}

func (p *Prometheus) ask(ctx context.Context, promql string, during query.Interval) ([]kpi.Point, error) {
	step := time.Minute
	for time.Duration(during.To-during.From)*time.Microsecond > maxSamples*step {
		step *= 2
	}
	first := time.UnixMicro(during.From).Add(step)
	last := time.UnixMicro(during.To)
	if now := time.Now(); last.After(now) {
		last = now
	}
	if last.Before(first) {
		return nil, nil
	}
	form := url.Values{
		"query": {promql}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
		"start": {stamp(first)}, "end": {stamp(last)},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/api/v1/query_range", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := p.authorize(req); err != nil {
		return nil, err
	}
	res, err := p.client.Do(req)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) { // its text has the address, with what may be secret in it
			err = of.Err
		}
		return nil, fmt.Errorf("ask Prometheus: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("read the answer of Prometheus: %w", err)
	}
	return samplesOf(res.StatusCode, body, step)
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1e3, 'f', 3, 64) }

func (p *Prometheus) authorize(req *http.Request) error {
	if p.token == "" {
		return nil
	}
	token, err := os.ReadFile(p.token)
	if err != nil {
		return fmt.Errorf("read the token for Prometheus: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	return nil
}

// samplesOf reads an answer, whose values are each of the end of a step.
func samplesOf(status int, body []byte, step time.Duration) ([]kpi.Point, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			ResultType string `json:"resultType"`
			Result     []struct {
				Values [][2]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("ask Prometheus: it answered %d, and not as its API does", status)
	}
	switch n := len(answer.Data.Result); {
	case answer.Status != "success":
		return nil, fmt.Errorf("ask Prometheus: it answered %d: %.200s", status, answer.Error)
	case answer.Data.ResultType != "matrix":
		return nil, fmt.Errorf("ask Prometheus: it answered a %.20s", answer.Data.ResultType)
	case n == 0:
		return nil, nil
	case n > 1:
		return nil, fmt.Errorf("the query has %d series; make one of them, with sum() or max() say", n)
	}
	var out []kpi.Point
	for _, pair := range answer.Data.Result[0].Values {
		var at float64
		var text string
		if err := errors.Join(json.Unmarshal(pair[0], &at), json.Unmarshal(pair[1], &text)); err != nil {
			return nil, fmt.Errorf("ask Prometheus: it answered a value that is none: %w", err)
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("ask Prometheus: it answered a value that is none: %w", err)
		}
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out = append(out, kpi.Point{Time: int64(at*1e3)*1e3 - step.Microseconds(), Value: v})
		}
	}
	return out, nil
}

// ask replaces the figures that are asked of Prometheus. Where it does not answer the figure says so.
func (q Request) ask(ctx context.Context, figs []kpi.Figure) {
	for i := range q.Defs {
		d := &q.Defs[i]
		if d.Kind != kpi.PromQL || q.Prometheus == nil {
			continue
		}
		now, err := q.Prometheus.Samples(ctx, d.Query, q.Period)
		var before []kpi.Point
		if err == nil && q.Previous != (query.Interval{}) {
			before, err = q.Prometheus.Samples(ctx, d.Query, q.Previous)
		}
		figs[i] = d.OfSamples(now, before, q.Period)
		if err != nil {
			figs[i].Comment = err.Error()
		}
	}
}
