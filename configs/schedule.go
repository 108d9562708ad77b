package configs

import (
	"io/fs"
	"net/mail"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// A Schedule says when a report is made by itself, and where it goes.
type Schedule struct {
	Report  string   `toml:"report"`  // its id in reports.toml
	Cron    string   `toml:"cron"`    // minute, hour, day of month, month, day of week, in UTC; "CRON_TZ=Europe/Berlin 0 7 * * *" in a zone
	Site    string   `toml:"site"`    // whose; empty: this machine's
	Formats []string `toml:"formats"` // those of the report where there are none
	Folder  string   `toml:"folder"`  // where its files are written; empty: nowhere
	To      []string `toml:"to"`      // who gets them by mail

	times cron.Schedule
}

// Key tells the schedule from others, as long as it stays what it is.
func (s *Schedule) Key() string {
	return strings.Join([]string{s.Report, s.Site, s.Cron, strings.Join(s.Formats, ","), s.Folder, strings.Join(s.To, ",")}, "|")
}

// Next returns when the schedule is due first after t.
func (s *Schedule) Next(t time.Time) time.Time { return s.times.Next(t.UTC()).UTC() }

// cronForm is a crontab's, and its usual short words.
var cronForm = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// check reports what is wrong with the schedule at key, and reads its times.
func (s *Schedule) check(fsys fs.FS, name, key string, mailed bool) (faults Errors) {
	fault := func(sub, format string, args ...any) {
		faults = append(faults, At(fsys, name, key+sub, format, args...))
	}
	if s.Report == "" {
		fault("", `a schedule needs "report": the id of a report, such as "daily"`)
	}
	times, err := cronForm.Parse(s.Cron)
	switch {
	case strings.Contains(s.Cron, "@every"):
		fault(".cron", `key "cron" wants fixed times, not %q: an interval would begin anew at each start`, s.Cron)
	case err != nil:
		fault(".cron", `key "cron" wants minute, hour, day of month, month and day of week, such as "10 0 * * *", not %q: %v`, s.Cron, err)
	case times.Next(time.Now()).IsZero():
		fault(".cron", "key \"cron\": %q never comes", s.Cron)
	}
	s.times = times
	if s.Folder == "" && len(s.To) == 0 {
		fault("", `a schedule needs "folder" or "to": where does the report go?`)
	}
	for i, to := range s.To {
		if _, err := mail.ParseAddress(to); err != nil {
			fault(itemPath(".to", i), "%q is no address", to)
		}
	}
	if len(s.To) > 0 && !mailed {
		fault(".to", `mail is sent by a server: name it in [mail]`)
	}
	return faults
}
