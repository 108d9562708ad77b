package embedded

import (
	"fmt"
	"time"
)

// migrate creates the layout in an empty database, brings an older one up to date, in one transaction, and refuses one
// that a newer Veritail wrote.
func (w *writer) migrate() error {
	there := false
	err := w.rows(`SELECT 1 FROM duckdb_tables() WHERE schema_name = 'main' AND table_name = 'meta'`, func([]cells, int) { there = true })
	if err != nil {
		return err
	}
	if !there {
		return w.atomically(w.create)
	}
	version := 0
	if err := w.rows(`SELECT max(version) FROM meta`, func(c []cells, i int) { version = int(c[0].i32(i)) }); err != nil {
		return fmt.Errorf("read the store's layout: %w", err)
	}
	if version < 1 || version > schemaVersion {
		return fmt.Errorf("the store has layout %d, this Veritail writes layout %d: use the version of Veritail that wrote it or a newer one",
			version, schemaVersion)
	}
	if version == schemaVersion {
		return nil
	}
	err = w.atomically(func() error {
		for _, step := range migrations[version-1:] {
			if err := step(w); err != nil {
				return err
			}
		}
		return w.c.exec(`UPDATE meta SET version = ?`, int32(schemaVersion))
	})
	if err != nil {
		return fmt.Errorf("bring the store from layout %d to layout %d: %w", version, schemaVersion, err)
	}
	return nil
}

// create creates the layout.
func (w *writer) create() error {
	for _, sql := range createTables {
		if err := w.c.exec(sql); err != nil {
			return fmt.Errorf("create the store's tables: %w", err)
		}
	}
	return w.c.exec(`INSERT INTO meta VALUES (?, 0, 0)`, int32(schemaVersion))
}

// migrations are the steps from each layout to the next.
var migrations = []func(*writer) error{(*writer).fromLayout1, (*writer).fromLayout2, (*writer).fromLayout3, (*writer).fromLayout4, (*writer).fromLayout5,
	(*writer).fromLayout6}

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
	return nil
}

// fromLayout2 adds the sealed parts, of which there are none.
func (w *writer) fromLayout2() error { return w.c.exec(createSealed) }

// fromLayout3 begins to count the commits.
func (w *writer) fromLayout3() error {
	return w.c.exec(`ALTER TABLE meta ADD COLUMN commits BIGINT DEFAULT 0`)
}

// fromLayout4 begins to sum up the figures.
func (w *writer) fromLayout4() error {
	if err := w.c.exec(`ALTER TABLE meta ADD COLUMN rolled BIGINT`); err != nil {
		return err
	}
	return w.c.exec(`UPDATE meta SET rolled = (SELECT coalesce(sum(n), 0)::BIGINT FROM rollups)`)
}

// fromLayout5 adds the durations of sealed files. Those that there are have none: their events are looked at.
func (w *writer) fromLayout5() error {
	return w.c.exec(`ALTER TABLE sealed ADD COLUMN IF NOT EXISTS durations ` + durationsType)
}

// fromLayout6 adds how many events of a run have no message. Of the runs that there are it is not known.
func (w *writer) fromLayout6() error {
	var tables []string
	err := w.rows(`SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND (starts_with(table_name, 'runs_') OR starts_with(table_name, 'sealed_runs_'))`,
		func(c []cells, i int) { tables = append(tables, c[0].str(i)) })
	for _, table := range tables {
		if err == nil {
			err = w.c.exec("ALTER TABLE " + table + " ADD COLUMN IF NOT EXISTS " + bareColumn)
		}
	}
	return err
}
