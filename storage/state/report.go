package state

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrTaken is returned where a version of a document is there already.
var ErrTaken = errors.New("that version was issued already")

// ErrAltered is returned where what is kept of a report is not what was issued.
var ErrAltered = errors.New("it is not what was issued")

// An Issued is a report as it was issued. It never changes: the same document again is its next version.
type Issued struct {
	Document string       `json:"document"` // "D-2026-11-23"
	Version  int          `json:"version"`  // from 1
	Report   string       `json:"report"`   // id of its definition
	Name     string       `json:"name"`
	Title    string       `json:"title"`
	Site     string       `json:"site"`
	From     time.Time    `json:"from"` // of its period
	To       time.Time    `json:"to"`
	Made     time.Time    `json:"issued"`
	By       string       `json:"by"`
	Files    []IssuedFile `json:"files"`
}

// An IssuedFile is the report in one format.
type IssuedFile struct {
	Format string `json:"format"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Data   []byte `json:"-"` // to be kept; it is read with IssuedBytes
}

// Digest is the SHA-256 of bytes, in hexadecimal.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// NextVersion returns the version that the next issue of a document has.
func (d *DB) NextVersion(ctx context.Context, document string) (int, error) {
	var last int
	if err := d.sql.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM report WHERE document = ?", document).Scan(&last); err != nil {
		return 0, fmt.Errorf("read the versions of %s: %w", document, err)
	}
	return last + 1, nil
}

// KeepReport keeps a report with its bytes. The error is ErrTaken where its version is there.
func (d *DB) KeepReport(ctx context.Context, i Issued) error {
	err := d.write(ctx, func(tx *sql.Tx) error {
		var there bool
		if err := tx.QueryRowContext(ctx, "SELECT count(*) > 0 FROM report WHERE document = ? AND version = ?", i.Document, i.Version).Scan(&there); err != nil {
			return err
		}
		if there {
			return ErrTaken
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO report (document, version, report, name, title, site, begins, ends, made, who) VALUES (?,?,?,?,?,?,?,?,?,?)",
			i.Document, i.Version, i.Report, i.Name, i.Title, i.Site, i.From.UnixMicro(), i.To.UnixMicro(), i.Made.UnixMicro(), i.By); err != nil {
			return err
		}
		for n, f := range i.Files {
			packed, err := pack(f.Data)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO report_file (document, version, position, format, sha256, bytes, packed) VALUES (?,?,?,?,?,?,?)",
				i.Document, i.Version, n, f.Format, Digest(f.Data), len(f.Data), packed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep report %s, version %d: %w", i.Document, i.Version, err)
	}
	return nil
}

func pack(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// An IssuedQuery says which reports are wanted; what is empty does not narrow.
type IssuedQuery struct {
	Report string
	Site   *string // nil: every site; "" is this machine
	Limit  int     // 0: all
	Offset int
}

// IssuedReports returns the reports that were issued, the last ones first.
func (d *DB) IssuedReports(ctx context.Context, q IssuedQuery) ([]Issued, error) {
	site, limit := "", q.Limit
	if q.Site != nil {
		site = *q.Site
	}
	if limit == 0 {
		limit = -1
	}
	out, err := d.issued(ctx, "(? = '' OR report = ?) AND (? OR site = ?) ORDER BY made DESC, document, version DESC LIMIT ? OFFSET ?",
		q.Report, q.Report, q.Site == nil, site, limit, q.Offset)
	if err != nil {
		return nil, fmt.Errorf("list the reports that were issued: %w", err)
	}
	return out, nil
}

// IssuedReport returns one version of a document, the last one for 0. The error is ErrNotFound where there is none.
func (d *DB) IssuedReport(ctx context.Context, document string, version int) (Issued, error) {
	out, err := d.issued(ctx, "document = ? AND (? = 0 OR version = ?) ORDER BY version DESC LIMIT 1", document, version, version)
	if err == nil && len(out) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Issued{}, fmt.Errorf("find report %.100q: %w", document, err)
	}
	return out[0], nil
}

// IssuedWith returns the report of which one file has a digest. The error is ErrNotFound where none has.
func (d *DB) IssuedWith(ctx context.Context, digest string) (Issued, error) {
	out, err := d.issued(ctx, "(document, version) IN (SELECT document, version FROM report_file WHERE sha256 = ?) LIMIT 1", digest)
	if err == nil && len(out) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Issued{}, fmt.Errorf("find the report with the SHA-256 %.12s…: %w", digest, err)
	}
	return out[0], nil
}

func (d *DB) issued(ctx context.Context, where string, args ...any) ([]Issued, error) {
	var out []Issued
	err := each(ctx, d.sql, func(rows *sql.Rows) error {
		var i Issued
		var from, to, made int64
		if err := rows.Scan(&i.Document, &i.Version, &i.Report, &i.Name, &i.Title, &i.Site, &from, &to, &made, &i.By); err != nil {
			return err
		}
		i.From, i.To, i.Made = time.UnixMicro(from).UTC(), time.UnixMicro(to).UTC(), time.UnixMicro(made).UTC()
		out = append(out, i)
		return nil
	}, "SELECT document, version, report, name, title, site, begins, ends, made, who FROM report WHERE "+where, args...)
	if err != nil {
		return nil, err
	}
	for n := range out {
		i := &out[n]
		err := each(ctx, d.sql, func(rows *sql.Rows) error {
			var f IssuedFile
			if err := rows.Scan(&f.Format, &f.SHA256, &f.Bytes); err != nil {
				return err
			}
			i.Files = append(i.Files, f)
			return nil
		}, "SELECT format, sha256, bytes FROM report_file WHERE document = ? AND version = ? ORDER BY position", i.Document, i.Version)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxReport bounds what one report unpacks to.
const maxReport = 256 << 20

// IssuedBytes returns the bytes of a report with a digest. The error is ErrAltered where they no longer have it, and
// ErrNotFound where there is none.
func (d *DB) IssuedBytes(ctx context.Context, digest string) ([]byte, error) {
	var packed []byte
	err := d.sql.QueryRowContext(ctx, "SELECT packed FROM report_file WHERE sha256 = ? LIMIT 1", digest).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read report %.12s: %w", digest, err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("read report %.12s: %w", digest, ErrAltered)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxReport))
	if err != nil || Digest(data) != digest {
		return nil, fmt.Errorf("read report %.12s: %w", digest, ErrAltered)
	}
	return data, nil
}
