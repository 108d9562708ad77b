package configs

import (
	"io/fs"
	"time"
)

// A Pipe says which named pipe lines are read from, and what they are.
type Pipe struct {
	Name    string   `toml:"name"` // of its directory in the spool
	Path    string   `toml:"path"` // of the named pipe, or "-" for standard input
	Spool   Size     `toml:"spool"`
	Dataset string   `toml:"dataset"`
	Format  string   `toml:"format"`
	Site    string   `toml:"site"`
	Silent  Duration `toml:"silent_after"`
	Zone    string   `toml:"zone"`
}

func (p *Pipe) source() *Source {
	return &Source{Paths: []string{"spool"}, Dataset: p.Dataset, Format: p.Format, Site: p.Site, Zone: p.Zone}
}

// Location returns the zone of stamps that name none.
func (p *Pipe) Location() (*time.Location, error) { return p.source().Location() }

// check reports what is wrong with the table at key, and fills in what is left out.
func (p *Pipe) check(fsys fs.FS, name, key string) Errors {
	files := p.source()
	faults := files.check(fsys, name, key)
	p.Format = files.Format
	if p.Path == "" {
		faults = append(faults, At(fsys, name, key+".path", `it needs a "path": the named pipe, or "-" for standard input`))
	}
	return append(faults, checkSpool(fsys, name, key, p.Name, &p.Spool)...)
}

// checkSpool reports what is wrong with the name and the size of a spool, and fills in the size where it is 0.
func checkSpool(fsys fs.FS, name, key, of string, size *Size) (faults Errors) {
	fault := func(sub, format string, args ...any) {
		faults = append(faults, At(fsys, name, key+sub, format, args...))
	}
	if !spoolName.MatchString(of) {
		fault(".name", "it needs a \"name\" of at most 64 letters, digits, _ and -, for its directory in the spool, not %q", of)
	}
	switch of {
	case JournalName:
		fault(".name", "%q is the name of the systemd journal; give it another", of)
	case ProbesName, ResourcesName:
		fault(".name", "%q is the name of what the daemon itself finds; give it another", of)
	}
	if *size == 0 {
		*size = defaultSpool
	}
	if *size < minSpool {
		fault(".spool", "key \"spool\" wants at least %s, not %s", Size(minSpool), *size)
	}
	return faults
}
