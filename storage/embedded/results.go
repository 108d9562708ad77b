package embedded

import (
	"encoding/json"
	"fmt"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// putGenerations writes generations, replacing what is stored of them.
func (w *writer) putGenerations(gens []event.Generation) error {
	if len(gens) == 0 {
		return nil
	}
	last := make(map[event.GenID]event.Generation, len(gens)) // a merged batch may name one twice
	for _, g := range gens {
		last[g.ID] = g
	}
	w.small.begin(w.c, "the generations", `INSERT OR REPLACE INTO generations SELECT * FROM rows`,
		duckdb.TypeUBigInt, duckdb.TypeVarchar, duckdb.TypeVarchar, duckdb.TypeVarchar, duckdb.TypeVarchar,
		duckdb.TypeVarchar, duckdb.TypeUBigInt, duckdb.TypeUBigInt, duckdb.TypeBigInt, duckdb.TypeUBigInt, duckdb.TypeInteger)
	for _, g := range last {
		w.small.add(uint64(g.ID), g.Host, g.Path, g.Dataset, g.Format, g.Site, g.Device, g.Inode, g.Birth, g.Head, g.HeadLen)
	}
	return w.small.end()
}

// putMarks writes the new marks.
func (w *writer) putMarks(marks []event.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	w.small.begin(w.c, "the marks", `INSERT OR REPLACE INTO marks SELECT * FROM rows`,
		duckdb.TypeUBigInt, duckdb.TypeBigInt, duckdb.TypeVarchar, duckdb.TypeBigInt, duckdb.TypeBigInt,
		duckdb.TypeBigInt, duckdb.TypeBigInt, duckdb.TypeBigInt, duckdb.TypeBigInt)
	for _, m := range marks {
		open := ""
		if len(m.Open) > 0 {
			b, err := json.Marshal(m.Open)
			if err != nil {
				return fmt.Errorf("write the open spans of %s: %w", m.Gen, err)
			}
			open = string(b)
		}
		l := m.Lines
		w.small.add(uint64(m.Gen), m.Off, open, l.Read, l.Parsed, l.Unparsed, l.Ignored, l.Bytes, l.Cut)
	}
	return w.small.end()
}

// putCounts adds to what each day's table holds of each generation, at the time now.
func (w *writer) putCounts(counts map[dayGen]held, now time.Time) error {
	if len(counts) == 0 {
		return nil
	}
	w.small.begin(w.c, "the counts", `INSERT INTO counts SELECT c1, 0, c2, c3, c4, c5 FROM rows ON CONFLICT DO UPDATE
		SET events = counts.events + excluded.events, lines = counts.lines + excluded.lines, written = excluded.written`,
		duckdb.TypeInteger, duckdb.TypeUBigInt, duckdb.TypeBigInt, duckdb.TypeBigInt, duckdb.TypeBigInt)
	written := now.UnixMicro()
	for k, h := range counts {
		w.small.add(k.day, uint64(k.gen), h.events, h.lines, written)
	}
	return w.small.end()
}

// putFindings writes findings; one that is stored already stays as it is.
func (w *writer) putFindings(findings []event.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	w.small.begin(w.c, "the findings", `INSERT OR IGNORE INTO findings SELECT * FROM rows`,
		duckdb.TypeVarchar, duckdb.TypeBigInt, duckdb.TypeVarchar, duckdb.TypeVarchar, duckdb.TypeVarchar,
		duckdb.TypeVarchar, duckdb.TypeVarchar)
	for _, f := range findings {
		body, err := storage.FindingBody(f)
		if err != nil {
			return fmt.Errorf("write finding %s: %w", f.ID, err)
		}
		audience, err := json.Marshal(f.Audience)
		if err != nil {
			return fmt.Errorf("write the audience of finding %s: %w", f.ID, err)
		}
		w.small.add(f.ID, f.Time, f.Rule, f.Severity, string(audience), f.Site, string(body))
	}
	return w.small.end()
}

// putRollups adds deltas to the rollups, those of one cell as one.
func (w *writer) putRollups(deltas []event.Delta) error {
	if len(deltas) == 0 {
		return nil
	}
	w.small.begin(w.c, "the rollups", `INSERT INTO rollups
		SELECT c1, c2, c3, c4, c5, sum(c6)::BIGINT, sum(c7) FROM rows GROUP BY ALL
		ON CONFLICT DO UPDATE SET n = rollups.n + excluded.n, sum = rollups.sum + excluded.sum`,
		duckdb.TypeVarchar, duckdb.TypeVarchar, duckdb.TypeVarchar, duckdb.TypeBigInt, duckdb.TypeInteger,
		duckdb.TypeBigInt, duckdb.TypeDouble)
	for _, d := range deltas {
		w.small.add(d.Site, d.Series, d.Dataset, d.Minute, d.Bucket, d.N, d.Sum)
		w.rolled += d.N
	}
	return w.small.end()
}
