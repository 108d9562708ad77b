package reproduce

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/rules/transactions/scratch"
)

// A table is what the statements name of one.
type table struct {
	name    string // as it is written
	columns []column
	rows    [][]transactions.Cell
}

type column struct {
	name string
	kind string // bigint, numeric, varchar(255); "": no value says it
	key  bool
}

// derive makes tables and rows of what the statements name.
func (c *Case) derive(all [][]transactions.Statement) error {
	var tables []*table
	for k, list := range all {
		for _, s := range list {
			cells, rows, err := s.Cells()
			if err != nil {
				return cannot("the tables cannot be made of what %s ran: %w; give them with -schema FILE", c.Names[k], err)
			}
			if s.Name == "" {
				return cannot("the tables cannot be made of what %s ran: %q names none; give them with -schema FILE", c.Names[k], oneLine(s.Text))
			}
			i := slices.IndexFunc(tables, func(t *table) bool { return strings.EqualFold(t.name, s.Name) })
			if i < 0 {
				i = len(tables)
				tables = append(tables, &table{name: s.Name})
			}
			for _, cell := range cells {
				tables[i].add(cell)
			}
			if s.Verb != "insert" && s.Verb != "replace" { // these make their rows themselves
				for _, row := range rows {
					tables[i].addRow(row)
				}
			}
		}
	}
	c.Derived = true
	for _, t := range tables {
		c.Tables = append(c.Tables, c.schemaOf(t.name)...)
		c.Tables = append(c.Tables, t.create(c.Kind))
		c.Rows = append(c.Rows, t.insert(c.Kind)...)
	}
	c.note("the tables are made of what the statements name: other columns, keys, indexes and triggers may matter; -schema gives the real ones")
	return nil
}

// schemaOf makes the schema of a name that has one; in MariaDB that is the database.
func (c *Case) schemaOf(name string) []string {
	at := strings.LastIndexByte(name, '.')
	if at < 0 || c.Kind != scratch.PostgreSQL {
		return nil
	}
	return []string{"CREATE SCHEMA IF NOT EXISTS " + name[:at]}
}

func (t *table) add(cell transactions.Cell) {
	i := slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, cell.Column) })
	if i < 0 {
		i = len(t.columns)
		t.columns = append(t.columns, column{name: cell.Column})
	}
	col := &t.columns[i]
	col.key = col.key || cell.Key
	if kind := kindOf(cell.Value); kind != "" && col.kind != "varchar(255)" {
		col.kind = kind
	}
}

// kindOf is the type of column that a value fits in.
func kindOf(value string) string {
	switch {
	case value == "":
		return ""
	case value[0] < '0' || value[0] > '9':
		return "varchar(255)"
	case strings.ContainsAny(value, ".eE"):
		return "numeric(30,10)"
	}
	return "bigint"
}

func (t *table) addRow(row []transactions.Cell) {
	same := func(o []transactions.Cell) bool { return slices.Equal(o, row) }
	if len(row) > 0 && !slices.ContainsFunc(t.rows, same) {
		t.rows = append(t.rows, row)
	}
}

func quote(kind scratch.Kind, name string) string {
	if kind == scratch.InnoDB {
		return "`" + strings.ReplaceAll(name, "`", "``") + "`"
	}
	if name == strings.ToLower(name) || strings.ToUpper(name) == name { // written without quotes, as a rule
		name = strings.ToLower(name)
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func (t *table) create(kind scratch.Kind) string {
	var parts, keys []string
	for _, c := range t.columns {
		what := c.kind
		if what == "" {
			what = "bigint"
		}
		if !c.key {
			what += " DEFAULT NULL"
		} else {
			what += " NOT NULL"
			keys = append(keys, quote(kind, c.name))
		}
		parts = append(parts, "  "+quote(kind, c.name)+" "+what)
	}
	if len(keys) == 0 {
		parts = append(parts, "  id bigint NOT NULL")
		keys = []string{"id"}
	}
	parts = append(parts, "  PRIMARY KEY ("+strings.Join(keys, ", ")+")")
	return fmt.Sprintf("CREATE TABLE %s (\n%s\n)", t.name, strings.Join(parts, ",\n"))
}

// insert makes the rows that are asked for: of each key's columns those values, of others 1.
func (t *table) insert(kind scratch.Kind) []string {
	if len(t.rows) == 0 {
		hasKey := slices.ContainsFunc(t.columns, func(c column) bool { return c.key })
		if hasKey {
			return nil
		}
		t.rows = [][]transactions.Cell{nil} // all rows are asked for: there has to be one
	}
	var out []string
	for _, row := range t.rows {
		var names, values []string
		for _, c := range t.columns {
			value := "1"
			i := slices.IndexFunc(row, func(cell transactions.Cell) bool { return strings.EqualFold(cell.Column, c.name) })
			if i >= 0 {
				value = row[i].Value
			} else if c.kind == "varchar(255)" {
				value = "'1'"
			}
			names, values = append(names, quote(kind, c.name)), append(values, value)
		}
		if !slices.ContainsFunc(t.columns, func(c column) bool { return c.key }) {
			names, values = append(names, "id"), append(values, "1")
		}
		out = append(out, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", t.name, strings.Join(names, ", "), strings.Join(values, ", ")))
	}
	return out
}
