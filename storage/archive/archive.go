// Package archive is a folder of days of events that left a store, or are kept beside it: Parquet files, and a manifest
// that says what each of them holds, so that one that was altered, cut or lost is noticed before it is believed.
package archive

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ManifestName is the manifest's file.
const ManifestName = "manifest.json"

// version is the manifest's own layout.
const version = 1

// A Manifest lists the files of an archive, ordered by day.
type Manifest struct {
	Version int    `json:"version"`
	Files   []File `json:"files"`
}

// A File is a Parquet file of events of one day, in the order of generation and offset.
type File struct {
	Name        string       `json:"file"`
	Day         string       `json:"day"`    // 2026-11-24, in UTC
	Layout      int          `json:"layout"` // of its columns: the layout of the store that it came from
	Rows        int64        `json:"rows"`
	Bytes       int64        `json:"bytes"`
	SHA256      string       `json:"sha256"` // hexadecimal
	First       time.Time    `json:"first"`  // the earliest time of its events
	Last        time.Time    `json:"last"`
	Generations []Generation `json:"generations"`
}

// A Generation is what a file holds of one life of a log file.
type Generation struct {
	ID      string `json:"id"` // as event.GenID prints it
	Host    string `json:"host,omitempty"`
	Path    string `json:"path,omitempty"`
	Dataset string `json:"dataset,omitempty"`
	Events  int64  `json:"events"`
	Lines   int64  `json:"lines"`
}

// Problems are what is wrong with an archive, one line each. They refuse it.
type Problems []string

// Error joins the lines.
func (p Problems) Error() string { return strings.Join(p, "\n") }

// maxManifest bounds the bytes of a manifest: some 100,000 files with their generations.
const maxManifest = 256 << 20

// Read reads the manifest of the archive in dir. One that is not understood is Problems; if there is none the error is
// fs.ErrNotExist.
func Read(dir string) (*Manifest, error) {
	m := new(Manifest)
	path := filepath.Join(dir, ManifestName)
	if err := Decode(path, version, m); err != nil {
		return nil, fmt.Errorf("open the archive: %w", err)
	}
	for i := range m.Files {
		if err := m.Files[i].check(); err != nil {
			return nil, Problems{fmt.Sprintf("%s: %v", path, err)}
		}
	}
	return m, nil
}

// Decode reads the manifest at path into m, a pointer. One of another version, or that is none, is Problems; if there is
// none the error is fs.ErrNotExist.
func Decode(path string, version int, m any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return err
	}
	if len(text) > maxManifest {
		return Problems{fmt.Sprintf("%s is larger than %d bytes", path, maxManifest)}
	}
	var head struct{ Version int }
	if err := json.Unmarshal(text, &head); err != nil {
		return Problems{fmt.Sprintf("%s is no manifest: %v", path, err)}
	}
	if head.Version != version {
		return Problems{fmt.Sprintf("%s has version %d, this Veritail reads version %d", path, head.Version, version)}
	}
	if err := json.Unmarshal(text, m); err != nil {
		return Problems{fmt.Sprintf("%s is no manifest: %v", path, err)}
	}
	return nil
}

// check refuses names that could lead out of the folder, and days that are none.
func (f *File) check() error {
	if f.Name != filepath.Base(f.Name) || !strings.HasSuffix(f.Name, ".parquet") || strings.ContainsAny(f.Name, `*?[/\`) {
		return fmt.Errorf("%q is no name of a file of an archive", f.Name)
	}
	if _, err := time.Parse(time.DateOnly, f.Day); err != nil {
		return fmt.Errorf("%s: %q is no day", f.Name, f.Day)
	}
	return nil
}

// Write replaces the manifest of dir, durably.
func (m *Manifest) Write(dir string) error {
	m.Version = version
	slices.SortFunc(m.Files, func(a, b File) int { return strings.Compare(a.Day+a.Name, b.Day+b.Name) })
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	path := filepath.Join(dir, ManifestName)
	tmp := path + ".tmp"
	err = os.WriteFile(tmp, append(text, '\n'), 0o600)
	if err == nil {
		err = Sync(tmp)
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil {
		err = Sync(dir)
	}
	if err != nil {
		return fmt.Errorf("write the manifest: %w", errors.Join(err, removeIfThere(tmp)))
	}
	return nil
}

// Between returns the files of the days from first to last, "" for no bound.
func (m *Manifest) Between(first, last string) []File {
	return slices.DeleteFunc(slices.Clone(m.Files), func(f File) bool { return first != "" && f.Day < first || last != "" && f.Day > last })
}

// Check compares files of the archive in dir with what the manifest says of them and returns what differs.
func Check(dir string, files []File) (Problems, error) {
	var found Problems
	for i := range files {
		f := &files[i]
		sum, bytes, err := Sum(filepath.Join(dir, f.Name))
		if errors.Is(err, fs.ErrNotExist) {
			found = append(found, fmt.Sprintf("%s is missing: %d events of %s", f.Name, f.Rows, f.Day))
			continue
		}
		if err != nil {
			return found, err
		}
		found = append(found, f.Differs(sum, bytes)...)
	}
	return found, nil
}

// Differs says what of a file's SHA-256 and size is not as the manifest has it.
func (f *File) Differs(sum string, bytes int64) Problems {
	var found Problems
	if bytes != f.Bytes {
		found = append(found, fmt.Sprintf("%s has %d bytes, the manifest says %d", f.Name, bytes, f.Bytes))
	}
	if sum != f.SHA256 {
		found = append(found, fmt.Sprintf("%s has the SHA-256 %s, the manifest says %s", f.Name, sum, f.SHA256))
	}
	return found
}

// Sum returns the SHA-256, in hexadecimal, and the size of a file.
func Sum(path string) (sum string, bytes int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	return sumOf(f, io.Discard)
}

func sumOf(r io.Reader, w io.Writer) (sum string, bytes int64, err error) {
	h := sha256.New()
	bytes, err = io.Copy(io.MultiWriter(w, h), r)
	if err != nil {
		return "", bytes, err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), bytes, nil
}

// Copy copies a file durably to a place where none is, and returns the SHA-256 and the size of what it has copied.
func Copy(from, to string) (sum string, bytes int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	tmp := to + ".tmp"
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", 0, err
	}
	sum, bytes, err = sumOf(in, out)
	err = errors.Join(err, out.Sync(), out.Close())
	if err == nil {
		err = os.Rename(tmp, to)
	}
	if err == nil {
		err = Sync(filepath.Dir(to))
	}
	if err != nil {
		return "", 0, fmt.Errorf("copy %s to %s: %w", from, to, errors.Join(err, removeIfThere(tmp)))
	}
	return sum, bytes, nil
}

// Sync makes a file or folder durable that nobody has open.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
