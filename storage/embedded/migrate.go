package embedded

import (
	"fmt"
	"time"
)

// migrate creates the layout in an empty database, brings an older one up to date, in one transaction, and refuses one
// that a newer Veritail wrote.
func (w *writer) migrate() error {
	there := false
	err := w.rows(`SELECT 1 FROM duckdb_tables() WHERE table_name = 'meta'`, func([]cells, int) { there = true })
	if err != nil {
		return err
	}
	if !there {
		return w.transaction(func() error {
			for _, sql := range createTables {
				if err := w.c.exec(sql); err != nil {
					return fmt.Errorf("create the store's tables: %w", err)
				}
			}
			return w.c.exec(`INSERT INTO meta VALUES (?)`, int32(schemaVersion))
		})
	}
	version := 0
	if err := w.rows(`SELECT max(version) FROM meta`, func(c []cells, i int) { version = int(c[0].i32(i)) }); err != nil {
		return fmt.Errorf("read the store's layout: %w", err)
	}
	switch version {
	case schemaVersion:
		return nil
	case 1:
		if err := w.transaction(w.fromLayout1); err != nil {
			return fmt.Errorf("bring the store from layout 1 to layout %d: %w", schemaVersion, err)
		}
		return nil
	}
	return fmt.Errorf("the store has layout %d, this Veritail writes layout %d: use the version of Veritail that wrote it or a newer one",
		version, schemaVersion)
}

// fromLayout1 adds what layout 2 has more: parts in the counts, and runs. The runs stay empty: a day's next commit, or
// its sealing, makes them, and until then its events are looked at one by one.
func (w *writer) fromLayout1() error {
	var days []int32
	if err := w.rows(`SELECT DISTINCT day FROM counts`, func(c []cells, i int) { days = append(days, c[0].i32(i)) }); err != nil {
		return err
	}
	for _, sql := range []string{
		`ALTER TABLE counts RENAME TO counts1`,
		createCounts,
		fmt.Sprintf(`INSERT INTO counts SELECT day, 0, gen, events, lines, %d FROM counts1`, time.Now().UnixMicro()),
		`DROP TABLE counts1`,
	} {
		if err := w.c.exec(sql); err != nil {
			return err
		}
	}
	for _, day := range days {
		if err := w.c.exec(createRunTable(hotRuns(day))); err != nil {
			return err
		}
	}
	return w.c.exec(`UPDATE meta SET version = ?`, int32(schemaVersion))
}
