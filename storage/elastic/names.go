package elastic

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// names are what the store's things are called in the cluster.
type names struct {
	prefix  string
	monthly bool
	annex   bool // all events lie in one index, all rollups in another
}

func (n names) events() string     { return n.prefix + "-events" }  // alias of all indices of events
func (n names) rollups() string    { return n.prefix + "-rollups" } // alias of all indices of rollups
func (n names) findings() string   { return n.prefix + "-findings" }
func (n names) state() string      { return n.prefix + "-state" }
func (n names) quarantine() string { return n.prefix + "-quarantine" }

// dataset is the alias of a data set's events.
func (n names) dataset(set string) string {
	if n.annex {
		return n.events() + "-all"
	}
	return n.events() + "-" + safe(set)
}

const (
	day   = 24 * time.Hour
	month = 31 * day
	year  = 400 * day // with what is a little late
)

// eventIndex is the index of a data set's events of time t (µs), seen from now. Days far away share the index of their
// month, and what lies a year away one index, so that forged times cannot make indices without end.
func (n names) eventIndex(set string, t int64, now time.Time) string {
	return n.dataset(set) + "-" + n.period(t, now, n.monthly)
}

// rollupIndex is the index of the deltas of a minute.
func (n names) rollupIndex(t int64, now time.Time) string {
	return n.rollups() + "-" + n.period(t, now, true)
}

func (n names) period(t int64, now time.Time, monthly bool) string {
	if n.annex {
		return "always"
	}
	at := time.UnixMicro(t).UTC()
	switch away := at.Sub(now); { // saturates
	case away < -year:
		return "past"
	case away > year:
		return "future"
	case monthly, away < -month, away > month:
		return at.Format("2006.01")
	}
	return at.Format("2006.01.02")
}

var (
	unsafe = regexp.MustCompile(`[^a-z0-9._-]`)
	dated  = regexp.MustCompile(`-([0-9]{4}\.[0-9.]*|past|future)$`)
)

// safe makes a part of an index's name of a data set's name. Different names may become the same part: events are told
// apart by their field, not by their index.
func safe(set string) string {
	if set == "" {
		return "none"
	}
	s := unsafe.ReplaceAllString(strings.ToLower(set), "_")
	if dated.MatchString(s) { // it would look like another data set's index
		s += "_"
	}
	if len(s) > 100 {
		s = fmt.Sprintf("%s-%x", s[:80], sha256.Sum256([]byte(s)))[:100]
	}
	return s
}

// eventID is the id of an event's document.
func eventID(gen event.GenID, off int64) string { return fmt.Sprintf("%s-%d", gen, off) }

// escapePath makes an id a part of a path.
func escapePath(id string) string { return url.PathEscape(id) }
