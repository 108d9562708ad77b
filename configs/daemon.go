package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Daemon is the configuration of `veritail run`. veritail.toml documents each key and holds the defaults.
type Daemon struct {
	Host      string    `toml:"host"`      // this machine's name; after LoadDaemon never empty
	State     string    `toml:"state"`     // directory for what the daemon keeps
	Socket    string    `toml:"socket"`    // unix socket; after LoadDaemon never empty
	Configs   string    `toml:"configs"`   // argument of FS: directory of formats and rules, empty for the shipped ones
	WellKnown bool      `toml:"wellknown"` // follow WellKnown's sources too
	MaxLine   Size      `toml:"max_line"`  // a longer line is cut
	Console   Console   `toml:"console"`
	Store     Store     `toml:"store"`
	Retention Retention `toml:"retention"`
	Issues    Issues    `toml:"issues"`
	Sources   []Source  `toml:"source"`
	Syslog    []Syslog  `toml:"syslog"`
	Pipes     []Pipe    `toml:"pipe"`
	Journal   Journal   `toml:"journal"`
	Probes    []Probe   `toml:"probe"`
	Resources Resources `toml:"resources"`

	Mail          Mail          `toml:"mail"`
	Schedules     []Schedule    `toml:"schedule"`
	Prometheus    Prometheus    `toml:"prometheus"`
	Elasticsearch Elasticsearch `toml:"elasticsearch"`
}

// A Console says where the web console listens.
type Console struct {
	Listen string `toml:"listen"` // host:port
}

// The kinds of stores.
const (
	Embedded        = "embedded"
	OnElasticsearch = "elasticsearch"
)

// A Store says where events are kept.
type Store struct {
	Kind    string `toml:"kind"`    // Embedded or OnElasticsearch
	Path    string `toml:"path"`    // directory; after LoadDaemon never empty
	Memory  Size   `toml:"memory"`  // that the store may use
	Threads int    `toml:"threads"` // for queries; 0: one a core
	Temp    Size   `toml:"temp"`    // that queries may write to disk for a while
	// SealAfter is how long a day that has ended must be quiet before it is sealed; 0: never.
	SealAfter Duration `toml:"seal_after"`
}

// A Retention says how long things are kept; 0 keeps for ever.
type Retention struct {
	Events   Duration `toml:"events"`
	Findings Duration `toml:"findings"`
	Rollups  Duration `toml:"rollups"`
	// The store takes at most Disk bytes, and DiskShare percent of the file system it lies on; 0: no bound.
	Disk      Size `toml:"disk"`
	DiskShare int  `toml:"disk_share"`
}

// Issues says which findings open issues in the issue log.
type Issues struct {
	From string `toml:"from"` // those of this severity and above, or Never
}

// Never is the severity that no finding has.
const Never = "never"

var issuesFrom = []string{"critical", "high", "medium", "low", Never}

// A Source names files to follow and what they are.
type Source struct {
	Paths   []string `toml:"paths"`           // globs, as path/filepath.Match has them
	Exclude []string `toml:"exclude"`         // globs of files to leave out
	Dataset string   `toml:"dataset"`         // event.dataset of their events
	Format  string   `toml:"format"`          // name of a format, or "auto"
	Site    string   `toml:"site"`            // counted apart under this name; empty for this machine
	Prefix  string   `toml:"log_line_prefix"` // how PostgreSQL's lines begin, as its setting says; empty: guessed from them
	Layout  string   `toml:"log_format"`      // what the lines of an access log look like, as nginx's log_format or Apache's LogFormat says
	Silent  Duration `toml:"silent_after"`    // without a line for so long it is a finding; 0: as is learnt
	Unended Duration `toml:"line_timeout"`    // a last line without an ending is taken when nothing has come for so long; 0: when its ending comes
	Zone    string   `toml:"zone"`            // IANA name of the zone of stamps that name none; empty: this machine's
}

// Auto is the Format of a source whose files' formats are told from their content.
const Auto = "auto"

// LoadDaemon reads the configuration at path, or the shipped one if path is empty. What the file leaves out keeps
// its default; empty names are filled in. Faults of the file are Errors.
func LoadDaemon(path string) (*Daemon, error) {
	d := &Daemon{}
	fsys, name := FS(""), "veritail.toml"
	if err := Decode(fsys, name, d); err != nil {
		return nil, err
	}
	if path != "" {
		dir, base := filepath.Split(path)
		fsys, name = directory(filepath.Clean(dir)), base
		d.Sources, d.Schedules = nil, nil // tables of the file replace the default ones, they are not laid over them
		if err := Decode(fsys, name, d); err != nil {
			return nil, err
		}
	}
	if faults := d.check(fsys, name); len(faults) > 0 {
		return nil, faults
	}
	return d, d.fill()
}

// WellKnown returns where the logs of a machine usually are, as wellknown.toml lists them.
func WellKnown() ([]Source, error) {
	var v struct {
		Sources []Source `toml:"source"`
	}
	fsys, name := FS(""), "wellknown.toml"
	if err := Decode(fsys, name, &v); err != nil {
		return nil, err
	}
	var faults Errors
	for i := range v.Sources {
		faults = append(faults, v.Sources[i].check(fsys, name, itemPath("source", i))...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return v.Sources, nil
}

// fill replaces empty names by what they stand for.
func (d *Daemon) fill() error {
	if d.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("ask for this machine's name (set host in the configuration instead): %w", err)
		}
		d.Host = host
	}
	if d.Socket == "" {
		d.Socket = filepath.Join(d.State, "veritail.sock")
	}
	if d.Store.Path == "" {
		d.Store.Path = filepath.Join(d.State, "store")
	}
	return nil
}

const (
	maxSocket  = 107 // sun_path of unix(7) less its final NUL
	minMemory  = 64 << 20
	minTemp    = 64 << 20
	minDisk    = 64 << 20
	maxThreads = 256
	minLine    = 4 << 10
	maxLine    = 64 << 20
)

func (d *Daemon) check(fsys fs.FS, name string) Errors {
	var faults Errors
	fault := func(key, format string, args ...any) {
		faults = append(faults, At(fsys, name, key, format, args...))
	}
	if d.State == "" {
		fault("state", `key "state" must name a directory`)
	}
	socket := d.Socket
	if socket == "" {
		socket = filepath.Join(d.State, "veritail.sock")
	}
	if len(socket) > maxSocket {
		fault("socket", "the path of the socket, %s, is longer than %d bytes; give a shorter one", socket, maxSocket)
	}
	if _, port, err := net.SplitHostPort(d.Console.Listen); err != nil || port == "" {
		fault("console.listen", "key \"listen\" wants host:port, such as \"127.0.0.1:8650\", not %q", d.Console.Listen)
	}
	if d.MaxLine < minLine || d.MaxLine > maxLine {
		fault("max_line", "key \"max_line\" wants %s to %s, not %s", Size(minLine), Size(maxLine), d.MaxLine)
	}
	switch d.Store.Kind {
	case Embedded:
	case OnElasticsearch:
		faults = append(faults, d.Elasticsearch.check(fsys, name)...)
	default:
		fault("store.kind", "unknown kind of store %q; there are %q and %q", d.Store.Kind, Embedded, OnElasticsearch)
	}
	if d.Store.Memory < minMemory {
		fault("store.memory", "key \"memory\" wants at least %s, not %s", Size(minMemory), d.Store.Memory)
	}
	if d.Store.Threads < 0 || d.Store.Threads > maxThreads {
		fault("store.threads", "key \"threads\" wants 0 to %d, not %d", maxThreads, d.Store.Threads)
	}
	if d.Store.Temp < minTemp {
		fault("store.temp", "key \"temp\" wants at least %s, not %s", Size(minTemp), d.Store.Temp)
	}
	if d.Retention.Disk != 0 && d.Retention.Disk < minDisk {
		fault("retention.disk", "key \"disk\" wants at least %s, or \"0B\" for no bound, not %s", Size(minDisk), d.Retention.Disk)
	}
	if d.Retention.DiskShare < 0 || d.Retention.DiskShare > 100 {
		fault("retention.disk_share", "key \"disk_share\" wants 0 to 100, in percent, not %d", d.Retention.DiskShare)
	}
	if !slices.Contains(issuesFrom, d.Issues.From) {
		hint := ""
		if near := Nearest(d.Issues.From, issuesFrom); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		fault("issues.from", "key \"from\" wants one of %s, not %q%s", strings.Join(issuesFrom, ", "), d.Issues.From, hint)
	}
	for i := range d.Sources {
		faults = append(faults, d.Sources[i].check(fsys, name, itemPath("source", i))...)
	}
	faults = append(faults, d.Journal.check(fsys, name)...)
	faults = append(faults, d.Resources.check(fsys, name)...)
	faults = append(faults, d.Prometheus.check(fsys, name)...)
	faults = append(faults, d.Mail.check(fsys, name)...)
	scheduled := map[string]bool{}
	for i := range d.Schedules {
		key := itemPath("schedule", i)
		faults = append(faults, d.Schedules[i].check(fsys, name, key, d.Mail.Enabled())...)
		if scheduled[d.Schedules[i].Key()] {
			fault(key, "there is the same schedule already")
		}
		scheduled[d.Schedules[i].Key()] = true
	}
	probes := map[string]bool{}
	for i := range d.Probes {
		key := itemPath("probe", i)
		faults = append(faults, d.Probes[i].check(fsys, name, key)...)
		if probes[d.Probes[i].Name] {
			fault(key+".name", "there is a probe named %q already", d.Probes[i].Name)
		}
		probes[d.Probes[i].Name] = true
	}
	spools := map[string]bool{}
	once := func(key, name string) {
		if spools[name] {
			fault(key+".name", "there is a spool named %q already", name)
		}
		spools[name] = true
	}
	for i := range d.Syslog {
		key := itemPath("syslog", i)
		faults = append(faults, d.Syslog[i].check(fsys, name, key)...)
		once(key, d.Syslog[i].Name)
	}
	for i := range d.Pipes {
		key := itemPath("pipe", i)
		faults = append(faults, d.Pipes[i].check(fsys, name, key)...)
		once(key, d.Pipes[i].Name)
	}
	return faults
}

var (
	datasetName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	siteName    = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,64}$`)
)

// check reports what is wrong with the source at key, and sets Format to Auto where it is empty.
func (s *Source) check(fsys fs.FS, name, key string) Errors {
	var faults Errors
	fault := func(sub, format string, args ...any) {
		faults = append(faults, At(fsys, name, key+sub, format, args...))
	}
	if len(s.Paths) == 0 {
		fault(".paths", `a source needs "paths": the files to follow`)
	}
	for i, p := range s.Paths {
		if _, err := filepath.Match(p, ""); err != nil || p == "" {
			fault(itemPath(".paths", i), "%q is no path or glob", p)
		}
	}
	for i, p := range s.Exclude {
		if _, err := filepath.Match(p, ""); err != nil {
			fault(itemPath(".exclude", i), "%q is no path or glob", p)
		}
	}
	if !datasetName.MatchString(s.Dataset) {
		fault(".dataset", "a source needs a \"dataset\" of letters, digits, _ and - in parts joined by dots, not %q", s.Dataset)
	}
	if !siteName.MatchString(s.Site) {
		fault(".site", "a site's name is at most 64 letters, digits, _, - and dots, not %q", s.Site)
	}
	if _, err := s.Location(); err != nil {
		fault(".zone", "key \"zone\" wants a name of the time zone database, such as \"Europe/Berlin\", or \"UTC\", not %q", s.Zone)
	}
	if s.Format == "" {
		s.Format = Auto
	}
	return faults
}

// Location returns the zone of the source's stamps that name none.
func (s *Source) Location() (*time.Location, error) {
	if s.Zone == "" {
		return time.Local, nil
	}
	return time.LoadLocation(s.Zone)
}

// Rounded writes the size for people: 1.5 KiB.
func (s Size) Rounded() string {
	v, unit := float64(s), ""
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	if unit == "" {
		return fmt.Sprintf("%d B", int64(s))
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

// A Duration is a time.Duration that configuration files may also write in days: "90d", "1d12h".
type Duration time.Duration

// UnmarshalText reads a duration that is not negative.
func (d *Duration) UnmarshalText(b []byte) error {
	text := string(b)
	wrong := fmt.Errorf("wants a duration such as \"90s\", \"36h\" or \"30d\", not %q", text)
	var days int64
	if m := leadingDays.FindStringSubmatch(text); m != nil {
		if _, err := fmt.Sscan(m[1], &days); err != nil || days > maxDays {
			return wrong
		}
		text = m[2]
	}
	rest := time.Duration(0)
	if text != "" {
		var err error
		if rest, err = time.ParseDuration(text); err != nil || rest < 0 {
			return wrong
		}
	} else if len(b) == 0 {
		return wrong
	}
	if rest > maxDays*24*time.Hour {
		return wrong
	}
	*d = Duration(time.Duration(days)*24*time.Hour + rest)
	return nil
}

const maxDays = 36500

var leadingDays = regexp.MustCompile(`^([0-9]+)d(.*)$`)

// A Size is a number of bytes, written as "512MiB".
type Size int64

var sizeText = regexp.MustCompile(`^([0-9]{1,9})(B|KiB|MiB|GiB|TiB)$`)

var sizeUnits = []struct {
	name  string
	shift int
}{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(b []byte) error {
	m := sizeText.FindStringSubmatch(string(b))
	if m == nil {
		return fmt.Errorf("wants a size such as \"64KiB\", \"512MiB\" or \"2GiB\", not %q", b)
	}
	var n int64
	if _, err := fmt.Sscan(m[1], &n); err != nil {
		return errors.New("wants a number before its unit")
	}
	for _, u := range sizeUnits {
		if u.name == m[2] {
			if n > (1<<62)>>u.shift {
				return fmt.Errorf("%q is too large", b)
			}
			*s = Size(n << u.shift)
		}
	}
	return nil
}

// String returns the size in the largest unit that keeps it whole.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if n := int64(s) >> u.shift; n<<u.shift == int64(s) && n != 0 {
			return fmt.Sprintf("%d%s", n, u.name)
		}
	}
	return "0B"
}
